"""What a task is resumed with, read strictly: the trigger's event, or Airflow's word that the trigger failed.

A lost or foreign event must never pass as an outcome, and a trigger that failed is no verdict on the job.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._compat import TRIGGER_FAILED, TRIGGER_TIMED_OUT
from airflow_provider_bda.exceptions import BdaEventError
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import Outcome
from airflow_provider_bda.waiting.blocking import wait_blocking

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.jobs.decision import JobWait, Note
    from airflow_provider_bda.jobs.kind import JobKind


def read_event(kind: JobKind, event: Any) -> JobEvent:
    """Read the event a task is resumed with.

    :raises BdaEventError: it is none of ours, or of another kind.
    """
    try:
        read = JobEvent.from_dict(event)
        if read.kind != kind.name:
            raise ValueError(f"it is of a job of kind {read.kind}")  # noqa: TRY301 - one error for both
    except ValueError as error:
        raise _foreign(kind, str(error)) from error
    return read


def read_deadline(kind: JobKind, event: Any) -> float:
    """Read the deadline out of the event of the timer between two tries to submit.

    :raises BdaEventError: it is none of ours.
    """
    deadline = event.get("deadline") if isinstance(event, dict) else None
    if isinstance(deadline, bool) or not isinstance(deadline, int | float):
        raise _foreign(kind, "a timer's event names the deadline")
    return float(deadline)


def is_good(event: JobEvent, *, fail_on_partial: bool) -> bool:
    """Tell whether a task whose job ended so is a success."""
    return event.outcome is Outcome.SUCCEEDED or (event.outcome is Outcome.PARTIAL and not fail_on_partial)


def _foreign(kind: JobKind, why: str) -> BdaEventError:
    return BdaEventError(
        f"the task was resumed with an event that is none of ours ({why}). A retry asks for the job itself",
        kind=kind.name,
    )


def trigger_failure(next_method: str, next_kwargs: dict[str, Any] | None) -> str | None:
    """Answer why the trigger failed, if that is what the task is resumed with."""
    if next_method != TRIGGER_FAILED:
        return None
    return str((next_kwargs or {}).get("error") or "no reason given")


def ask_once(
    wait: JobWait, describe: Callable[[], dict[str, Any]], failure: str, log_note: Callable[[Note], None]
) -> JobEvent:
    """Ask for the job itself, after its trigger gave no answer: a trigger that failed is no verdict on the job.

    :param wait: a wait whose deadline has passed, so that one answer decides.
    :param failure: what :func:`trigger_failure` said.
    """
    event = wait_blocking(wait, describe, 0.0, log_note)
    if event.outcome is Outcome.TIMEOUT and failure != TRIGGER_TIMED_OUT:
        # The deadline has not passed: the wait broke, and only a retry can take it up again.
        return replace(event, outcome=Outcome.LOST, error_type="TriggerFailed", error_message=failure)
    return event


def traceback_of(next_kwargs: dict[str, Any] | None) -> str:
    """Answer the trigger's traceback for the log."""
    return "".join(str(line) for line in (next_kwargs or {}).get("traceback") or ())
