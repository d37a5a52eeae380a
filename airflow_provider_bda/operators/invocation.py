"""Operators that send a document, image, audio or video through Bedrock Data Automation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import (
    check_each,
    check_object_uri,
    check_queue_url,
    check_s3_uri,
    check_tags,
    check_video_segment,
)
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.links import BdaMonitorLink, BdaOutputLink, BdaProjectLink
from airflow_provider_bda.operators._base import BdaJobOperator
from airflow_provider_bda.operators._invoke_sync import BdaInvokeSyncOperator
from airflow_provider_bda.operators._request import DataAutomationRequest
from airflow_provider_bda.operators._tags import notification_and_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BdaInvokeOperator", "BdaInvokeSyncOperator"]


class BdaInvokeOperator(DataAutomationRequest, BdaJobOperator):
    """Send one file through Bedrock Data Automation and wait for its output (InvokeDataAutomationAsync).

    Does not read the output: use :meth:`BedrockDataAutomationRuntimeHook.get_results` on the returned
    ``output_s3_uri``. Also takes the arguments of :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param input_s3_uri: (templated) the file.
    :param output_s3_uri: (templated) the prefix under which the service writes ``<job id>/job_metadata.json``.
    :param project: (templated) the project's ARN, or its name (looked up; it must be unique).
    :param project_stage: (templated) "LIVE" or "DEVELOPMENT"; None leaves it to the service (LIVE).
    :param blueprints: (templated) ARNs, names, or dicts as the API has them
        (``{"blueprintArn": ..., "version": ..., "stage": ...}``); 1 to 40.
    :param profile_arn: (templated) the data-automation profile; None builds it from the Region, and the
        account from the project or blueprint, else from STS.
    :param video_segment: (templated) (start, end) in milliseconds: the part of a video to process.
    :param kms_key_id: (templated) the customer's KMS key for the output.
    :param kms_encryption_context: (templated) up to ten pairs; needs ``kms_key_id``.
    :param event_bridge_enabled: (templated) whether the service also sends events to EventBridge.
    :param completion_queue: (templated) URL of an SQS queue that gets these events: deferred, the task then ends moments
        after its job. It switches ``event_bridge_enabled`` on.
    :param tags: (templated) tags of the job. ``airflow_dag_id``, ``airflow_task_id`` and ``[bda] default_tags``
        are added unless ``[bda] airflow_tags`` is off.
    :param client_token: (templated) the idempotency token. None builds one that is the same for every try of
        this task instance, so that a crash never buys a second job.
    :returns: ``kind, handle, status, partial, invocation_arn, output_s3_uri`` (the job_metadata.json),
        ``job_submission_time, job_completion_time, job_duration_in_seconds``.
    """

    job = DATA_AUTOMATION
    hook_class = BedrockDataAutomationRuntimeHook
    operator_extra_links = (BdaMonitorLink(), BdaOutputLink(), BdaProjectLink())
    ui_color = "#d7ece8"
    lineage_inputs = ("input_s3_uri",)
    lineage_outputs = ("output_s3_uri",)
    template_fields: Sequence[str] = (
        "input_s3_uri",
        "output_s3_uri",
        *DataAutomationRequest.processing_template_fields,
        "video_segment",
        "event_bridge_enabled",
        "completion_queue",
        "tags",
        "client_token",
        *BdaJobOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DataAutomationRequest.template_fields_renderers,
        "tags": "json",
    }

    def __init__(
        self,
        *,
        input_s3_uri: str,
        output_s3_uri: str,
        project: str | None = None,
        project_stage: str | None = None,
        blueprints: list[str | dict[str, str]] | None = None,
        profile_arn: str | None = None,
        video_segment: tuple[int, int] | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        event_bridge_enabled: bool | str = False,
        completion_queue: str | None = None,
        tags: dict[str, str] | None = None,
        client_token: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_s3_uri = input_s3_uri
        self.output_s3_uri = output_s3_uri
        self.project = project
        self.project_stage = project_stage
        self.blueprints = blueprints
        self.profile_arn = profile_arn
        self.video_segment = video_segment
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        self.event_bridge_enabled = event_bridge_enabled
        self.completion_queue = completion_queue
        self.tags = tags
        self.client_token = client_token
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        check_each(
            {
                "input_s3_uri": (self.input_s3_uri, check_object_uri),
                "output_s3_uri": (self.output_s3_uri, check_s3_uri),
                "video_segment": (self.video_segment, check_video_segment),
                "completion_queue": (self.completion_queue, check_queue_url),
                "tags": (self.tags, check_tags),
            },
            everything=everything,
        )
        self.check_processing(everything=everything)

    @property
    def own_token(self) -> str | None:
        """The token the Dag author chose, if any."""
        return self.client_token

    def request(self, context: Any) -> dict[str, Any]:
        """Build the request of InvokeDataAutomationAsync."""
        self._check(everything=True)
        request: dict[str, Any] = {
            "inputConfiguration": self._input(),
            "outputConfiguration": {"s3Uri": self._output_root},
            **self.processing(),
        }
        return request | notification_and_tags(
            context, self.tags, event_bridge_enabled=bool(self.completion_queue) or self.event_bridge_enabled
        )

    def _input(self) -> dict[str, Any]:
        if not self.video_segment:
            return {"s3Uri": self.input_s3_uri}
        start, end = (int(edge) for edge in self.video_segment)
        segment = {"timestampSegment": {"startTimeMillis": start, "endTimeMillis": end}}
        return {
            "s3Uri": self.input_s3_uri,
            "assetProcessingConfiguration": {"video": {"segmentConfiguration": segment}},
        }

    def output_s3_uri_of(self, handle: Mapping[str, str]) -> str:
        """Answer where the job's metadata will be: the layout the service documents."""
        return f"{self._output_prefix(handle)}job_metadata.json"

    @property
    def _output_root(self) -> str:
        # One form on the wire, so that where the output will be is known however the service joins the parts.
        return self.output_s3_uri.rstrip("/")

    def _output_prefix(self, handle: Mapping[str, str]) -> str:
        return f"{self._output_root}/{handle['invocationArn'].rsplit('/', 1)[-1]}/"

    def push_links(self, context: Any, handle: Mapping[str, str], request: Mapping[str, Any]) -> None:
        """Push the links to the output and the project."""
        self.push_console_links(context, self._output_prefix(handle), request)
