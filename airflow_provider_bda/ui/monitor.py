"""How processing goes: the overview's rows, and one task's documents, jobs of their own or a batch's alike."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.catalog import JOB_KINDS
from airflow_provider_bda.ui.airflow_data import ERROR_KEY, JOB_KEY, RESULT_KEY, Group, Instance
from airflow_provider_bda.ui.batches import COUNTS, PROGRESS_TTL, Batch, Rows, group_of, words_of
from airflow_provider_bda.ui.kept import Kept
from airflow_provider_bda.ui.reading import ReadError, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SUCCEEDED = frozenset({"success"})
FAILED = frozenset({"failed", "upstream_failed"})
RUNNING = frozenset({"running", "deferred", "restarting", "up_for_reschedule"})
SKIPPED = frozenset({"skipped", "removed"})
#: How an engine ends.
ENDINGS = frozenset({"done", "portion", "stopped", "refused", "deadline"})
#: Batches whose last status is remembered.
_STATUSES = Kept(5_000)
#: Points of a plot.
POINTS = 200
#: Reasons of a page.
MAX_REASONS = 50
MIN_BINS, BINS = 8, 24


@dataclass(frozen=True, slots=True)
class Entry:
    """One document as a table shows it.

    :param id: a mapped task instance's index, or a document's id within its batch.
    :param group: the reason under which it is counted.
    """

    id: str
    name: str
    status: str
    reason: str
    seconds: float | None
    group: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {
            "id": self.id,
            "name": self.name[:300],
            "status": self.status,
            "reason": self.reason[:300],
            "seconds": self.seconds,
        }


def status_of(state: str | None) -> str:
    """Say an Airflow state in the pages' words."""
    for word, states in (
        ("succeeded", SUCCEEDED),
        ("failed", FAILED),
        ("running", RUNNING),
        ("skipped", SKIPPED),
    ):
        if state in states:
            return word
    return "waiting"


def group_rows(groups: Sequence[Group]) -> tuple[list[dict[str, Any]], int]:
    """Answer the overview's rows, and of how many batches it is not known yet how far they are.

    Batches that have not succeeded are asked side by side and for a moment only: hundreds of them, or an S3 that does
    not answer, cost an answer no more. Who waited longest comes first the next time.
    """
    asked = [group for group in groups if group.batch is not None and group.result is None]
    before = {id(group): _STATUSES.last(_place(group)) for group in asked}
    asked.sort(key=lambda group: last[0] if (last := before[id(group)]) else 0.0)
    futures = side_by_side([partial(batch_status, group) for group in asked])
    known: dict[int, dict[str, Any]] = {}
    for group, future in zip(asked, futures, strict=True):
        if future.done() and not future.cancelled():
            known[id(group)] = future.result()
        elif last := before[id(group)]:
            known[id(group)] = last[1]
    rows = [
        _batch_row(group, known.get(id(group), {})) if group.batch else _jobs_row(group) for group in groups
    ]
    return rows, len(asked) - len(known)


