"""The trigger of a batch: runs its engine in the triggerer. It carries the batch's URI, nothing that grows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.waiting import SETTLE, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class BatchTrigger(BaseTrigger):
    """Work through a batch: submit, wait, write down. Killed at any moment, it goes on where the ledger ends.

    Yields one event: how the engine ended, as :func:`airflow_provider_bda.batch.drive.drive` answers. Arguments are
    only ever added, and unknown ones are taken and logged: a stored trigger outlives upgrades both ways.

    :param batch_s3_uri: where everything of the batch lies.
    :param aws_conn_id: the Airflow connection of the jobs; None for boto's own chain of credentials.
    :param s3_conn_id: the Airflow connection of the batch's files.
    :param region_name: the AWS Region; None for the connection's.
    :param verify: TLS verification or the path of a CA bundle; None for the connection's.
    :param botocore_config: arguments of ``botocore.config.Config``.
    :param log_interval: seconds between two lines of progress in the task's log.
    :param completion_queue: URL of an SQS queue whose events say which job to ask for next.
    """

    def __init__(
        self,
        *,
        batch_s3_uri: str,
        aws_conn_id: str | None = "aws_default",
        s3_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        log_interval: float = 60.0,
        completion_queue: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.batch_s3_uri = batch_s3_uri
        self.aws_conn_id = aws_conn_id
        self.s3_conn_id = s3_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self.log_interval = log_interval
        self.completion_queue = completion_queue
        if unknown:
            self.log.warning("arguments of another release are passed over: %s", ", ".join(sorted(unknown)))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Answer what Airflow stores of the trigger."""
        return (
            f"{BatchTrigger.__module__}.{BatchTrigger.__qualname__}",
            {
                "batch_s3_uri": self.batch_s3_uri,
                "aws_conn_id": self.aws_conn_id,
                "s3_conn_id": self.s3_conn_id,
                "region_name": self.region_name,
                "verify": self.verify,
                "botocore_config": self.botocore_config,
                "log_interval": self.log_interval,
                "completion_queue": self.completion_queue,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Drive the engine, tell the task's log how far it is, and yield the event."""
        until = asyncio.get_running_loop().time() + SETTLE
        module = await load("airflow_provider_bda.batch.drive")
        common = (self.region_name, self.verify, self.botocore_config)
        event = await module.drive(
            self.batch_s3_uri,
            target=AwsTarget.of(self.aws_conn_id, *common),
            s3_target=AwsTarget.of(self.s3_conn_id, *common),
            say=self._say,
            log_interval=self.log_interval,
            completion_queue=self.completion_queue,
        )
        # With nothing to do the engine ends at once.
        await asyncio.sleep(max(until - asyncio.get_running_loop().time(), 0.0))
        yield TriggerEvent(event)

    def _say(self, text: str, *, warning: bool = False) -> None:
        (self.log.warning if warning else self.log.info)("%s", text)
