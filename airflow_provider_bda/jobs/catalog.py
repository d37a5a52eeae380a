"""Every job kind this package knows: the file to open first.

One literal a kind. The trigger, the poll decision, the sensors' answer, the emulator's state
machine, the reference page and the parametrised tests derive from it; a contract test holds each
against botocore's own model of the service.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from airflow_provider_bda.jobs.kind import JobKind

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA_AUTOMATION = JobKind(
    name="data_automation",
    title="Bedrock Data Automation job",
    service="bedrock-data-automation-runtime",
    start="InvokeDataAutomationAsync",
    describe="GetDataAutomationStatus",
    handle=("invocationArn",),
    status_at=("status",),
    error_type_at=("errorType",),
    error_message_at=("errorMessage",),
    pending=frozenset({"Created", "InProgress"}),
    succeeded=frozenset({"Success"}),
    rejected=frozenset({"ClientError"}),
    broken=frozenset({"ServiceError"}),
    token="clientToken",  # noqa: S106 - the name of a request member, no secret
    result=(
        ("invocation_arn", ("invocationArn",)),
        ("output_s3_uri", ("outputConfiguration", "s3Uri")),
        ("job_submission_time", ("jobSubmissionTime",)),
        ("job_completion_time", ("jobCompletionTime",)),
        ("job_duration_in_seconds", ("jobDurationInSeconds",)),
    ),
    poll_interval=10.0,
)

#: By name. Only ever added to: a stored trigger names its kind.
JOB_KINDS: Mapping[str, JobKind] = MappingProxyType({kind.name: kind for kind in (DATA_AUTOMATION,)})
