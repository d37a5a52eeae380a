"""One named sensor per job kind: each says which arguments name a job, and nothing else."""

from __future__ import annotations

from typing import Any

from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.sensors._base import BdaJobSensor

__all__ = ["BdaInvocationSensor"]


class BdaInvocationSensor(BdaJobSensor):
    """Wait for a Bedrock Data Automation job (GetDataAutomationStatus).

    Also takes the arguments of :class:`~airflow_provider_bda.sensors._base.BdaJobSensor`.

    :param invocation_arn: (templated) the job's ARN, or the dict that ``BdaInvokeOperator`` returned.
    """

    job = DATA_AUTOMATION

    def __init__(self, *, invocation_arn: str | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(handle={"invocationArn": invocation_arn}, **kwargs)
