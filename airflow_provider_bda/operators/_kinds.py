"""What some kinds of job need beside one start call and one status; an operator overrides what its kind needs.

A look before the start, a turn to wait for, items that fail one by one.
"""

from __future__ import annotations

import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda.exceptions import BdaInputError, BdaJobLost, BdaJobTimeout
from airflow_provider_bda.jobs.kind import Outcome
from airflow_provider_bda.operators import _identity
from airflow_provider_bda.operators._base import TRIGGER_MARGIN, BdaJobOperator
from airflow_provider_bda.operators._flaws import Flaws, flaws_of, with_flaws
from airflow_provider_bda.triggers.timer import TimerTrigger
from airflow_provider_bda.waiting.errors import CALL_ERRORS

if TYPE_CHECKING:
    from airflow_provider_bda.jobs.event import JobEvent

#: XCom: which items of a job failed, pushed before the task fails for them.
FAILURES_KEY = "failures"
#: Codes by which a service says that another job must end first.
CONFLICT = frozenset({"ConflictException"})


class BdaKindOperator(BdaJobOperator):
    """A job operator with two more seams: ``busy_codes`` and ``flaws``."""

    #: Codes of the start operation that mean "not now": the task waits its turn, within its timeout.
    busy_codes: ClassVar[frozenset[str]] = frozenset()
    _context: Any = None

    def flaws(self, event: JobEvent) -> Flaws:
        """Answer what failed within the ended job."""
        return flaws_of(self.hook, event)

    def more_facts(self, event: JobEvent, flaws: Flaws) -> dict[str, Any]:  # noqa: ARG002 - for subclasses
        """Answer what the operator returns beside the kind's own facts."""
        return {FAILURES_KEY: flaws.to_list()} if flaws.failures else {}

    def execute_complete(self, context: Any, event: Any) -> Any:
        """Act on the trigger's event."""
        self._context = context
        return super().execute_complete(context, event)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any) -> Any:
        """Resume, knowing whose task this is."""
        self._context = context
        return super().resume_execution(next_method, next_kwargs, context)

    def _run(self, context: Any, deadline: float) -> Any:
        self._context = context
        while True:
            try:
                return super()._run(context, deadline)
            except BdaInputError as refused:
                if refused.error_type not in self.busy_codes:
                    raise
                until = self._next_turn(refused, deadline)
            if self.deferrable:
                return self.defer(
                    trigger=TimerTrigger(until=until, payload={"deadline": deadline}),
                    method_name="submit_again",
                    timeout=timedelta(seconds=max(deadline - time.time(), 0)) + TRIGGER_MARGIN,
                )
            time.sleep(max(until - time.time(), 0.0))

    def _next_turn(self, refused: BdaInputError, deadline: float) -> float:
        now = time.time()
        said = f"{refused.error_type}: {refused.error_message}"
        if now >= deadline:
            raise BdaJobTimeout(
                f"no {self.job.title} could be started before the deadline, for its turn did not come: {said}. A "
                "retry waits again",
                kind=self.job.name,
                error_type=refused.error_type,
                error_message=refused.error_message,
            ) from refused
        interval = self.poll_interval or self.job.poll_interval
        # Without a worker slot a turn may come a little later; each look costs a short run of a worker.
        seconds = random.uniform(*_identity.PAUSE) if self.deferrable else interval * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        self.log.info("%s; it waits its turn", said)
        return min(now + seconds, deadline)

    def _finish(self, event: JobEvent) -> dict[str, Any]:
        if event.outcome in {Outcome.TIMEOUT, Outcome.LOST}:
            return super()._finish(event)
        flaws = self._read_flaws(event)
        if flaws.failures:
            self._push(FAILURES_KEY, flaws.to_list())
        result = super()._finish(with_flaws(event, flaws))
        return {**result, **self.more_facts(event, flaws)}

    def _read_flaws(self, event: JobEvent) -> Flaws:
        try:
            return self.flaws(event)
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

    def _push(self, key: str, value: Any) -> None:
        if self.do_xcom_push and self._context is not None:
            self._context["ti"].xcom_push(key=key, value=value)
