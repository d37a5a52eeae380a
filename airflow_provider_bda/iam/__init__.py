"""Which AWS permissions a job and a batch need, by who needs them: worker, triggerer, api-server, preflight.

``python -m airflow_provider_bda.iam worker --region us-east-1 ...`` prints a policy; ``docs/iam.md`` is
``--markdown`` of it.
"""

from __future__ import annotations

from airflow_provider_bda.iam.batch import batch_needs
from airflow_provider_bda.iam.policy import Need, Who, find, needs, policy, statement
from airflow_provider_bda.iam.scope import Scope

__all__ = ["Need", "Scope", "Who", "batch_needs", "find", "needs", "policy", "statement"]
