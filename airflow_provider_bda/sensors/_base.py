"""What every sensor on a job does: the same decision as the operators, by poking, rescheduling or deferring.

A sensor never submits. Where Airflow can start it in the triggerer (3.3), it never takes a worker slot.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, PokeReturnValue
from airflow.sdk.bases.sensor import BaseSensorOperator
from airflow.triggers.base import StartTriggerArgs

from airflow_provider_bda._compat import (
    CAN_START_FROM_TRIGGER,
    AirflowSensorTimeout,
    AirflowSkipException,
    conf,
)
from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.exceptions import BdaError, BdaInputError, BdaJobError, job_error
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.jobs.decision import CallError, JobWait, Nature, Note
from airflow_provider_bda.jobs.event import JobEvent, job_result
from airflow_provider_bda.jobs.kind import JobKind, method_name
from airflow_provider_bda.operators._aws import execution_limit
from airflow_provider_bda.operators._base import TRIGGER_MARGIN
from airflow_provider_bda.operators._lineage import Lineage
from airflow_provider_bda.operators._resume import (
    ask_once,
    is_good,
    read_event,
    traceback_of,
    trigger_failure,
)
from airflow_provider_bda.triggers.job import JobTrigger
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class BdaJobSensor(Lineage, BaseSensorOperator):
    """Wait for a job that something else submitted.

    Also takes Airflow's own ``poke_interval``, ``timeout``, ``mode``, ``soft_fail`` (which skips on every
    outcome that is no success) and ``never_fail`` (which skips on every error). Returns what the job's operator
    returns. ``execution_timeout`` also holds while the sensor is deferred.

    :param handle: (templated) the handle's fields, as a subclass takes them one by one.
    :param deferrable: whether to wait in the triggerer. Default: Airflow's ``[operators] default_deferrable``.
    :param start_from_trigger: whether to begin in the triggerer, without ever taking a worker slot. Airflow 3.3,
        and a handle that is a literal or a template without XCom; else the wait begins on a worker.
    :param end_from_trigger: whether a success ends the task in the triggerer too.
    :param status_retries: consecutive failing status calls before the job counts as lost; None bears them
        until ``timeout``. Not with ``mode="reschedule"``, where each poke is a process that counts from 0.
    :param aws_conn_id: (templated) the Airflow connection; None for boto's own chain of credentials.
    :param region_name: (templated) the AWS Region; None for the connection's.
    :param verify: (templated) TLS verification or the path of a CA bundle; None for the connection's.
    :param botocore_config: (templated) arguments of ``botocore.config.Config``.
    :raises BdaInputError: there is no handle, or one of another kind.
    :raises BdaJobError: the job ended, and not as success; or ``timeout`` passed (a retry waits again).
    """

    job: ClassVar[JobKind]
    #: Whether a job that ended with some items failed fails the task.
    fail_on_partial: bool = False
    #: URL of an SQS queue whose events say which job to ask for next, for a kind that sends events.
    completion_queue: str | None = None
    lineage_outputs = ("output_s3_uri",)
    template_fields: Sequence[str] = ("handle", "aws_conn_id", "region_name", "verify", "botocore_config")

    def __init__(
        self,
        *,
        handle: dict[str, Any],
        deferrable: bool | None = None,
        start_from_trigger: bool = False,
        end_from_trigger: bool = False,
        status_retries: int | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        interval_given = "poke_interval" in kwargs
        kwargs.setdefault("poke_interval", self.job.poll_interval)
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        configured = conf.getboolean("operators", "default_deferrable", fallback=False)
        self.deferrable = configured if deferrable is None else deferrable
        self.end_from_trigger = end_from_trigger
        self.status_retries = status_retries
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config
        self.handle = handle
        # Left out, the triggerer asks when such a job is likely to have ended.
        self._interval_given = interval_given
        self._wait: JobWait | None = None
        if start_from_trigger:
            self._begin_in_triggerer()
        if self.reschedule and not self.deferrable and status_retries is not None:
            raise BdaInputError(
                'status_retries: mode="reschedule" cannot count calls in a row, for each poke is a new process; use '
                "deferrable=True, or leave it to timeout"
            )

    @property
    def target(self) -> AwsTarget:
        """Which AWS this task talks to."""
        return AwsTarget.of(self.aws_conn_id, self.region_name, self.verify, self.botocore_config)

    @cached_property
    def hook(self) -> Any:
        """The hook of the kind's service."""
        return BdaBaseHook.for_target(self.target, client_type=self.job.service)

    def job_handle(self) -> dict[str, str]:
        """Answer the rendered handle; an operator's dict stands for its own handle.

        :raises BdaInputError: a field is missing, or the dict is of another kind.
        """
        for field, value in self.handle.items():
            name = method_name(field)
            if isinstance(value, dict):
                return self._handle_of_dict(name, value)
            if not isinstance(value, str) or not value:
                raise BdaInputError(f"{name}: {value!r} names no {self.job.title}", kind=self.job.name)
        return dict(self.handle)

    def _handle_of_dict(self, name: str, result: dict[str, Any]) -> dict[str, str]:
        handle, kind = result.get("handle"), result.get("kind")
        if kind != self.job.name or not isinstance(handle, dict):
            raise BdaInputError(
                f"{name}: the dict is not what an operator for a {self.job.title} returned"
                + (f" (it is of a job of kind {kind})" if kind else ""),
                kind=self.job.name,
            )
        return {field: str(handle[field]) for field in self.job.handle}

    def execute(self, context: Any) -> Any:
        """Wait, in the way the task was told."""
        with self._never_failing():
            handle = self.job_handle()
            if self.deferrable:
                return self.defer(
                    trigger=self._trigger(handle, time.time() + self._seconds()),
                    method_name="execute_complete",
                    timeout=timedelta(seconds=self._seconds()) + TRIGGER_MARGIN,
                )
            self._wait = self._new_wait(handle, self._deadline(context))
            try:
                return super().execute(context)
            except AirflowSensorTimeout as late:
                raise self._error(self._wait.on_deadline()) from late

    def poke(self, context: Any) -> PokeReturnValue:
        """Ask once."""
        wait = self._wait = self._wait or self._new_wait(self.job_handle(), None)
        try:
            answer = self._describe(wait.handle)
        except CALL_ERRORS as raised:
            decision = wait.on_error(self._seen(call_error(raised), context), time.time())
        else:
            decision = wait.on_answer(answer, time.time())
        for note in decision.notes:
            self._log_note(note)
        if decision.event is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._finish(decision.event))

    def execute_complete(self, context: Any, event: Any) -> Any:  # noqa: ARG002 - Airflow's signature
        """Act on the trigger's event."""
        return self._finish(read_event(self.job, event))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Resume. A trigger that failed or timed out is no verdict on the job: ask once before giving up."""
        with self._never_failing():
            failure = trigger_failure(next_method, next_kwargs)
            if failure is None:
                # Not the sensors' own: on soft_fail it would put a text of its own in the place of ours.
                return BaseOperator.resume_execution(self, next_method, next_kwargs, context)
            if trace := traceback_of(next_kwargs):
                self.log.error("the trigger failed:\n%s", trace)
            wait = self._new_wait(self.job_handle(), 0.0)
            return self._finish(ask_once(wait, lambda: self._describe(wait.handle), failure, self._log_note))

    def _finish(self, event: JobEvent) -> dict[str, Any]:
        result = job_result(self.job, event)
        self.lineage_note(result)
        if not is_good(event, fail_on_partial=self.fail_on_partial):
            raise self._error(event)
        return result

    def _error(self, event: JobEvent) -> BdaJobError | AirflowSkipException:
        error = job_error(self.job, event)
        self.lineage_note(error.facts())
        return AirflowSkipException(str(error)) if self.soft_fail else error

    @contextmanager
    def _never_failing(self) -> Iterator[None]:
        try:
            yield
        except BdaError as error:
            if self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def _new_wait(self, handle: dict[str, str], deadline: float | None) -> JobWait:
        return JobWait(self.job, handle, deadline=deadline, status_retries=self.status_retries)

    def _describe(self, handle: dict[str, str]) -> dict[str, Any]:
        answer: dict[str, Any] = self.hook.call(method_name(self.job.describe), handle)
        return answer

    def _log_note(self, note: Note) -> None:
        (self.log.warning if note.warning else self.log.info)("%s", note.text)

    def _deadline(self, context: Any) -> float:
        first = context["ti"].get_first_reschedule_date(context) if self.reschedule else None
        begun: float = first.timestamp() if first is not None else time.time()
        return begun + self._seconds()

    def _seen(self, error: CallError, context: Any) -> CallError:
        # Each reschedule is a new process that knows of no good answer before; the first poke of all was one,
        # for a permanent error there ends the task. So a later one must pass or last until the timeout.
        gone = error.nature is Nature.GONE and not self.job.gone_is_success
        if not (gone or error.nature is Nature.PERMANENT) or not self.reschedule:
            return error
        if context["ti"].get_first_reschedule_date(context) is None:
            return error
        return CallError(error.code, error.message, Nature.TRANSIENT)

    def _seconds(self) -> float:
        # Rescheduled, execution_timeout is Airflow's affair: it counts what runs, not what waits.
        limits = [] if self.reschedule and not self.deferrable else execution_limit(self)
        return min([float(self.timeout), *limits])

    def _trigger(self, handle: dict[str, str], deadline: float) -> JobTrigger:
        return JobTrigger(kind=self.job.name, handle=handle, deadline=deadline, **self._trigger_settings())

    def _trigger_settings(self) -> dict[str, Any]:
        return {
            **self.target.to_dict(),
            "poll_interval": float(self.poke_interval) if self._interval_given else None,
            "status_retries": self.status_retries,
            "end_from_trigger": self.end_from_trigger,
            "push_result": self.do_xcom_push,
            "completion_queue": self.completion_queue,
        }

    def _begin_in_triggerer(self) -> None:
        values, reason = self.handle.values(), None
        if not CAN_START_FROM_TRIGGER:
            reason = "this Airflow cannot (3.3 can)"
        elif not all(isinstance(value, str) for value in values):
            reason = "the handle comes from another task"
        elif any("xcom" in value or "ti." in value for value in values):
            # Rendered in the triggerer, such a template would hang for ever.
            reason = "the handle's template reads another task's output"
        # A mapped task, dag.test() and the cases below begin on a worker all the same, and defer from there.
        self.deferrable = True
        if reason is not None:
            self.log.info("start_from_trigger: %s, so the wait begins on a worker", reason)
            return
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{JobTrigger.__module__}.{JobTrigger.__qualname__}",
            trigger_kwargs={"kind": self.job.name, "handle": dict(self.handle), **self._trigger_settings()},
            next_method="execute_complete",
            # The only deadline such a task has: what the clock will say when it begins is not known here.
            timeout=timedelta(seconds=self._seconds()),
        )
