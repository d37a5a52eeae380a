"""The heart: what a job is and when it is over. Pure Python."""

from __future__ import annotations

from airflow_provider_bda.jobs.catalog import JOB_KINDS
from airflow_provider_bda.jobs.kind import JobKind, Outcome

__all__ = ["JOB_KINDS", "JobKind", "Outcome"]
