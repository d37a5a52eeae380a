"""The one trigger: waits for a job of any kind.

It carries the kind's name and the handle, nothing that grows. It never submits, and it never stops a job in
``cleanup``: that runs whenever a triggerer restarts.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from airflow_provider_bda._compat import state_seen_from_trigger
from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.jobs.catalog import JOB_KINDS
from airflow_provider_bda.jobs.decision import JobWait, Note
from airflow_provider_bda.jobs.event import JobEvent, job_result
from airflow_provider_bda.jobs.kind import Outcome, method_name
from airflow_provider_bda.waiting import load, metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Seconds ``on_kill`` may take; Airflow's own bound is 30.
KILL_TIMEOUT = 20.0
#: States of a task that a user has ended: final, or just cleared (None).
_ENDED_BY_USER = frozenset({None, "failed", "removed", "skipped", "success", "upstream_failed"})


class JobTrigger(BaseTrigger):
    """Wait for a job to end, without a client of its own: all triggers of one target share a poller.

    Yields one event, :class:`~airflow_provider_bda.jobs.event.JobEvent` as a dict. Arguments are only ever
    added, and unknown ones are taken and logged: a stored trigger outlives upgrades both ways.

    :param kind: the job kind's name in :data:`~airflow_provider_bda.jobs.JOB_KINDS`.
    :param handle: the kind's handle fields, ``{"invocationArn": "arn:..."}``.
    :param aws_conn_id: the Airflow connection; None for boto's own chain of credentials.
    :param region_name: the AWS Region; None for the connection's.
    :param verify: TLS verification or the path of a CA bundle; None for the connection's.
    :param botocore_config: arguments of ``botocore.config.Config``.
    :param poll_interval: seconds between two status calls; None leaves it to what the triggerer learned of how long
        such jobs take.
    :param status_retries: consecutive failing status calls before the job counts as lost; None bears them
        until the deadline.
    :param deadline: epoch seconds at which the wait is given up; None waits for ever.
    :param end_from_trigger: whether a success ends the task from here, without a worker.
    :param push_result: whether such a success pushes the result as XCom.
    :param submitted_at: epoch seconds at which the job was submitted, if known.
    :param traits: what tells how long it may take: its kind, project, format and size class, as far as known.
    :param completion_queue: URL of an SQS queue whose events say which job to ask for next.
    :raises ValueError: the kind is unknown or the handle lacks a field.
    """

    def __init__(
        self,
        *,
        kind: str,
        handle: dict[str, str],
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        poll_interval: float | None = None,
        status_retries: int | None = None,
        deadline: float | None = None,
        end_from_trigger: bool = False,
        push_result: bool = True,
        submitted_at: float | None = None,
        traits: list[str] | None = None,
        completion_queue: str | None = None,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if kind not in JOB_KINDS:
            raise ValueError(f"unknown job kind {kind!r}; known: {', '.join(sorted(JOB_KINDS))}")
        self.kind = JOB_KINDS[kind]
        if missing := [name for name in self.kind.handle if not handle.get(name)]:
            raise ValueError(f"the handle of a {self.kind.title} lacks {', '.join(missing)}")
        self.handle = dict(handle)
        # Attributes of their own: Airflow renders those of a trigger that a sensor started with templates.
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self.poll_interval = poll_interval
        self.status_retries = status_retries
        self.deadline = deadline
        self.end_from_trigger = end_from_trigger
        self.push_result = push_result
        self.submitted_at = submitted_at
        self.traits = traits
        self.completion_queue = completion_queue
        if unknown:
            self.log.warning("arguments of another release are passed over: %s", ", ".join(sorted(unknown)))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Answer what Airflow stores of the trigger."""
        return (
            f"{JobTrigger.__module__}.{JobTrigger.__qualname__}",
            {
                "kind": self.kind.name,
                "handle": self.handle,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
                "verify": self.verify,
                "botocore_config": self.botocore_config,
                "poll_interval": self.poll_interval,
                "status_retries": self.status_retries,
                "deadline": self.deadline,
                "end_from_trigger": self.end_from_trigger,
                "push_result": self.push_result,
                "submitted_at": self.submitted_at,
                "traits": self.traits,
                "completion_queue": self.completion_queue,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, tell the task's log what is seen, and yield the event."""
        target = AwsTarget.of(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)
        wait = JobWait(self.kind, self.handle, deadline=self.deadline, status_retries=self.status_retries)
        poller = await load("poller")
        following = poller.follow(
            wait,
            target,
            self.poll_interval,
            began=self.submitted_at,
            traits=tuple(self.traits or ()),
            listens=bool(self.completion_queue),
        )
        hints = await load("hints")
        with hints.listening(self.completion_queue, target, self.log.warning):
            async with aclosing(following) as items:
                async for item in items:
                    if isinstance(item, Note):
                        (self.log.warning if item.warning else self.log.info)("%s: %s", self._name, item.text)
                    else:
                        yield self._answer(item)

    async def on_kill(self) -> None:
        """Stop the job where the service can: called by Airflow 3.3 when a user ends the deferred task.

        Airflow cancels this method again every second, so the work is a task of its own.
        """
        work = asyncio.get_running_loop().create_task(self._end_job())
        give_up = time.monotonic() + KILL_TIMEOUT
        while not work.done() and (left := give_up - time.monotonic()) > 0:
            try:
                await asyncio.wait({work}, timeout=left)
            except asyncio.CancelledError:
                continue
        if not work.done():
            work.cancel()
            self.log.warning("%s may go on: it could not be stopped in %s s", self._name, KILL_TIMEOUT)

    async def _end_job(self) -> None:
        # Airflow 3.3.0-3.3.2 also calls on_kill when another triggerer took the trigger over, and then the task is
        # still deferred or has been resumed. A cleared task that has already moved on looks the same: its next try
        # stops the superseded job on the worker.
        try:
            state = await state_seen_from_trigger(self.task_instance) if self.task_instance else "unknown"
        except Exception as error:  # noqa: BLE001 - whatever it is, a job is stopped only for a reason we can see
            self.log.warning("the task's state could not be read (%s: %s)", type(error).__name__, error)
            state = "unknown"
        if state not in _ENDED_BY_USER:
            self.log.info("%s is left alone, for the task is %s", self._name, state)
        elif self.kind.stop_operation is None:
            self.log.warning(
                "%s goes on and is billed: the service has no operation that stops it", self._name
            )
        else:
            await self._stop(self.kind.stop_operation)

    async def _stop(self, operation: str) -> None:
        target = AwsTarget.of(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)
        pool, errors = await load("client_pool"), await load("errors")
        try:
            client = await pool.client_pool().client(target, self.kind.service)
            await getattr(client, method_name(operation))(**self.handle)
        except errors.CALL_ERRORS as raised:
            error = errors.call_error(raised)
            self.log.warning(
                "%s was not stopped and may go on: %s: %s", self._name, error.code, error.message
            )
        else:
            self.log.info("%s was told to stop", self._name)

    @property
    def _name(self) -> str:
        return f"{self.kind.title} {self.kind.describe_handle(self.handle)}"

    def _answer(self, event: JobEvent) -> TriggerEvent:
        # dag.test() runs triggers without a task instance and knows no ending from here.
        ends_here = self.end_from_trigger and self.task_instance is not None
        if not ends_here or event.outcome is not Outcome.SUCCEEDED:
            return TriggerEvent(event.to_dict())
        metrics.ended(self.kind, event)
        result = job_result(self.kind, event)
        return TaskSuccessEvent(xcoms={"return_value": result, **result} if self.push_result else None)
