"""The typed event that travels from a wait to whoever acts on it, through the trigger or not.

Pure. It is stored by Airflow between triggerer and worker, so it is plain JSON, and reading it back is
strict: a lost or foreign event must never pass as an outcome.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.kind import Outcome, dig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.jobs.kind import JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """How the wait for one job ended.

    :param kind: the job kind's name.
    :param handle: the service's handle of the job.
    :param outcome: how the wait ended.
    :param status: the last status the service gave; None if it never gave one.
    :param error_type: the service's error type, or the code of the failing status call.
    :param error_message: the service's words.
    :param answer: the last answer of the describe operation as plain JSON.
    :param timeline: (epoch seconds, status) whenever the status changed.
    """

    kind: str
    handle: dict[str, str]
    outcome: Outcome
    status: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    timeline: tuple[tuple[float, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Answer the event as plain JSON."""
        return {
            "kind": self.kind,
            "handle": dict(self.handle),
            "outcome": self.outcome.value,
            "status": self.status,
            "error_type": self.error_type,
            "error_message": self.error_message,
            "answer": self.answer,
            "timeline": [list(entry) for entry in self.timeline],
        }

    @classmethod
    def from_dict(cls, data: Any) -> JobEvent:
        """Read an event back. Keys a newer release added are passed over.

        :raises ValueError: it is no event of ours, or lacks what an outcome needs.
        """
        if not isinstance(data, dict):
            raise ValueError(f"an event is a dict, not {type(data).__name__}")  # noqa: TRY004 - one error for all
        kind, handle = data.get("kind"), data.get("handle")
        if not isinstance(kind, str) or not isinstance(handle, dict) or not handle:
            raise ValueError("an event names its job kind and handle")
        try:
            outcome = Outcome(str(data.get("outcome")))
        except ValueError:
            raise ValueError(f"{data.get('outcome')!r} is no outcome") from None
        answer = data.get("answer") or {}
        timeline = data.get("timeline") or []
        if not isinstance(answer, dict) or not isinstance(timeline, list | tuple):
            raise ValueError("an event's answer is a dict and its timeline a list")  # noqa: TRY004 - one error for all
        return cls(
            kind=kind,
            handle={str(key): str(value) for key, value in handle.items()},
            outcome=outcome,
            status=data.get("status"),
            error_type=data.get("error_type"),
            error_message=data.get("error_message"),
            answer=answer,
            timeline=tuple((float(moment), str(status)) for moment, status in timeline),
        )


def plain(value: Any) -> Any:
    """Turn a value of a boto3 answer into plain JSON: times become ISO 8601 in UTC."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items() if key != "ResponseMetadata"}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return str(value)


def job_result(kind: JobKind, event: JobEvent) -> dict[str, Any]:
    """Answer what an operator returns for a job: plain values and URIs, never bodies."""
    facts: Mapping[str, Any] = {**event.answer, **event.handle}
    return {
        "kind": kind.name,
        "handle": dict(event.handle),
        "status": event.status,
        "partial": event.outcome is Outcome.PARTIAL,
        **{name: dig(facts, path) for name, path in kind.result},
    }
