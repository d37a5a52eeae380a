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

# Where a service has one word for every failure (Failed, FAILED) and blames nobody, the word stands under
# `broken`: whether another job is tried is then up to the task's `retries`, and no retry is forbidden unasked.

ASYNC_INVOKE = JobKind(
    name="async_invoke",
    title="Bedrock async invoke",
    service="bedrock-runtime",
    start="StartAsyncInvoke",
    describe="GetAsyncInvoke",
    handle=("invocationArn",),
    status_at=("status",),
    error_message_at=("failureMessage",),
    pending=frozenset({"InProgress"}),
    succeeded=frozenset({"Completed"}),
    broken=frozenset({"Failed"}),
    token="clientRequestToken",  # noqa: S106 - the name of a request member, no secret
    result=(
        ("invocation_arn", ("invocationArn",)),
        ("model_arn", ("modelArn",)),
        ("output_s3_uri", ("outputDataConfig", "s3OutputDataConfig", "s3Uri")),
        ("submit_time", ("submitTime",)),
        ("end_time", ("endTime",)),
    ),
    poll_interval=15.0,
    list_operation="ListAsyncInvokes",
    listed_at=("asyncInvokeSummaries",),
)

LIBRARY_INGESTION = JobKind(
    name="library_ingestion",
    title="Data Automation library ingestion job",
    service="bedrock-data-automation",
    start="InvokeDataAutomationLibraryIngestionJob",
    describe="GetDataAutomationLibraryIngestionJob",
    handle=("libraryArn", "jobArn"),
    status_at=("job", "jobStatus"),
    error_type_at=("job", "errorType"),
    error_message_at=("job", "errorMessage"),
    pending=frozenset({"IN_PROGRESS"}),
    succeeded=frozenset({"COMPLETED"}),
    partial=frozenset({"COMPLETED_WITH_ERRORS"}),
    broken=frozenset({"FAILED"}),
    token="clientToken",  # noqa: S106 - the name of a request member, no secret
    result=(
        ("job_arn", ("jobArn",)),
        ("library_arn", ("libraryArn",)),
        ("entity_type", ("job", "entityType")),
        ("operation_type", ("job", "operationType")),
        ("output_s3_uri", ("job", "outputConfiguration", "s3Uri")),
        ("creation_time", ("job", "creationTime")),
        ("completion_time", ("job", "completionTime")),
    ),
    poll_interval=10.0,
    list_operation="ListDataAutomationLibraryIngestionJobs",
    listed_at=("jobs",),
)

BLUEPRINT_OPTIMIZATION = JobKind(
    name="blueprint_optimization",
    title="blueprint optimization job",
    service="bedrock-data-automation",
    start="InvokeBlueprintOptimizationAsync",
    describe="GetBlueprintOptimizationStatus",
    handle=("invocationArn",),
    status_at=("status",),
    error_type_at=("errorType",),
    error_message_at=("errorMessage",),
    pending=frozenset({"Created", "InProgress"}),
    succeeded=frozenset({"Success"}),
    rejected=frozenset({"ClientError"}),
    broken=frozenset({"ServiceError"}),
    # No token: the service takes none, so a start whose answer is lost may be repeated.
    result=(
        ("invocation_arn", ("invocationArn",)),
        ("output_s3_uri", ("outputConfiguration", "s3Object", "s3Uri")),
    ),
    poll_interval=15.0,
)

PROJECT = JobKind(
    name="project",
    title="Data Automation project",
    service="bedrock-data-automation",
    start="CreateDataAutomationProject",
    also_started_by=("UpdateDataAutomationProject",),
    describe="GetDataAutomationProject",
    # With the stage: without it the service answers LIVE, which is another job's status.
    handle=("projectArn", "projectStage"),
    status_at=("project", "status"),
    pending=frozenset({"IN_PROGRESS"}),
    succeeded=frozenset({"COMPLETED"}),
    broken=frozenset({"FAILED"}),
    token="clientToken",  # noqa: S106 - the name of a request member, no secret
    result=(
        ("project_arn", ("projectArn",)),
        ("project_name", ("project", "projectName")),
        ("project_stage", ("projectStage",)),
        ("project_type", ("project", "projectType")),
        ("last_modified_time", ("project", "lastModifiedTime")),
    ),
    poll_interval=5.0,
)

