"""Starts Dags when documents are done: the ends of jobs, out of an SQS queue, as events of an asset.

Delivery is best effort, as AWS says of its events: one may be late, come twice or never. Where each document counts,
wait for the job or use a batch.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.waiting import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

#: Seconds between two attempts to read a queue that cannot be read.
PAUSE = (5.0, 300.0)


class BdaCompletionTrigger(BaseEventTrigger):
    """Yield an event for each Bedrock Data Automation job that ended: for an ``AssetWatcher``.

    The event is ``{"job_id", "status", "modality", "input_s3_uri", "output_s3_uri", "seconds"}``: URIs, and never what stands in
    a document. ``status`` is "SUCCESS", "CLIENT_ERROR" or the like, as the event has it; ``output_s3_uri`` is the folder of the
    output, ``<job>/0``. A message is deleted once its event was taken, so a killed triggerer yields it again.

    The queue must be this asset's own: whoever reads a message takes it from everybody else.

    :param queue_url: the SQS queue behind the EventBridge rule (docs/events.md).
    :param succeeded_only: whether jobs that failed are passed over.
    :param aws_conn_id: the Airflow connection; None for boto's own chain of credentials.
    :param region_name: the AWS Region; where the queue's URL names none; None for the connection's.
    :param verify: TLS verification or the path of a CA bundle; None for the connection's.
    :param botocore_config: arguments of ``botocore.config.Config``.
    """

    def __init__(
        self,
        *,
        queue_url: str,
        succeeded_only: bool = True,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.queue_url = queue_url
        self.succeeded_only = succeeded_only
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        if unknown:
            self.log.warning("arguments of another release are passed over: %s", ", ".join(sorted(unknown)))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Answer what Airflow stores of the trigger."""
        return (
            f"{BdaCompletionTrigger.__module__}.{BdaCompletionTrigger.__qualname__}",
            {
                "queue_url": self.queue_url,
                "succeeded_only": self.succeeded_only,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
                "verify": self.verify,
                "botocore_config": self.botocore_config,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Read the queue for as long as the asset is watched (ReceiveMessage)."""
        hints, errors = await load("hints"), await load("errors")
        target = AwsTarget.of(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)
        pause = 0.0
        while True:
            try:
                messages = await hints.receive(self.queue_url, target)
                pause = 0.0
            except errors.CALL_ERRORS as raised:
                error = errors.call_error(raised)
                pause = min(max(pause * 2, PAUSE[0]), PAUSE[1])
                self.log.warning("%s cannot be read: %s: %s", self.queue_url, error.code, error.message)
                await asyncio.sleep(pause)
                continue
            for message in messages:
                detail = hints.completed_job(str(message.get("Body", "")))
                if detail is not None and self._wanted(detail["detail-type"], hints):
                    yield TriggerEvent(_payload(detail))
            try:
                await hints.delete(self.queue_url, target, messages)
            except errors.CALL_ERRORS as raised:
                self.log.warning("messages will come again: %s", errors.call_error(raised).code)

    def _wanted(self, detail_type: str, hints: Any) -> bool:
        return detail_type == hints.SUCCEEDED or (not self.succeeded_only and detail_type in hints.ENDED)


def _payload(detail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "job_id": detail["job_id"],
        "status": _word(detail.get("job_status")),
        "modality": _word(detail.get("semantic_modality")),
        "input_s3_uri": _uri(detail.get("input_s3_object")),
        "output_s3_uri": _uri(detail.get("output_s3_location")),
        "seconds": _number(detail.get("job_duration_in_seconds")),
    }


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) else None


def _uri(place: Any) -> str | None:
    if not isinstance(place, dict) or not isinstance(place.get("s3_bucket"), str):
        return None
    return f"s3://{place['s3_bucket']}/{place.get('name', '')}"