def totals(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Add up rows."""
    sums: dict[str, Any] = dict.fromkeys(COUNTS, 0)
    cost, known, tasks = 0.0, False, {"running": 0, "failed": 0, "succeeded": 0}
    for row in rows:
        for name in COUNTS:
            sums[name] += row[name]
        if row["state"] in tasks:
            tasks[row["state"]] += 1
        if row["cost"] is not None:
            cost, known = cost + row["cost"], True
    return {**sums, "cost": round(cost, 2) if known else None, "tasks": tasks}


def batch_status(group: Group) -> dict[str, Any]:
    """Read how far a batch is; what cannot be read is its ``problem``."""

    def read() -> tuple[dict[str, Any], int]:
        try:
            return Batch(group.batch or {}).status(over=is_over(group)), 1
        except ReadError as error:
            return {"problem": str(error)}, 1

    found: dict[str, Any] = _STATUSES.get(_place(group), read, PROGRESS_TTL)
    return found


def is_over(group: Group) -> bool:
    """Tell whether a batch's task has ended for good."""
    return status_of(next(iter(group.states), None)) in {"succeeded", "failed", "skipped"}


def _place(group: Group) -> tuple[Any, ...]:
    # The task's state is part of it: what was read while it ran does not count any more once it has ended.
    return (*group.key, group.map_index, group.started, is_over(group))


def _jobs_row(group: Group) -> dict[str, Any]:
    counts = dict.fromkeys(COUNTS, 0)
    for state, count in group.states.items():
        counts[status_of(state)] += count
    counts["total"] = sum(group.states.values())
    state = _state(counts)
    ended = group.ended if state not in {"running", "waiting"} else None
    done = counts["succeeded"] + counts["failed"]
    # Up to the last that ended, not to now: the answer stays the same until something happens.
    rate = _per_minute(done, group.started, group.ended)
    left = counts["running"] + counts["waiting"]
    return {
        **_head(group, "jobs", state, ended),
        **counts,
        "per_minute": rate,
        "seconds_left": round(left / rate * 60) if rate and left and state == "running" else None,
        "remaining": 0,
        "ending": None,
        "cost": None,
        "problem": None,
    }


def _batch_row(group: Group, status: dict[str, Any]) -> dict[str, Any]:
    said = group.result or status
    counts = {name: _count(said.get(name)) for name in COUNTS}
    state = status_of(next(iter(group.states), None))
    over = is_over(group)
    remaining = _count((group.result or {}).get("remaining"))
    if over and group.result is None:
        remaining = counts["running"] + counts["waiting"]
        counts |= {"running": 0, "waiting": 0}
    done = sum(counts[name] for name in ("succeeded", "failed", "rejected"))
    if over:
        seconds = _number((group.result or {}).get("seconds"))
        rate = round(done / seconds * 60, 2) if seconds else _per_minute(done, group.started, group.ended)
    else:
        rate = _number(status.get("per_minute"))
    return {
        **_head(group, "batch", state, group.ended if over else None),
        **counts,
        "remaining": remaining,
        "ending": _ending(state, status.get("state"), remaining),
        "per_minute": rate,
        "seconds_left": _number(status.get("seconds_left")) if state == "running" else None,
        "cost": _number(said.get("estimated_cost_usd")),
        "problem": status.get("problem"),
    }


def _ending(state: str, engine: Any, remaining: int) -> str | None:
    """Say how a batch's engine ended, where the task's state does not say it.

    :param state: of the task.
    :param engine: of the engine, as ``progress.json`` has it.
    """
    if state == "succeeded":
        return "portion" if remaining else None
    if state == "running":
        # The engine is through, and the worker writes the results.
        return "finishing" if engine in ENDINGS else None
    if engine in ENDINGS - {"done"}:
        return str(engine)
    return "interrupted" if state == "failed" and engine == "running" else None


def _head(group: Group, kind: str, state: str, ended: datetime | None) -> dict[str, Any]:
    return {
        "dag_id": group.dag_id,
        "run_id": group.run_id,
        "task_id": group.task_id,
        "map_index": group.map_index,
        "kind": kind,
        "state": state,
        "started_at": _iso(group.started),
        "ended_at": _iso(ended),
    }


def _state(counts: dict[str, int]) -> str:
    if counts["running"]:
        return "running"
    if counts["waiting"]:
        return "running" if counts["succeeded"] + counts["failed"] else "waiting"
    return "failed" if counts["failed"] else "succeeded"


# --- one task -----------------------------------------------------------------------------------------


def jobs_entries(instances: Sequence[Instance], inputs: dict[int, dict[str, Any]]) -> list[Entry]:
    """Answer a task's instances as documents.

    :param inputs: the arguments they ran with, by map index, as far as Airflow still has them.
    """
    entries = []
    for instance in instances:
        uri = str(inputs.get(instance.map_index, {}).get("input_s3_uri") or "")
        name = instance.label or uri.rsplit("/", 1)[-1]
        status = status_of(instance.state)
        reason, group = instance_reason(instance) if status == "failed" else ("", "")
        entries.append(
            Entry(
                id=str(instance.map_index),
                name=name or (f"#{instance.map_index}" if instance.map_index >= 0 else instance.task_id),
                status=status,
                reason=reason,
                seconds=_seconds(instance),
                group=group,
            )
        )
    return entries


def instance_reason(instance: Instance) -> tuple[str, str]:
    """Say why a job's task failed, in the service's words where there are any, and under which reason it counts."""
    error = instance.xcoms.get(ERROR_KEY)
    if isinstance(error, dict):
        told = (error.get("error_type") or error.get("status"), error.get("error_message"))
        return words_of(*told), group_of(*told)
    submitted = bool(instance.xcoms.get(JOB_KEY))
    words = "its log says why" if submitted else "failed before a job was submitted; its log says why"
    return words, words


def batch_entries(rows: Rows) -> list[Entry]:
    """Answer a batch's documents, as far as they are known."""
    return [
        Entry(row.document_id, row.name, row.status, row.reason, row.seconds, row.group) for row in rows.rows
    ]


def reasons(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Count failures by their reason, the commonest first, with what helps a batch: a retry, or only a clear."""
    counted = Counter(
        (entry.group, "clear" if entry.status == "rejected" else "retry")
        for entry in entries
        if entry.status in {"failed", "rejected"}
    )
    return [
        {"reason": reason, "count": count, "helps": helps}
        for (reason, helps), count in counted.most_common(MAX_REASONS)
    ]


def told_reasons(status: dict[str, Any], summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer the same as a batch counted it itself: at its end, or while it runs."""
    listed = summary.get("reasons")
    if isinstance(listed, list):
        found = [entry for entry in listed if isinstance(entry, dict)]
        return [
            {
                "reason": str(entry.get("reason")),
                "count": _count(entry.get("documents")),
                "helps": entry.get("helps"),
            }
            for entry in found[:MAX_REASONS]
        ]
    counted: Counter[str] = Counter()
    told = status.get("failures")
    for entry in told if isinstance(told, list) else []:
        if isinstance(entry, dict):
            counted[group_of(entry.get("error_type"), entry.get("error_message"))] += _count(
                entry.get("count")
            )
    return [{"reason": reason, "count": count, "helps": None} for reason, count in counted.most_common()]


def histogram(seconds: Sequence[float]) -> dict[str, Any] | None:
    """Count durations in bins of equal width, with their median and 95th percentile."""
    values = sorted(value for value in seconds if math.isfinite(value) and value >= 0)
    if not values or not values[-1]:
        return None
    top = values[-1]
    bins = [0] * min(BINS, max(MIN_BINS, len(values)))
    for value in values:
        bins[min(int(value / top * len(bins)), len(bins) - 1)] += 1
    return {
        "bins": bins,
        "width": top / len(bins),
        "median": values[len(values) // 2],
        "p95": values[min(int(len(values) * 0.95), len(values) - 1)],
        "max": values[-1],
    }


def jobs_history(instances: Sequence[Instance]) -> list[list[float]]:
    """Answer how many were done by when, as at most 200 points (epoch seconds, done)."""
    ends = sorted(
        instance.end.timestamp()
        for instance in instances
        if instance.end and status_of(instance.state) in {"succeeded", "failed"}
    )
    starts = [instance.start.timestamp() for instance in instances if instance.start]
    points = [[moment, number] for number, moment in enumerate(ends, start=1)]
    step = max(1, math.ceil(len(points) / (POINTS - 1)))
    kept = [*points[::step], *points[-1:]] if step > 1 else points
    return [[min(starts), 0], *kept] if starts and kept else []


def batch_history(progress: dict[str, Any]) -> list[list[float]]:
    """Answer the points a batch wrote down, without what is none."""
    given = progress.get("history")
    return [
        [float(point[0]), float(point[1])]
        for point in (given if isinstance(given, list) else [])[-POINTS:]
        if isinstance(point, list)
        and len(point) == 2
        and all(isinstance(part, int | float) for part in point)
    ]


def select_entries(
    entries: Iterable[Entry],
    *,
    text: str = "",
    status: str = "",
    reason: str = "",
    sort: str = "",
    page: int = 1,
    size: int = 50,
) -> dict[str, Any]:
    """Search, filter, sort and cut a page.

    :param reason: one of those failures are counted under.
    :param sort: "name", "status", "seconds" or "reason", with "-" before it for the other direction.
    """
    needle = text.casefold()
    found = [
        entry
        for entry in entries
        if (not status or entry.status == status)
        and (not reason or entry.group == reason)
        and (
            not needle
            or needle in entry.name.casefold()
            or needle in entry.reason.casefold()
            or needle == entry.id
        )
    ]
    column = sort.lstrip("-")
    if column in {"name", "status", "reason"}:
        found.sort(key=lambda entry: getattr(entry, column).casefold(), reverse=sort.startswith("-"))
    elif column == "seconds":
        found.sort(
            key=lambda entry: -1.0 if entry.seconds is None else entry.seconds, reverse=sort.startswith("-")
        )
    start = (page - 1) * size
    return {
        "total": len(found),
        "page": page,
        "rows": [entry.to_dict() for entry in found[start : start + size]],
    }


def job_of(instance: Instance) -> dict[str, Any]:
    """Answer what a task instance left of its job."""
    job, result = instance.xcoms.get(JOB_KEY), instance.xcoms.get(RESULT_KEY)
    job = job if isinstance(job, dict) else {}
    result = result if isinstance(result, dict) and result.get("handle") else {}
    kind = job.get("kind")
    handle = job.get("handle")
    return {
        "kind": kind,
        "title": JOB_KINDS[kind].title if isinstance(kind, str) and kind in JOB_KINDS else None,
        "handle": handle if isinstance(handle, dict) else {},
        "service_status": result.get("status"),
        "output_s3_uri": result.get("output_s3_uri") or job.get("output_s3_uri"),
        "conn_id": job.get("aws_conn_id"),
        "region_name": job.get("region_name"),
        "submitted_at": job.get("submitted_at"),
        "seconds": _number(result.get("job_duration_in_seconds")),
    }


def _seconds(instance: Instance) -> float | None:
    result = instance.xcoms.get(RESULT_KEY)
    own = _number(result.get("job_duration_in_seconds")) if isinstance(result, dict) else None
    if own is not None:
        return own
    if instance.start and instance.end and status_of(instance.state) in {"succeeded", "failed"}:
        return (instance.end - instance.start).total_seconds()
    return None


def _per_minute(done: int, started: datetime, ended: datetime | None) -> float | None:
    minutes = ((ended or datetime.now(UTC)) - _aware(started)).total_seconds() / 60
    return round(done / minutes, 2) if done and minutes > 0 else None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime | None) -> str | None:
    return _aware(moment).isoformat() if moment else None


def moment(seconds: Any) -> str | None:
    """Say epoch seconds as ISO 8601."""
    known = _number(seconds)
    return datetime.fromtimestamp(known, UTC).isoformat(timespec="seconds") if known else None


def _count(value: Any) -> int:
    return (
        int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else 0
    )


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