LIBRARY_DELETION = JobKind(
    name="library_deletion",
    title="deletion of a Data Automation library",
    service="bedrock-data-automation",
    start="DeleteDataAutomationLibrary",
    describe="GetDataAutomationLibrary",
    handle=("libraryArn",),
    status_at=("library", "status"),
    # ACTIVE too: just after the call a reader may still see the library as it was.
    pending=frozenset({"ACTIVE", "DELETING"}),
    gone_is_success=True,
    result=(("library_arn", ("libraryArn",)),),
    poll_interval=5.0,
)

EQUIPMENT_INGESTION = JobKind(
    name="equipment_ingestion",
    title="Lookout for Equipment data ingestion job",
    service="lookoutequipment",
    start="StartDataIngestionJob",
    describe="DescribeDataIngestionJob",
    handle=("JobId",),
    status_at=("Status",),
    error_message_at=("FailedReason",),
    # IMPORT_IN_PROGRESS: the same job, when its data comes from another dataset.
    pending=frozenset({"IN_PROGRESS", "IMPORT_IN_PROGRESS"}),
    succeeded=frozenset({"SUCCESS"}),
    broken=frozenset({"FAILED"}),
    token="ClientToken",  # noqa: S106 - the name of a request member, no secret
    result=(
        ("job_id", ("JobId",)),
        ("dataset_arn", ("DatasetArn",)),
        ("created_at", ("CreatedAt",)),
        ("status_detail", ("StatusDetail",)),
        ("ingested_data_size", ("IngestedDataSize",)),
        ("data_start_time", ("DataStartTime",)),
        ("data_end_time", ("DataEndTime",)),
        ("ingested_files_summary", ("IngestedFilesSummary",)),
        ("data_quality_summary", ("DataQualitySummary",)),
    ),
    poll_interval=30.0,
    list_operation="ListDataIngestionJobs",
    listed_at=("DataIngestionJobSummaries",),
    flaws_at=(("IngestedFilesSummary", "DiscardedFiles"),),
)

KNOWLEDGE_BASE_INGESTION = JobKind(
    name="knowledge_base_ingestion",
    title="knowledge base ingestion job",
    service="bedrock-agent",
    start="StartIngestionJob",
    started_at=("ingestionJob",),
    describe="GetIngestionJob",
    handle=("knowledgeBaseId", "dataSourceId", "ingestionJobId"),
    status_at=("ingestionJob", "status"),
    error_message_at=("ingestionJob", "failureReasons"),
    pending=frozenset({"STARTING", "IN_PROGRESS", "STOPPING"}),
    succeeded=frozenset({"COMPLETE"}),
    # STOPPED is no success, and no fault of the request: a worker's on_kill stops the job, and the next try of
    # that task must start a new one, which `rejected` would forbid.
    broken=frozenset({"FAILED", "STOPPED"}),
    token="clientToken",  # noqa: S106 - the name of a request member, no secret
    result=(
        ("knowledge_base_id", ("knowledgeBaseId",)),
        ("data_source_id", ("dataSourceId",)),
        ("ingestion_job_id", ("ingestionJobId",)),
        ("statistics", ("ingestionJob", "statistics")),
        ("failure_reasons", ("ingestionJob", "failureReasons")),
        ("started_at", ("ingestionJob", "startedAt")),
        ("updated_at", ("ingestionJob", "updatedAt")),
    ),
    poll_interval=20.0,
    list_operation="ListIngestionJobs",
    listed_at=("ingestionJobSummaries",),
    stop_operation="StopIngestionJob",
    flaws_at=(("ingestionJob", "statistics", "numberOfDocumentsFailed"),),
)

_KINDS = (
    DATA_AUTOMATION,
    ASYNC_INVOKE,
    LIBRARY_INGESTION,
    BLUEPRINT_OPTIMIZATION,
    PROJECT,
    LIBRARY_DELETION,
    EQUIPMENT_INGESTION,
    KNOWLEDGE_BASE_INGESTION,
)

#: By name. Only ever added to: a stored trigger names its kind.
JOB_KINDS: Mapping[str, JobKind] = MappingProxyType({kind.name: kind for kind in _KINDS})
