"""The error tree. Every message names job, handle, status, the service's words and what a retry will do.

::

    BdaError                 kind, handle, status, error_type, error_message; survives pickling
    ├── BdaInputError        before submit; also ValueError; no retry
    ├── BdaJobError          after submit
    │   ├── BdaJobRejected   the service blames the request; no retry
    │   ├── BdaJobBroken     the service blames itself; a retry submits a new job
    │   ├── BdaJobPartial    some items failed, with fail_on_partial
    │   ├── BdaJobTimeout    our deadline; the job still runs and costs; a retry re-attaches
    │   └── BdaJobLost       the status could not be read; fate unknown
    ├── BdaBatchError        more failures than tolerated
    ├── BdaGateError         an evaluation's results are not good enough; no retry
    └── BdaEventError        resumed with no event or a foreign one

Those that no retry can mend are also Airflow's ``AirflowFailException``. No message ever holds a value read
from a document.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._compat import AirflowException, AirflowFailException
from airflow_provider_bda.jobs.kind import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_bda.jobs.event import JobEvent
    from airflow_provider_bda.jobs.kind import JobKind

__all__ = [
    "BY_OUTCOME",
    "BdaBatchError",
    "BdaError",
    "BdaEventError",
    "BdaGateError",
    "BdaInputError",
    "BdaJobBroken",
    "BdaJobError",
    "BdaJobLost",
    "BdaJobPartial",
    "BdaJobRejected",
    "BdaJobTimeout",
    "job_error",
]


class BdaError(AirflowException):
    """The root of this package's errors.

    :param message: the whole sentence for the person on call.
    :param kind: the job kind's name.
    :param handle: the service's handle of the job.
    :param status: the last status seen.
    :param error_type: the service's own error type.
    :param error_message: the service's own words.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str | None = None,
        handle: Mapping[str, str] | None = None,
        status: str | None = None,
        error_type: str | None = None,
        error_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.handle = dict(handle) if handle is not None else None
        self.status = status
        self.error_type = error_type
        self.error_message = error_message

    def __reduce__(self) -> tuple[Callable[..., BdaError], tuple[Any, ...]]:
        """Rebuild with the keyword arguments, which the default of Exception would drop."""
        return (_rebuild, (type(self), str(self), self.facts()))

    def facts(self) -> dict[str, Any]:
        """Answer what the error is about, as plain JSON."""
        return {
            "kind": self.kind,
            "handle": self.handle,
            "status": self.status,
            "error_type": self.error_type,
            "error_message": self.error_message,
        }


def _rebuild(cls: type[BdaError], message: str, facts: dict[str, Any]) -> BdaError:
    return cls(message, **facts)


class BdaInputError(BdaError, AirflowFailException, ValueError):
    """What was asked for cannot be submitted; nothing was. A retry changes nothing."""


class BdaJobError(BdaError):
    """The job was submitted and did not end as success."""


class BdaJobRejected(BdaJobError, AirflowFailException):
    """The service blames the request: the same request fails again, so there is no retry."""


class BdaJobBroken(BdaJobError):
    """The service blames itself. A retry submits a new job."""


class BdaJobPartial(BdaJobError):
    """Some items of the job failed, and ``fail_on_partial`` was asked for. A retry submits a new job."""


class BdaJobTimeout(BdaJobError):
    """Our deadline passed. The job still runs and costs; a retry waits for the same job again."""


class BdaJobLost(BdaJobError):
    """The status could not be read, so the job's fate is unknown. A retry asks for the same job first."""


class BdaBatchError(BdaError):
    """More documents of a batch failed than were tolerated."""


class BdaGateError(BdaError, AirflowFailException):
    """What was evaluated is not good enough. The same results would say the same, so there is no retry."""


class BdaEventError(BdaError):
    """The task was resumed with no event or a foreign one. A retry asks for the job itself."""


#: Outcome -> the error, what happened, what a retry will do.
BY_OUTCOME: Mapping[Outcome, tuple[type[BdaJobError], str, str]] = MappingProxyType(
    {
        Outcome.PARTIAL: (
            BdaJobPartial,
            "ended with some items failed",
            "A retry submits a new job.",
        ),
        Outcome.REJECTED: (
            BdaJobRejected,
            "failed",
            "The service blames the request, so there is no retry. Mend the input, then clear the task.",
        ),
        Outcome.BROKEN: (
            BdaJobBroken,
            "failed",
            "The service blames itself: a retry submits a new job.",
        ),
        Outcome.TIMEOUT: (
            BdaJobTimeout,
            "had not ended when the deadline passed",
            "The job goes on and is billed: a retry waits for this same job again.",
        ),
        Outcome.LOST: (
            BdaJobLost,
            "could not be followed: its status could not be read",
            "The job's fate is unknown and it may go on: a retry asks for this same job first.",
        ),
    }
)


def job_error(kind: JobKind, event: JobEvent) -> BdaJobError:
    """Turn an event that is no success into the error that says so.

    :raises KeyError: the event is a success.
    """
    cls, what, then = BY_OUTCOME[event.outcome]
    words = ": ".join(part for part in (event.error_type, event.error_message) if part)
    status = f"status {event.status}" if event.status else "no status was ever read"
    said = f"; the service says: {words}" if words else ""
    return cls(
        f"{kind.title} {kind.describe_handle(event.handle)} {what} ({status}{said}). {then}",
        kind=kind.name,
        handle=event.handle,
        status=event.status,
        error_type=event.error_type,
        error_message=event.error_message,
    )
