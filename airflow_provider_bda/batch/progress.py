"""How far a batch is: a line for the task's log and ``progress.json``. Pure; the engine writes it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_bda.batch.policy import Tally

#: Points kept for a plot of the progress.
POINTS = 200
#: Seconds over which documents per minute are counted, at least.
WINDOW = 300.0


class Progress:
    """Remembers how many documents had ended when.

    :param started_at: epoch seconds at which the run began.
    """

    def __init__(self, started_at: float) -> None:
        self._started_at = started_at
        self._points: list[list[float]] = []
        self._recent: deque[tuple[float, int]] = deque()

    def note(self, now: float, done: int) -> None:
        """Remember a moment."""
        self._points.append([round(now, 1), done])
        if len(self._points) > POINTS:
            del self._points[1::2]
        self._recent.append((now, done))
        while len(self._recent) > 2 and now - self._recent[1][0] >= WINDOW:
            self._recent.popleft()

    def per_minute(self) -> float | None:
        """Answer documents ended a minute, lately; None before there are two moments."""
        if len(self._recent) < 2:
            return None
        (then, before), (now, done) = self._recent[0], self._recent[-1]
        return round((done - before) / (now - then) * 60, 1) if now > then else None

    def to_json(self, tally: Tally, *, running: int, state: str, now: float, **more: Any) -> dict[str, Any]:
        """Answer ``progress.json``."""
        pace = self.per_minute()
        left = tally.total - tally.ended
        return {
            "state": state,
            "total": tally.total,
            "succeeded": tally.succeeded,
            "failed": tally.failed,
            "rejected": tally.rejected,
            "running": running,
            "waiting": max(left - running, 0),
            "per_minute": pace,
            "seconds_left": round(left / pace * 60) if pace and state == "running" else None,
            "started_at": self._started_at,
            "updated_at": round(now, 1),
            "history": self._points,
            "failures": [
                {"error_type": kind, "error_message": words, "count": count}
                for (kind, words), count in tally.reasons.most_common(10)
            ],
            **more,
        }


def line(progress: dict[str, Any]) -> str:
    """Answer the line of the log."""
    done = progress["succeeded"] + progress["failed"] + progress["rejected"]
    parts = [
        f"{done:,} of {progress['total']:,} documents done",
        f"{progress['failed'] + progress['rejected']:,} of them failed or rejected",
        f"{progress['running']:,} running",
        f"{progress['waiting']:,} waiting",
    ]
    if progress.get("skipped"):
        parts.append(f"{progress['skipped']:,} left to other batches")
    if progress["per_minute"]:
        parts.append(f"{progress['per_minute']:g} a minute")
    if progress["seconds_left"] is not None:
        parts.append(f"about {span(progress['seconds_left'])} left")
    return ", ".join(parts)


def span(seconds: float) -> str:
    """Say a duration as people do."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours >= 48:
        return f"{hours // 24} days"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{whole} s"
