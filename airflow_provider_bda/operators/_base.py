"""What every operator that runs a job does: submit once, save the handle, wait, answer.

Identity (which job a try stands for) is in ``_identity``; the wait's decision is ``jobs.decision``, the same
for the deferred and the blocking mode. A subclass names its kind and builds its request; nothing else.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import duration
from airflow_provider_bda._compat import conf
from airflow_provider_bda.exceptions import BdaJobError, BdaJobTimeout, job_error
from airflow_provider_bda.jobs.decision import JobWait, Note
from airflow_provider_bda.jobs.event import JobEvent, job_result
from airflow_provider_bda.jobs.kind import JobKind, Outcome, method_name
from airflow_provider_bda.operators._assets import announce
from airflow_provider_bda.operators._aws import BdaAwsOperator, wait_seconds
from airflow_provider_bda.operators._identity import BackPressure, SavedJob, obtain_job, saved_handle
from airflow_provider_bda.operators._lookups import before_submit
from airflow_provider_bda.operators._resume import (
    ask_once,
    is_good,
    read_deadline,
    read_event,
    traceback_of,
    trigger_failure,
)
from airflow_provider_bda.operators._stop import stop_job
from airflow_provider_bda.triggers.job import JobTrigger
from airflow_provider_bda.triggers.timer import TimerTrigger
from airflow_provider_bda.waiting import metrics
from airflow_provider_bda.waiting.blocking import wait_blocking
from airflow_provider_bda.waiting.durations import traits_of
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_WAIT = timedelta(hours=24)
#: Our own deadline comes first; Airflow's trigger timeout is for a triggerer that is down.
TRIGGER_MARGIN = timedelta(minutes=2)
#: Where a job's handle stands while it runs, for people, links and the UI.
XCOM_KEY = "bda_job"
#: Why it failed, where the UI groups failures by it.
ERROR_KEY = "bda_error"


class BdaJobOperator(BdaAwsOperator):
    """Run one job of a kind: submit it, wait without a worker slot, return its facts.

    Also takes the arguments of :class:`~airflow_provider_bda.operators._aws.BdaAwsOperator`.

    :param wait_for_completion: whether to wait for the job; False returns with the status at submit.
    :param deferrable: whether to wait in the triggerer instead of on the worker. Default: Airflow's
        ``[operators] default_deferrable``.
    :param poll_interval: seconds between two status calls, and so the longest an end goes unnoticed. None: deferred,
        the triggerer asks when such a job is likely to have ended, as it learned; on a worker, the kind's default.
    :param status_retries: consecutive failing status calls before the job counts as lost; None bears them
        until the deadline.
    :param wait_timeout: seconds (or a timedelta) the whole wait may take, submit included. None means
        ``execution_timeout``, else 24 hours; the lower of the two counts, and unlike Airflow's own
        ``execution_timeout`` it holds while the task is deferred.
    :param end_from_trigger: whether a success ends the task in the triggerer, without a worker: no asset
        events, no callbacks of the worker's side.
    :raises BdaInputError: an argument cannot work; nothing was submitted, a retry changes nothing.
    :raises BdaJobRejected: the service blames the request; Airflow does not retry.
    :raises BdaJobBroken: the service blames itself; a retry submits a new job.
    :raises BdaJobTimeout: the deadline passed; the job goes on, a retry waits for it again.
    :raises BdaJobLost: the status could not be read; a retry asks for the same job first.
    """

    #: The job kind; a concrete operator must set it.
    job: ClassVar[JobKind]
    #: Whether a job that ended with some items failed fails the task. An operator of a kind that can end so
    #: sets it from an argument.
    fail_on_partial: bool = False
    #: URL of an SQS queue whose events say which job to ask for next; an operator of a kind that sends events
    #: sets it from an argument.
    completion_queue: str | None = None

    def __init__(
        self,
        *,
        wait_for_completion: bool = True,
        deferrable: bool | None = None,
        poll_interval: float | None = None,
        status_retries: int | None = None,
        wait_timeout: float | timedelta | None = None,
        end_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wait_for_completion = wait_for_completion
        self.deferrable = (
            conf.getboolean("operators", "default_deferrable", fallback=False)
            if deferrable is None
            else deferrable
        )
        self.poll_interval = duration("poll_interval", poll_interval)
        self.status_retries = status_retries
        self.wait_timeout = duration("wait_timeout", wait_timeout)
        self.end_from_trigger = end_from_trigger
        self._handle: dict[str, str] | None = None

    @cached_property
    def hook(self) -> Any:
        """The hook of the kind's service; the plain one serves a kind that has none of its own."""
        return self.hook_class.for_target(self.target, client_type=self.job.service)

    def request(self, context: Any) -> dict[str, Any]:
        """Build the request of the kind's start operation, without its token.

        :raises BdaInputError: an argument cannot work.
        """
        raise NotImplementedError

    def output_s3_uri_of(self, handle: Mapping[str, str]) -> str | None:
        """Answer where the job will write, as far as that is known before it ends."""

    def push_links(self, context: Any, handle: Mapping[str, str], request: Mapping[str, Any]) -> None:
        """Push the operator's console links."""

    @property
    def own_token(self) -> str | None:
        """The token the Dag author chose, if any."""
        return None

    def execute(self, context: Any) -> Any:
        """Submit the job, or find the one this try stands for, and wait for it."""
        with self._leaving_the_reason(context):
            deadline = time.time() + wait_seconds(self, self.wait_timeout, DEFAULT_WAIT)
            return announce(self, context, self._run(context, deadline))

    def submit_again(self, context: Any, event: Any) -> Any:
        """Go on after the service told us to come back later.

        :raises BdaEventError: the event is none of ours.
        """
        with self._leaving_the_reason(context):
            return announce(self, context, self._run(context, read_deadline(self.job, event)))

    def execute_complete(self, context: Any, event: Any) -> Any:
        """Act on the trigger's event: return the job's facts or raise what it says.

        :raises BdaEventError: the event is none of ours.
        """
        with self._leaving_the_reason(context):
            return announce(self, context, self._finish(read_event(self.job, event)))

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Resume. A trigger that failed or timed out is no verdict on the job: ask once before giving up."""
        failure = trigger_failure(next_method, next_kwargs)
        if failure is None:
            return super().resume_execution(next_method, next_kwargs, context)
        if trace := traceback_of(next_kwargs):
            self.log.error("the trigger failed:\n%s", trace)
        handle = self._handle_left(context)
        if handle is None:
            raise BdaJobTimeout(
                f"the trigger ended without an answer ({failure}), and no {self.job.title} is known to have been "
                "submitted by this try. A retry finds the job by its token, or submits it",
                kind=self.job.name,
            )
        wait = JobWait(self.job, handle, deadline=0.0)
        with self._leaving_the_reason(context):
            event = ask_once(wait, lambda: self.describe(handle), failure, self._log_note)
            return announce(self, context, self._finish(event))

    def on_kill(self) -> None:
        """Stop the job this worker waits for where the service can; else say that it goes on."""
        if self._handle is None:
            self.log.warning("if the %s was submitted already, it goes on and is billed", self.job.title)
        else:
            stop_job(self, self._handle)

    @contextmanager
    def _leaving_the_reason(self, context: Any) -> Iterator[None]:
        """Leave in XCom why the job failed, in the service's words; the exception and the log have them too."""
        try:
            yield
        except BdaJobError as error:
            self.lineage_note(error.facts())
            if self.do_xcom_push:
                reason = {
                    "status": error.status,
                    "error_type": error.error_type,
                    "error_message": error.error_message,
                }
                context["ti"].xcom_push(key=ERROR_KEY, value=reason)
            raise

    def _run(self, context: Any, deadline: float) -> Any:
        with before_submit(self.job.name):
            request = self.request(context)
        try:
            job, seen = obtain_job(self, context, request, deadline)
        except BackPressure as busy:
            self.log.warning("%s; asking again at %s", busy, _clock(busy.until))
            return self.defer(
                trigger=TimerTrigger(until=busy.until, payload={"deadline": deadline}),
                method_name="submit_again",
                timeout=timedelta(seconds=max(deadline - time.time(), 0)) + TRIGGER_MARGIN,
            )
        self._handle = job.handle
        self.lineage_note({"handle": job.handle})
        self._tell(context, job, request)
        if not self.wait_for_completion:
            return self._finish_early(job)
        if not self.deferrable:
            return self._finish(self._wait_here(job.handle, deadline))
        # The job of an earlier try may be over. A trigger that fires before the scheduler has read that this
        # worker ended fails the task (Airflow up to 3.3.2), and it would do so at each retry.
        if context["ti"].try_number > 1 and (event := self._over_already(job.handle, seen)) is not None:
            return self._finish(event)
        # An attribute of the operator would be gone when another worker resumes; all state is in the trigger.
        return self.defer(
            trigger=JobTrigger(
                kind=self.job.name,
                handle=job.handle,
                **self.target.to_dict(),
                poll_interval=self.poll_interval,
                status_retries=self.status_retries,
                deadline=deadline,
                end_from_trigger=self.end_from_trigger,
                push_result=self.do_xcom_push,
                submitted_at=datetime.fromisoformat(job.submitted_at).timestamp(),
                traits=list(traits_of(self.job, request)),
                completion_queue=self.completion_queue,
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=max(deadline - time.time(), 0)) + TRIGGER_MARGIN,
        )

    def _over_already(self, handle: Mapping[str, str], seen: Mapping[str, Any] | None) -> JobEvent | None:
        try:
            answer = self.describe(handle) if seen is None else seen
        except CALL_ERRORS:
            return None  # the wait will tell
        return JobWait(self.job, handle).on_answer(answer, time.time()).event

    def _tell(self, context: Any, job: SavedJob, request: Mapping[str, Any]) -> None:
        """Leave the handle where people, links and the next try find it, before anything waits."""
        if not self.do_xcom_push:
            return
        context["ti"].xcom_push(
            key=XCOM_KEY,
            value={
                "kind": self.job.name,
                "handle": job.handle,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
                "output_s3_uri": self.output_s3_uri_of(job.handle),
                "submitted_at": job.submitted_at,
            },
        )
        self.push_links(context, job.handle, request)

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Start the job; an operator may look first whether there is anything to start.

        :param request: with its token.
        """
        answer: dict[str, Any] = self.hook.call(method_name(self.job.start), request)
        return answer

    def describe(self, handle: Mapping[str, str]) -> dict[str, Any]:
        """Ask the service once for a job's status."""
        answer: dict[str, Any] = self.hook.call(method_name(self.job.describe), handle)
        return answer

    def _wait_here(self, handle: Mapping[str, str], deadline: float) -> JobEvent:
        wait = JobWait(self.job, handle, deadline=deadline, status_retries=self.status_retries)
        interval = self.poll_interval or self.job.poll_interval
        return wait_blocking(wait, lambda: self.describe(handle), interval, self._log_note)

    def _handle_left(self, context: Any) -> dict[str, str] | None:
        """Find the handle that the try left before it deferred."""
        ti = context["ti"]
        left = ti.xcom_pull(key=XCOM_KEY, task_ids=self.task_id, map_indexes=ti.map_index)
        if isinstance(left, dict) and isinstance(left.get("handle"), dict):
            return dict(left["handle"])
        return saved_handle(self, context)

    def _finish(self, event: JobEvent) -> dict[str, Any]:
        metrics.ended(self.job, event)
        name = f"{self.job.title} {self.job.describe_handle(event.handle)}"
        for moment, status in event.timeline:
            self.log.info("%s: %s at %s", name, status, _clock(moment))
        if not is_good(event, fail_on_partial=self.fail_on_partial):
            raise job_error(self.job, event)
        result = job_result(self.job, event)
        self.log.info("%s ended as %s", name, event.status)
        return result

    def _finish_early(self, job: SavedJob) -> dict[str, Any]:
        """Answer without waiting. A job the service already failed still fails the task."""
        wait = JobWait(self.job, job.handle, deadline=0.0)
        try:
            event = wait.on_answer(self.describe(job.handle), 0.0).event
        except CALL_ERRORS as raised:
            # The job is bought and its handle is known; whoever waits for it asks again.
            error = call_error(raised)
            self.log.warning("its status could not be read yet: %s: %s", error.code, error.message)
            event = None
        event = event or wait.on_deadline()
        if event.outcome is not Outcome.TIMEOUT and not is_good(event, fail_on_partial=self.fail_on_partial):
            raise job_error(self.job, event)
        result = job_result(self.job, event)
        if "output_s3_uri" in result and event.outcome is Outcome.TIMEOUT:
            result["output_s3_uri"] = self.output_s3_uri_of(job.handle)
        return result

    def _log_note(self, note: Note) -> None:
        (self.log.warning if note.warning else self.log.info)("%s", note.text)


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S UTC")
