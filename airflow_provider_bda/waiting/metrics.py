"""What is told to Airflow's own metrics (StatsD, OpenTelemetry), under which names and tags: docs/metrics.md.

Tags are a kind, an outcome, the name of a call or of a task: never a job's id, a URI, a word of the service or of a document. Where
Airflow's metrics are off, nothing is done; a metric that fails is nobody's failure.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._compat import conf, stats_backend
from airflow_provider_bda.waiting.durations import took

if TYPE_CHECKING:
    from airflow_provider_bda.jobs.event import JobEvent
    from airflow_provider_bda.jobs.kind import JobKind

log = logging.getLogger(__name__)

SUBMITTED = "bda.jobs.submitted"
ENDED = "bda.jobs.ended"
WAITING = "bda.jobs.waiting"
QUEUED = "bda.job.queued"
RUNNING = "bda.job.running"
STATUS_CALLS = "bda.status_calls"
THROTTLED = "bda.throttled"
COST = "bda.batch.estimated_cost_usd"


def submitted(kind: JobKind) -> None:
    """Count a submit that the service took."""
    _send("incr", SUBMITTED, kind=kind.name)


def ended(kind: JobKind, event: JobEvent) -> None:
    """Count how a wait ended and, as far as the service says, how long the job was queued and ran."""
    _send("incr", ENDED, kind=kind.name, outcome=event.outcome.value)
    whole, ran = took(kind, event.answer), event.answer.get("jobDurationInSeconds")
    if not isinstance(ran, int | float):
        ran = whole
    if ran is not None:
        _send("timing", RUNNING, timedelta(seconds=ran), kind=kind.name)
    if whole is not None and ran is not None and ran is not whole:
        _send("timing", QUEUED, timedelta(seconds=max(whole - ran, 0.0)), kind=kind.name)


def status_call(kind: JobKind) -> None:
    """Count a call of the describe operation."""
    _send("incr", STATUS_CALLS, kind=kind.name)


def throttled(kind: JobKind, call: str) -> None:
    """Count a throttled call: "submit" or "status"."""
    _send("incr", THROTTLED, kind=kind.name, call=call)


def waiting(service: str, number: int) -> None:
    """Tell how many jobs of a service are waited for in this process."""
    _send("gauge", WAITING, number, service=service)


def cost(usd: float | None, *, dag_id: str, task_id: str) -> None:
    """Tell what all jobs of a batch so far are estimated to cost."""
    if usd is not None:
        _send("gauge", COST, usd, dag_id=dag_id, task_id=task_id)


@cache
def _is_on() -> bool:
    names = ("statsd_on", "otel_on", "statsd_datadog_enabled")
    return any(conf.getboolean("metrics", name, fallback=False) for name in names)


def _send(method: str, name: str, *values: Any, **tags: str) -> None:
    if not _is_on():
        return
    try:
        getattr(stats_backend(), method)(name, *values, tags=tags)
    except Exception:
        log.debug("metric %s was not sent", name, exc_info=True)
