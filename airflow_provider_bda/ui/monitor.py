"""How processing goes: the overview's rows, and one task's documents, jobs of their own or a batch's alike."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.catalog import JOB_KINDS
from airflow_provider_bda.ui.airflow_data import ERROR_KEY, JOB_KEY, RESULT_KEY, Group, Instance
from airflow_provider_bda.ui.batches import COUNTS, Batch, failures_by_reason, reason_of
from airflow_provider_bda.ui.reading import ReadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SUCCEEDED = frozenset({"success"})
FAILED = frozenset({"failed", "upstream_failed"})
RUNNING = frozenset({"running", "deferred", "restarting", "up_for_reschedule"})
SKIPPED = frozenset({"skipped", "removed"})
#: Points of a plot.
POINTS = 200
BINS = 24


@dataclass(frozen=True, slots=True)
class Entry:
    """One document as a table shows it.

    :param id: a mapped task instance's index, or a document's id within its batch.
    """

    id: str
    name: str
    status: str
    reason: str
    seconds: float | None

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


def group_rows(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Answer the overview's rows. Batches that run are asked for their progress, side by side."""
    asked = [group for group in groups if group.batch is not None and group.result is None]
    told: dict[int, dict[str, Any]] = {}
    if asked:
        with ThreadPoolExecutor(min(16, len(asked))) as threads:
            told = dict(zip(map(id, asked), threads.map(_progress, asked), strict=True))
    return [
        _batch_row(group, told.get(id(group), {})) if group.batch else _jobs_row(group) for group in groups
    ]


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


def _progress(group: Group) -> dict[str, Any]:
    over = not (set(group.states) & RUNNING) and group.ended is not None
    try:
        return Batch(group.batch or {}).progress(over=over)
    except ReadError as error:
        return {"problem": str(error)}


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
        "cost": None,
        "problem": None,
    }


def _batch_row(group: Group, progress: dict[str, Any]) -> dict[str, Any]:
    said = group.result or progress
    counts = {name: _count(said.get(name)) for name in COUNTS}
    task = next(iter(group.states), None)
    if status_of(task) == "failed":
        state = "failed"
    elif group.result is not None:
        state = "failed" if counts["failed"] and not counts["succeeded"] else "succeeded"
    else:
        state = str(said.get("state") or status_of(task))
        state = state if state in {"running", "succeeded", "failed", "stopped"} else status_of(task)
        if state == "running" and status_of(task) == "waiting" and not progress:
            state = "waiting"
    running = state in {"running", "waiting"}
    done = sum(counts[name] for name in ("succeeded", "failed", "rejected"))
    if running:
        rate = _number(progress.get("per_minute"))
    else:
        seconds = _number((group.result or {}).get("seconds"))
        rate = round(done / seconds * 60, 2) if seconds else _per_minute(done, group.started, group.ended)
    return {
        **_head(group, "batch", state, None if running else group.ended),
        **counts,
        "per_minute": rate,
        "seconds_left": _number(progress.get("seconds_left")) if running else None,
        "cost": _number(said.get("estimated_cost_usd")),
        "problem": progress.get("problem"),
    }


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
        entries.append(
            Entry(
                id=str(instance.map_index),
                name=name or (f"#{instance.map_index}" if instance.map_index >= 0 else instance.task_id),
                status=status,
                reason=instance_reason(instance) if status == "failed" else "",
                seconds=_seconds(instance),
            )
        )
    return entries


def instance_reason(instance: Instance) -> str:
    """Say why a job's task failed, in the service's words where there are any."""
    error = instance.xcoms.get(ERROR_KEY)
    if isinstance(error, dict):
        return reason_of(error.get("error_type") or error.get("status"), error.get("error_message"))
    return (
        "its log says why"
        if instance.xcoms.get(JOB_KEY)
        else "failed before a job was submitted; its log says why"
    )


def batch_entries(batch: Batch) -> tuple[list[Entry], bool]:
    """Answer a batch's documents that are done, and whether there are more than shown."""
    rows, more = batch.rows()
    return [Entry(row.document_id, row.name, row.status, row.reason, row.seconds) for row in rows], more


def reasons(entries: Sequence[Entry], progress: dict[str, Any]) -> list[dict[str, Any]]:
    """Group failures by the service's reason: as a batch counts them while it runs, else of the rows."""
    found = failures_by_reason(entries)
    listed = progress.get("failures")
    if found and not (progress.get("state") == "running" and listed):
        return found
    return [
        {
            "reason": reason_of(entry.get("error_type"), entry.get("error_message")),
            "count": _count(entry.get("count")),
        }
        for entry in (listed if isinstance(listed, list) else [])[:50]
        if isinstance(entry, dict)
    ]


def histogram(seconds: Sequence[float]) -> dict[str, Any] | None:
    """Count durations in bins of equal width, with their median and 95th percentile."""
    values = sorted(value for value in seconds if math.isfinite(value) and value >= 0)
    if not values:
        return None
    top = values[-1] or 1.0
    bins = [0] * min(BINS, max(1, len(values)))
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
    sort: str = "",
    page: int = 1,
    size: int = 50,
) -> dict[str, Any]:
    """Search, filter, sort and cut a page.

    :param sort: "name", "status", "seconds" or "reason", with "-" before it for the other direction.
    """
    needle = text.casefold()
    found = [
        entry
        for entry in entries
        if (not status or entry.status == status)
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


def _count(value: Any) -> int:
    return (
        int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else 0
    )


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None
