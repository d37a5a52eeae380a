"""Is the wait for a job over? One pure decision for the trigger, the blocking wait and the sensor.

No clock and no I/O: whoever asks brings the answer (or the error) and the time. A missing or unknown
status keeps waiting; success needs a positive match.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.event import JobEvent, plain
from airflow_provider_bda.jobs.kind import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.jobs.kind import JobKind

#: Seconds a permanent error (access withdrawn, say) must persist after a good answer before we give up.
PERMANENT_MUST_PERSIST = 300.0


class Nature(StrEnum):
    """What an error of a service call means for whoever waits."""

    #: The rate was passed: go slower.
    THROTTLED = "throttled"
    #: Passes by itself: 5xx, connection, expired credentials.
    TRANSIENT = "transient"
    #: The job is not there.
    GONE = "gone"
    #: The same call fails again.
    PERMANENT = "permanent"


_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
#: Codes that say: these credentials no longer count. New ones may be at hand.
STALE_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_TRANSIENT = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "RequestExpired",
        # This machine's clock, or the service's, is set right some day.
        "RequestTimeTooSkewed",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)


def nature_of(code: str, http_status: int | None = None) -> Nature:
    """Classify a service's error by its code, never by its words."""
    if code in _THROTTLED or http_status == 429:
        return Nature.THROTTLED
    if code in _TRANSIENT or (http_status is not None and http_status >= 500):
        return Nature.TRANSIENT
    if code == "ResourceNotFoundException":
        return Nature.GONE
    return Nature.PERMANENT


@dataclass(frozen=True, slots=True)
class CallError:
    """A status call that failed.

    :param code: the service's error code, or the class name of a client-side error.
    :param message: the words that came with it.
    :param nature: what it means for the wait.
    """

    code: str
    message: str
    nature: Nature


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person reading the task's log wants to know."""

    warning: bool
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an answer: an event if the wait is over, and notes for the log."""

    event: JobEvent | None = None
    notes: tuple[Note, ...] = ()


class JobWait:
    """The state of one wait: what was seen so far, and the rule what it means.

    :param kind: the job kind.
    :param handle: the service's handle of the job.
    :param deadline: epoch seconds after which a job that has not ended is given up; None waits for ever.
    :param status_retries: consecutive failing status calls before the job counts as lost; None bears them
        until the deadline.
    """

    def __init__(
        self,
        kind: JobKind,
        handle: Mapping[str, str],
        *,
        deadline: float | None = None,
        status_retries: int | None = None,
    ) -> None:
        self.kind = kind
        self.handle = dict(handle)
        self.deadline = deadline
        self.status_retries = status_retries
        self.failures = 0
        self._answer: dict[str, Any] = {}
        self._status: str | None = None
        self._timeline: list[tuple[float, str]] = []
        self._good_answers = 0
        self._permanent_since: float | None = None
        self._error: CallError | None = None
        self._warned: set[str | None] = set()

    @property
    def answer(self) -> Mapping[str, Any]:
        """The last answer of the describe operation, as plain JSON."""
        return self._answer

    @property
    def is_throttled(self) -> bool:
        """Whether the last call was throttled."""
        return self._error is not None and self._error.nature is Nature.THROTTLED

    def on_answer(self, answer: Mapping[str, Any], now: float) -> Decision:
        """Decide on an answer of the describe operation."""
        self.failures, self._permanent_since, self._error = 0, None, None
        self._good_answers += 1
        self._answer = plain(answer)
        status = self.kind.status(answer)
        notes = self._notes_on(status, now)
        self._status = status or self._status
        outcome = self.kind.outcome_of(self._answer)
        if outcome is not None:
            kind, words = self.kind.error(self._answer)
            return Decision(self._event(outcome, kind, words), notes)
        if self._is_late(now):
            return Decision(self._event(Outcome.TIMEOUT), notes)
        return Decision(None, notes)

    def on_error(self, error: CallError, now: float) -> Decision:
        """Decide on a failed call of the describe operation."""
        if error.nature is Nature.GONE and self.kind.gone_is_success:
            return Decision(self._event(Outcome.SUCCEEDED))
        self.failures += 1
        self._error = error
        note = Note(
            warning=True,
            text=f"status call {self.failures} in a row failed ({error.nature}): {error.code}: {error.message}",
        )
        if self._is_final(error, now) or (
            self.status_retries is not None and self.failures > self.status_retries
        ):
            return Decision(self._event(Outcome.LOST, error.code, error.message), (note,))
        if self._is_late(now):
            return Decision(self._event(Outcome.TIMEOUT, error.code, error.message), (note,))
        # One line for the first of a row of failures, then one each time their number doubles.
        return Decision(None, (note,) if self.failures & (self.failures - 1) == 0 else ())

    def on_deadline(self) -> JobEvent:
        """Give up, with what was seen last."""
        error = self._error
        if error is None:
            return self._event(Outcome.TIMEOUT)
        return self._event(Outcome.TIMEOUT, error.code, error.message)

    def delay(self, interval: float, now: float) -> float:
        """Answer the seconds until the next call: slower while calls fail, never past the deadline."""
        wished: float = interval * (1 << min(self.failures, 3))
        if self.deadline is None:
            return wished
        return max(min(wished, self.deadline - now), 0.0)

    def _is_final(self, error: CallError, now: float) -> bool:
        if error.nature in {Nature.THROTTLED, Nature.TRANSIENT}:
            self._permanent_since = None
            return False
        if not self._good_answers:
            return True
        if self._permanent_since is None:
            self._permanent_since = now
        return now - self._permanent_since >= PERMANENT_MUST_PERSIST

    def _is_late(self, now: float) -> bool:
        return self.deadline is not None and now >= self.deadline

    def _notes_on(self, status: str | None, now: float) -> tuple[Note, ...]:
        if status not in self.kind.statuses:
            if status in self._warned:
                return ()
            self._warned.add(status)
            what = "no status" if status is None else f"the unknown status {status!r}"
            return (
                Note(warning=True, text=f"the service answered {what}; waiting on, for that is no success"),
            )
        if status is None or status == self._status:
            return ()
        self._timeline.append((now, status))
        return (Note(warning=False, text=f"status {status}"),)

    def _event(self, outcome: Outcome, error_type: str | None = None, words: str | None = None) -> JobEvent:
        return JobEvent(
            kind=self.kind.name,
            handle=self.handle,
            outcome=outcome,
            status=self._status,
            error_type=error_type,
            error_message=words,
            answer=self._answer,
            timeline=tuple(self._timeline),
        )
