"""One named sensor per job kind: each says which arguments name a job, and nothing else.

Kinds whose items can fail one by one say which did, as their operators do.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._checks import check_queue_url
from airflow_provider_bda.exceptions import BdaInputError, BdaJobLost
from airflow_provider_bda.hooks.lookout_equipment import SERVICE_ENDED, LookoutEquipmentHook
from airflow_provider_bda.jobs.catalog import (
    ASYNC_INVOKE,
    BLUEPRINT_OPTIMIZATION,
    DATA_AUTOMATION,
    EQUIPMENT_INGESTION,
    KNOWLEDGE_BASE_INGESTION,
    LIBRARY_INGESTION,
    PROJECT,
)
from airflow_provider_bda.jobs.kind import Outcome
from airflow_provider_bda.operators._flaws import Flaws, flaws_of, with_flaws
from airflow_provider_bda.sensors._base import BdaJobSensor
from airflow_provider_bda.waiting.errors import CALL_ERRORS

if TYPE_CHECKING:
    from airflow_provider_bda.jobs.event import JobEvent

__all__ = [
    "BdaBlueprintOptimizationSensor",
    "BdaInvocationSensor",
    "BdaLibraryIngestionSensor",
    "BdaProjectSensor",
    "BedrockAsyncInvokeSensor",
    "BedrockKnowledgeBaseIngestionSensor",
    "LookoutEquipmentDataIngestionSensor",
]


class BdaInvocationSensor(BdaJobSensor):
    """Wait for a Bedrock Data Automation job (GetDataAutomationStatus).

    Also takes the arguments of :class:`~airflow_provider_bda.sensors._base.BdaJobSensor`.

    :param invocation_arn: (templated) the job's ARN, or the dict that ``BdaInvokeOperator`` returned.
    :param completion_queue: URL of an SQS queue that gets the events of a job submitted with
        ``event_bridge_enabled``: deferred, the sensor then ends moments after the job.
    """

    job = DATA_AUTOMATION

    def __init__(
        self, *, invocation_arn: str | dict[str, Any], completion_queue: str | None = None, **kwargs: Any
    ) -> None:
        if completion_queue is not None:
            check_queue_url("completion_queue", completion_queue)
        # Before the base, which may build the trigger's arguments at once.
        self.completion_queue = completion_queue
        super().__init__(handle={"invocationArn": invocation_arn}, **kwargs)


class _ItemsSensor(BdaJobSensor):
    """A sensor on a kind whose items can fail one by one.

    :param fail_on_partial: whether failed items fail the task.
    """

    def __init__(self, *, fail_on_partial: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fail_on_partial = fail_on_partial

    def flaws(self, event: JobEvent) -> Flaws:
        """Answer what failed within the ended job."""
        return flaws_of(self.hook, event)

    def _finish(self, event: JobEvent) -> dict[str, Any]:
        if event.outcome in {Outcome.TIMEOUT, Outcome.LOST}:
            return super()._finish(event)
        try:
            flaws = self.flaws(event)
        except (*CALL_ERRORS, ValueError) as error:
            raise BdaJobLost(
                f"{self.job.title} {self.job.describe_handle(event.handle)} ended as {event.status}, but its result "
                f"could not be read, so it counts as no success: {type(error).__name__}: {error}. A retry reads it "
                "again",
                kind=self.job.name,
                handle=event.handle,
                status=event.status,
                error_type=type(error).__name__,
                error_message=str(error),
            ) from error
        result = super()._finish(with_flaws(event, flaws))
        return {**result, "failures": flaws.to_list()} if flaws.failures else result


class BedrockAsyncInvokeSensor(_ItemsSensor):
    """Wait for an asynchronous invoke of a Bedrock model (GetAsyncInvoke).

    Also takes the arguments of :class:`~airflow_provider_bda.sensors._base.BdaJobSensor`.

    :param invocation_arn: (templated) its ARN, or the dict that ``BedrockStartAsyncInvokeOperator`` returned.
    :param fail_on_partial: whether segments that failed (embedding models) fail the task; reads the result file.
    """

    job = ASYNC_INVOKE

    def __init__(self, *, invocation_arn: str | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(handle={"invocationArn": invocation_arn}, **kwargs)
        if self.fail_on_partial and self.end_from_trigger:
            raise BdaInputError(
                "fail_on_partial: failed segments stand in the result file, which a worker reads; leave out "
                "end_from_trigger"
            )

    def flaws(self, event: JobEvent) -> Flaws:
        """Answer the failed segments, if they may fail the task."""
        return super().flaws(event) if self.fail_on_partial else Flaws()


class BdaLibraryIngestionSensor(_ItemsSensor):
    """Wait for a library ingestion job (GetDataAutomationLibraryIngestionJob).

    Also takes the arguments of :class:`~airflow_provider_bda.sensors._base.BdaJobSensor`.

    :param library_arn: (templated) the library, or the dict that ``BdaIngestLibraryOperator`` returned.
    :param job_arn: (templated) the job; left out where ``library_arn`` is the dict.
    :param fail_on_partial: whether entities that failed fail the task.
    """

    job = LIBRARY_INGESTION

    def __init__(
        self, *, library_arn: str | dict[str, Any], job_arn: str | dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        both = job_arn if job_arn is not None else library_arn
        super().__init__(handle={"libraryArn": library_arn, "jobArn": both}, **kwargs)


class BdaBlueprintOptimizationSensor(BdaJobSensor):
    """Wait for a blueprint optimization (GetBlueprintOptimizationStatus).

    Also takes the arguments of :class:`~airflow_provider_bda.sensors._base.BdaJobSensor`.

    :param invocation_arn: (templated) its ARN, or the dict that ``BdaOptimizeBlueprintOperator`` returned.
    """

    job = BLUEPRINT_OPTIMIZATION

    def __init__(self, *, invocation_arn: str | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(handle={"invocationArn": invocation_arn}, **kwargs)


class BdaProjectSensor(BdaJobSensor):
    """Wait until a project is ready at a stage (GetDataAutomationProject).

    Also takes the arguments of :class:`~airflow_provider_bda.sensors._base.BdaJobSensor`.

    :param project_arn: (templated) its ARN, or the dict that an operator on projects returned.
    :param project_stage: (templated) "LIVE" or "DEVELOPMENT"; passed over where ``project_arn`` is the dict.
    """

    job = PROJECT

    def __init__(
        self, *, project_arn: str | dict[str, Any], project_stage: str = "LIVE", **kwargs: Any
    ) -> None:
        super().__init__(handle={"projectArn": project_arn, "projectStage": project_stage}, **kwargs)


class LookoutEquipmentDataIngestionSensor(_ItemsSensor):
    """Wait for a data ingestion job of Lookout for Equipment (DescribeDataIngestionJob).

    AWS ended this service on 2026-10-07. Also takes the arguments of
    :class:`~airflow_provider_bda.sensors._base.BdaJobSensor`.

    :param job_id: (templated) the job, or the dict that
        ``LookoutEquipmentStartDataIngestionJobOperator`` returned.
    :param fail_on_partial: whether discarded files fail the task.
    """

    job = EQUIPMENT_INGESTION

    def __init__(self, *, job_id: str | dict[str, Any], **kwargs: Any) -> None:
        super().__init__(handle={"JobId": job_id}, **kwargs)

    def execute(self, context: Any) -> Any:
        """Say how it stands with the service, and wait."""
        self.log.warning("%s", SERVICE_ENDED)
        return super().execute(context)

    @cached_property
    def hook(self) -> Any:
        """The hook that says so where no endpoint answers."""
        return LookoutEquipmentHook.for_target(self.target)


class BedrockKnowledgeBaseIngestionSensor(_ItemsSensor):
    """Wait for an ingestion job of a knowledge base (GetIngestionJob).

    Also takes the arguments of :class:`~airflow_provider_bda.sensors._base.BdaJobSensor`.

    :param knowledge_base_id: (templated) the knowledge base, or the dict that
        ``BedrockKnowledgeBaseIngestionOperator`` returned; then leave out the other two.
    :param data_source_id: (templated) its data source.
    :param ingestion_job_id: (templated) the job.
    :param fail_on_partial: whether documents that failed fail the task.
    """

    job = KNOWLEDGE_BASE_INGESTION

    def __init__(
        self,
        *,
        knowledge_base_id: str | dict[str, Any],
        data_source_id: str | dict[str, Any] | None = None,
        ingestion_job_id: str | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        handle = {
            "knowledgeBaseId": knowledge_base_id,
            "dataSourceId": knowledge_base_id if data_source_id is None else data_source_id,
            "ingestionJobId": knowledge_base_id if ingestion_job_id is None else ingestion_job_id,
        }
        super().__init__(handle=handle, **kwargs)
