"""The operator that runs a Bedrock model asynchronously."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import check_each, check_s3_uri, check_tags
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks._job_files import read_embedding
from airflow_provider_bda.hooks.bedrock_async_invoke import BedrockAsyncInvokeHook
from airflow_provider_bda.jobs.catalog import ASYNC_INVOKE
from airflow_provider_bda.jobs.kind import Outcome, dig
from airflow_provider_bda.operators._base import BdaJobOperator
from airflow_provider_bda.operators._flaws import Flaws
from airflow_provider_bda.operators._kinds import BdaKindOperator
from airflow_provider_bda.operators._tags import all_tags
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bda.jobs.event import JobEvent

__all__ = ["BedrockStartAsyncInvokeOperator"]

_FAILED_SEGMENTS = "failedSegments"
_OUTPUT = ("outputDataConfig", "s3OutputDataConfig", "s3Uri")
#: How far before the run's start a lost invoke is looked for, and how far back if the start is not known.
_BEFORE_START = timedelta(hours=1)
_LOOK_BACK = timedelta(days=7)


class BedrockStartAsyncInvokeOperator(BdaKindOperator):
    """Run a Bedrock model that writes its answer to S3, and wait for it (StartAsyncInvoke).

    For models of video, embeddings of long media, and others that take minutes. Also takes the arguments of
    :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    A retry that knows no handle looks for its invoke by the request token in the account's list
    (ListAsyncInvokes) before it starts one.

    :param model_id: (templated) the model's id or ARN.
    :param model_input: (templated) the model's own request, as its page of the user guide has it.
    :param output_s3_uri: (templated) the prefix under which the model writes ``<invoke id>/``.
    :param kms_key_id: (templated) the customer's KMS key for the output (an ARN).
    :param bucket_owner: (templated) the account that owns the bucket, if it is another.
    :param tags: (templated) tags of the invoke. ``airflow_dag_id``, ``airflow_task_id`` and ``[bda]
        default_tags`` are added unless ``[bda] airflow_tags`` is off.
    :param client_request_token: (templated) the idempotency token. None builds one that is the same for every
        try of this task instance.
    :param fail_on_partial: whether segments that failed (embedding models) fail the task: a Completed invoke may
        hold some. Reads ``segmented-embedding-result.json``; where it cannot be read, the task fails too.
    :returns: ``kind, handle, status, partial, invocation_arn, model_arn, output_s3_uri, submit_time, end_time``,
        and ``failures`` if there are any.
    """

    # A Completed invoke counts as partial where describe() found failed segments.
    job = replace(ASYNC_INVOKE, flaws_at=((_FAILED_SEGMENTS,),))
    hook_class = BedrockAsyncInvokeHook
    ui_color = "#d7e3ec"
    lineage_inputs = ("model_input",)
    lineage_outputs = ("output_s3_uri",)
    template_fields: Sequence[str] = (
        "model_id",
        "model_input",
        "output_s3_uri",
        "kms_key_id",
        "bucket_owner",
        "tags",
        "client_request_token",
        *BdaJobOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "model_input": "json",
        "tags": "json",
        "botocore_config": "json",
    }

    def __init__(
        self,
        *,
        model_id: str,
        model_input: dict[str, Any],
        output_s3_uri: str,
        kms_key_id: str | None = None,
        bucket_owner: str | None = None,
        tags: dict[str, str] | None = None,
        client_request_token: str | None = None,
        fail_on_partial: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.model_id = model_id
        self.model_input = model_input
        self.output_s3_uri = output_s3_uri
        self.kms_key_id = kms_key_id
        self.bucket_owner = bucket_owner
        self.tags = tags
        self.client_request_token = client_request_token
        self.fail_on_partial = fail_on_partial
        if fail_on_partial and (self.end_from_trigger or not self.wait_for_completion):
            raise BdaInputError(
                "fail_on_partial: failed segments stand in the result file, which a worker reads when the invoke has "
                "ended; leave out end_from_trigger, and wait for completion"
            )
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        checks = {"output_s3_uri": (self.output_s3_uri, check_s3_uri), "tags": (self.tags, check_tags)}
        check_each(checks, everything=everything)

    @property
    def own_token(self) -> str | None:
        """The token the Dag author chose, if any."""
        return self.client_request_token

    def request(self, context: Any) -> dict[str, Any]:
        """Build the request of StartAsyncInvoke."""
        self._check(everything=True)
        output = {"s3Uri": self._output_root}
        if self.kms_key_id:
            output["kmsKeyId"] = self.kms_key_id
        if self.bucket_owner:
            output["bucketOwner"] = self.bucket_owner
        request: dict[str, Any] = {
            "modelId": self.model_id,
            "modelInput": self.model_input,
            "outputDataConfig": {"s3OutputDataConfig": output},
        }
        if tags := all_tags(context, self.tags, ascii_only=True):
            request["tags"] = tags
        return request

    @property
    def _output_root(self) -> str:
        return self.output_s3_uri.rstrip("/")

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Start the invoke; a retry first looks whether an earlier try did, and only its answer was lost."""
        if self._context["ti"].try_number > 1:
            try:
                found = self.hook.find_by_token(request["clientRequestToken"], self._not_before())
            except CALL_ERRORS as raised:
                error = call_error(raised)
                self.log.warning(
                    "invokes could not be listed, so the token alone keeps this one single: %s", error
                )
            else:
                if found is not None:
                    return {"invocationArn": found}
        return super().start(request)

    def _not_before(self) -> datetime:
        begun = getattr(self._context.get("dag_run"), "start_date", None)
        if isinstance(begun, datetime):
            return begun - _BEFORE_START
        return datetime.now(UTC) - _LOOK_BACK

    def describe(self, handle: Mapping[str, str]) -> dict[str, Any]:
        """Ask for the status; of a Completed invoke also for its segments, if they may fail the task."""
        answer = super().describe(handle)
        if self.fail_on_partial and ASYNC_INVOKE.outcome_of(answer) is Outcome.SUCCEEDED:
            try:
                result = read_embedding(self.hook, handle["invocationArn"], str(dig(answer, _OUTPUT)))
            except (*CALL_ERRORS, ValueError) as error:
                # The end of the wait reads it again, and says so.
                self.log.warning("its result could not be read: %s: %s", type(error).__name__, error)
            else:
                answer[_FAILED_SEGMENTS] = len(result.failed)
        return answer

    def flaws(self, event: JobEvent) -> Flaws:
        """Answer the failed segments, if they may fail the task."""
        return super().flaws(event) if self.fail_on_partial else Flaws()

    def output_s3_uri_of(self, handle: Mapping[str, str]) -> str:
        """Answer where the model will write."""
        return f"{self._output_root}/{handle['invocationArn'].rsplit('/', 1)[-1]}"
