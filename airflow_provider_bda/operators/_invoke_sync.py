"""The synchronous call: one small file processed while the worker waits, with no job behind it.

The call has no idempotency token and no handle. So it is never repeated behind the Dag author's back: boto's
own retries are off, and what may have been processed without an answer is said to be so.
"""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any, ClassVar

from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_provider_bda._checks import (
    check_each,
    check_object_uri,
    check_s3_uri,
    check_sync_bytes,
    check_sync_input,
    duration,
)
from airflow_provider_bda.exceptions import (
    BdaInputError,
    BdaJobBroken,
    BdaJobError,
    BdaJobLost,
    BdaJobRejected,
    BdaJobTimeout,
)
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.jobs.decision import STALE_CREDENTIALS, CallError, Nature
from airflow_provider_bda.links import BdaOutputLink, BdaProjectLink
from airflow_provider_bda.operators._aws import BdaAwsOperator, execution_limit
from airflow_provider_bda.operators._identity import QUOTA
from airflow_provider_bda.operators._lookups import before_submit
from airflow_provider_bda.operators._request import DataAutomationRequest
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

#: Seconds the call may take unless the task says otherwise.
DEFAULT_WAIT = 300.0
PAUSE_MAX = 20.0


class BdaInvokeSyncOperator(DataAutomationRequest, BdaAwsOperator):
    """Send one small file through Bedrock Data Automation and wait for the answer on the worker (InvokeDataAutomation).

    For documents of at most 10 pages and 50 MB (no DOCX) and for images, where seconds count; its project is one of
    type SYNC. **The call has no idempotency token**: each try of the task is a call that is paid. Where a crash must
    not cost a second time, use ``BdaInvokeOperator``. Takes the arguments of
    :class:`~airflow_provider_bda.operators._aws.BdaAwsOperator` too.

    With ``output_s3_uri`` the service writes the output there, and it is read with
    :meth:`BedrockDataAutomationRuntimeHook.get_results`. Without, the output comes with the answer; what was *read
    in the file* would then become an XCom, so it is left out unless ``return_output`` asks for it, and the answer
    says which blueprint matched: enough to sort files by kind.

    :param input_s3_uri: (templated) the file. Exactly one of this and ``input_bytes``.
    :param input_bytes: the file's bytes, or a function of the task's context that reads them on the worker
        (``lambda context: Path("/mnt/scans/a.png").read_bytes()``). Not templated: Airflow stores rendered fields
        in its database and shows them.
    :param output_s3_uri: (templated) the prefix under which the service writes ``<id>/job_metadata.json``.
    :param project: (templated) the project's ARN, or its name.
    :param project_stage: (templated) "LIVE" or "DEVELOPMENT"; None leaves it to the service (LIVE).
    :param blueprints: (templated) ARNs, names, or dicts as the API has them; 1 to 40.
    :param profile_arn: (templated) the data-automation profile; None builds it.
    :param kms_key_id: (templated) the customer's KMS key.
    :param kms_encryption_context: (templated) up to ten pairs; needs ``kms_key_id``.
    :param return_output: whether to return the output that came with the answer, values and all.
    :param wait_timeout: seconds (or a timedelta) for the call, waiting out of throttling included. None means
        5 minutes; ``execution_timeout`` counts if it is lower.
    :returns: ``semantic_modality, output_s3_uri, segments``: the last a list of ``custom_output_status,
        blueprint_arn, blueprint_name, blueprint_confidence, document_class``, and with ``return_output`` also
        ``custom_output`` and ``standard_output``.
    :raises BdaInputError: an argument cannot work; nothing was sent.
    :raises BdaJobRejected: the service refused the request or the file; Airflow does not retry.
    :raises BdaJobBroken: the service failed; a retry sends the file again.
    :raises BdaJobLost: there was no answer; the file may have been processed and billed.
    :raises BdaJobTimeout: the service throttled the call until the deadline.
    """

    hook_class = BedrockDataAutomationRuntimeHook
    operator_extra_links = (BdaOutputLink(), BdaProjectLink())
    ui_color = "#d7ece8"
    lineage_inputs = ("input_s3_uri",)
    lineage_outputs = ("output_s3_uri",)
    template_fields: Sequence[str] = (
        "input_s3_uri",
        "output_s3_uri",
        *DataAutomationRequest.processing_template_fields,
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = DataAutomationRequest.template_fields_renderers

    def __init__(
        self,
        *,
        input_s3_uri: str | None = None,
        input_bytes: bytes | Callable[[Any], bytes] | None = None,
        output_s3_uri: str | None = None,
        project: str | None = None,
        project_stage: str | None = None,
        blueprints: list[str | dict[str, str]] | None = None,
        profile_arn: str | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        return_output: bool = False,
        wait_timeout: float | timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_s3_uri = input_s3_uri
        self.input_bytes = input_bytes
        self.output_s3_uri = output_s3_uri
        self.project = project
        self.project_stage = project_stage
        self.blueprints = blueprints
        self.profile_arn = profile_arn
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        self.return_output = return_output
        self.wait_timeout = duration("wait_timeout", wait_timeout)
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        if (self.input_s3_uri is None) == (self.input_bytes is None):
            raise BdaInputError("input_s3_uri, input_bytes: give exactly one of them")
        if self.return_output and self.output_s3_uri is not None:
            raise BdaInputError(
                "return_output: with output_s3_uri the service writes the output to S3 and returns none; leave one out"
            )
        if isinstance(self.input_bytes, bytes):
            check_sync_bytes("input_bytes", self.input_bytes)
        elif self.input_bytes is not None and not callable(self.input_bytes):
            raise BdaInputError(
                f"input_bytes: bytes or a function of the context is wanted, not {type(self.input_bytes).__name__}"
            )
        check_each({"input_s3_uri": (self.input_s3_uri, check_object_uri)}, everything=everything)
        check_each(
            {
                "input_s3_uri": (self.input_s3_uri, check_sync_input),
                "output_s3_uri": (self.output_s3_uri, check_s3_uri),
            },
            everything=everything,
        )
        self.check_processing(everything=everything)

    def execute(self, context: Any) -> dict[str, Any]:
        """Make the call and answer what it says."""
        self._check(everything=True)
        wait = self.wait_timeout.total_seconds() if self.wait_timeout else DEFAULT_WAIT
        seconds = min([wait, *execution_limit(self)])
        with before_submit(DATA_AUTOMATION.name):
            processing = self.processing()
        request = {"inputConfiguration": self._input(context), **processing}
        if self.output_s3_uri is not None:
            request["outputConfiguration"] = {"s3Uri": self.output_s3_uri.rstrip("/")}
        answer = self._call(request, seconds)
        uri = (answer.get("outputConfiguration") or {}).get("s3Uri") if self.output_s3_uri else None
        self.push_console_links(context, uri and uri.rpartition("/")[0] + "/", request)
        self.lineage_note({"output_s3_uri": uri})
        return {
            "semantic_modality": answer.get("semanticModality"),
            "output_s3_uri": uri,
            "segments": [self._segment(segment) for segment in answer.get("outputSegments") or []],
        }

    def _input(self, context: Any) -> dict[str, Any]:
        if self.input_bytes is None:
            return {"s3Uri": self.input_s3_uri}
        body = self.input_bytes(context) if callable(self.input_bytes) else self.input_bytes
        check_sync_bytes("input_bytes", body)
        return {"bytes": body}

    def _call(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        deadline, pause = time.monotonic() + seconds, 1.0
        while True:
            left = max(deadline - time.monotonic(), 1.0)
            try:
                client = self._client(left)
                answer: dict[str, Any] = client.invoke_data_automation(**request)
            except CALL_ERRORS as raised:
                if isinstance(raised, BdaInputError):
                    raise
                seen = call_error(raised)
                wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
                throttled = seen.code in QUOTA or seen.nature is Nature.THROTTLED
                if not throttled or time.monotonic() + wait >= deadline:
                    raise _failure(seen, throttled, answered=isinstance(raised, ClientError)) from raised
                self.log.warning("throttled (%s); asking again in %.0f s", seen.code, wait)
                time.sleep(wait)
                pause = min(pause * 2, PAUSE_MAX)
            else:
                return answer

    def _client(self, read_timeout: float) -> Any:
        # A read timeout of boto's 60 s would cut a long document off, and its retries would each be paid.
        own = Config(read_timeout=read_timeout, retries={"total_max_attempts": 1, "mode": "standard"})
        return self.hook.get_client_type(
            region_name=self.hook.region_name, config=self.hook.config.merge(own)
        )

    def _segment(self, segment: Mapping[str, Any]) -> dict[str, Any]:
        custom = _parsed(segment.get("customOutput"))
        # Here, for a Dag file that names an operator reads no results.
        from airflow_provider_bda.results.custom import CustomOutput  # noqa: PLC0415

        view = CustomOutput(custom if isinstance(custom, dict) else {})
        matched = view.matched_blueprint
        facts = {
            "custom_output_status": segment.get("customOutputStatus"),
            "blueprint_arn": matched.arn if matched else None,
            "blueprint_name": matched.name if matched else None,
            "blueprint_confidence": matched.confidence if matched else None,
            "document_class": view.document_class,
        }
        if not self.return_output:
            return facts
        return {**facts, "custom_output": custom, "standard_output": _parsed(segment.get("standardOutput"))}


def _parsed(text: str | None) -> Any:
    """Read a body; what is no JSON stays text."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _failure(seen: CallError, throttled: bool, *, answered: bool) -> BdaJobError:  # noqa: FBT001 - private
    words = f"{seen.code}: {seen.message}"
    facts: dict[str, Any] = {"error_type": seen.code, "error_message": seen.message}
    if throttled:
        return BdaJobTimeout(
            f"InvokeDataAutomation was throttled until the deadline, nothing was processed: {words}. A retry tries again",
            **facts,
        )
    if not answered and seen.nature is Nature.TRANSIENT:
        return BdaJobLost(
            f"InvokeDataAutomation gave no answer, so the file may have been processed and billed: {words}. The call "
            "has no token: a retry sends the file again and pays again",
            **facts,
        )
    if seen.nature is Nature.TRANSIENT or seen.code in STALE_CREDENTIALS:
        return BdaJobBroken(f"InvokeDataAutomation failed: {words}. A retry sends the file again", **facts)
    return BdaJobRejected(
        f"InvokeDataAutomation refused the request: {words}. The same request would be refused again, so there is no "
        "retry. Mend it, then clear the task",
        **facts,
    )
