"""The preflight: whether everything is there that a job of Bedrock Data Automation needs.

``python -m airflow_provider_bda.check`` and ``BedrockDataAutomationRuntimeHook.check()``.
"""

from __future__ import annotations

from airflow_provider_bda.check.findings import Finding, Report, Verdict
from airflow_provider_bda.check.preflight import run_checks
from airflow_provider_bda.check.scene import Plan

__all__ = ["Finding", "Plan", "Report", "Verdict", "run_checks"]
