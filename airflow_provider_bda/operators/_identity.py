"""Which job does this try stand for? Each is bought once, whatever dies between submit, save and wait.

The rules are DESIGN's section 5: the token is the same for every try of one clear (``max_tries``), so a worker
that died after the submit gets its job back; a job that is known to have failed makes room for the next
generation; a try buys at most one new job. On Airflow 3.3 the handle is also in the task state store, which
spares asking the service about tokens it may have forgotten.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._compat import state_store
from airflow_provider_bda.exceptions import BdaError, BdaInputError, BdaJobLost, BdaJobTimeout
from airflow_provider_bda.jobs.decision import Nature
from airflow_provider_bda.jobs.kind import Outcome, method_name
from airflow_provider_bda.jobs.token import client_token, fingerprint
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.jobs.decision import CallError
    from airflow_provider_bda.operators._base import BdaJobOperator

STATE_KEY = "bda_job"
#: The service has too many open jobs: no mistake, and no failure.
QUOTA = frozenset({"ServiceQuotaExceededException"})
#: Seconds a submit that the service pushes back is tried again on the worker, then between two short tries.
PATIENCE = 20.0
PAUSE = (20.0, 60.0)
_ENDED_BADLY = frozenset({Outcome.REJECTED, Outcome.BROKEN, Outcome.PARTIAL})


@dataclass(frozen=True, slots=True)
class SavedJob:
    """A submitted job, as the task state store keeps it."""

    handle: dict[str, str]
    max_tries: int
    generation: int
    request: str
    submitted_at: str


class BackPressure(Exception):
    """The service has no room now; come back at ``until`` (epoch seconds)."""

    def __init__(self, message: str, until: float) -> None:
        super().__init__(message)
        self.until = until


def obtain_job(op: BdaJobOperator, context: Any, request: dict[str, Any], deadline: float) -> SavedJob:
    """Answer the job this try waits for, submitting it if there is none.

    :raises BackPressure: the service has no room and the task may be deferred.
    :raises BdaInputError: the service refused the request itself.
    """
    ti = context["ti"]
    saved = _load(context, ti.max_tries)
    first_try = ti.max_tries - (op.retries or 0) + 1
    last = max(ti.try_number - first_try, 0)
    if saved is not None:
        if not _has_failed(op, saved.handle):
            _log_attached(op, saved, request)
            return saved
        first = last = saved.generation + 1
    else:
        first = 0
    for generation in range(first, last + 1):
        handle = _start(op, ti, request, generation, deadline)
        # A generation before the last may be a job of an earlier try that failed since.
        if generation == last or not _has_failed(op, handle):
            return _save(context, SavedJob(handle, ti.max_tries, generation, fingerprint(request), _now()))
        op.log.info("%s %s of an earlier try has failed", op.job.title, op.job.describe_handle(handle))
    raise AssertionError("the last generation is always taken")


def _has_failed(op: BdaJobOperator, handle: Mapping[str, str]) -> bool:
    """Tell whether a job is known to have failed; whatever cannot be read is left to the wait to decide."""
    try:
        answer = op.describe(handle)
    except CALL_ERRORS as raised:
        error = call_error(raised)
        op.log.warning("the status of %s could not be read: %s: %s", handle, error.code, error.message)
        return False
    return op.job.outcome(op.job.status(answer)) in _ENDED_BADLY


def _start(
    op: BdaJobOperator, ti: Any, request: dict[str, Any], generation: int, deadline: float
) -> dict[str, str]:
    body = dict(request)
    if op.job.token is not None:
        body[op.job.token] = _token(op, ti, request, generation)
    give_up = min(time.time() + PATIENCE, deadline)
    pause = 1.0
    while True:
        try:
            answer = op.hook.call(method_name(op.job.start), body)
        except CALL_ERRORS as error:
            if isinstance(error, BdaInputError):
                raise
            seen = call_error(error)
            if not (seen.code in QUOTA or seen.nature is Nature.THROTTLED):
                raise _refusal(op, seen) from error
            pause = _pause_or_come_back(op, seen, pause, give_up, deadline)
        else:
            handle = op.job.handle_of(request, answer)
            op.log.info("%s submitted: %s", op.job.title, op.job.describe_handle(handle))
            return handle


def _refusal(op: BdaJobOperator, seen: CallError) -> BdaError:
    said: dict[str, Any] = {"kind": op.job.name, "error_type": seen.code, "error_message": seen.message}
    if seen.nature is Nature.TRANSIENT:
        found = "a retry finds it by its token" if op.job.token else "a retry may submit it twice"
        return BdaJobLost(
            f"{op.job.start} got no good answer, so the {op.job.title} may or may not have been submitted: "
            f"{seen.code}: {seen.message}. If it was, {found}",
            **said,
        )
    return BdaInputError(
        f"{op.job.start} was refused, nothing was submitted: {seen.code}: {seen.message}. The same request would be "
        "refused again, so there is no retry",
        **said,
    )


def _pause_or_come_back(
    op: BdaJobOperator, seen: CallError, pause: float, give_up: float, deadline: float
) -> float:
    now = time.time()
    wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
    if now + wait >= deadline:
        raise BdaJobTimeout(
            f"no {op.job.title} could be submitted before the deadline: {seen.code}: {seen.message}. A retry tries "
            "again",
            kind=op.job.name,
            error_type=seen.code,
            error_message=seen.message,
        )
    if now + wait < give_up or not op.deferrable:
        time.sleep(wait)
        return min(pause * 2, PAUSE[1])
    later = min(now + random.uniform(*PAUSE), deadline)  # noqa: S311 - jitter
    raise BackPressure(f"the service has no room for a {op.job.title} ({seen.code}: {seen.message})", later)


def _token(op: BdaJobOperator, ti: Any, request: dict[str, Any], generation: int) -> str:
    if op.own_token is not None:
        return op.own_token if generation == 0 else f"{op.own_token}-{generation}"
    return client_token(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index if ti.map_index is not None else -1,
        max_tries=ti.max_tries,
        generation=generation,
        request=request,
    )


def _load(context: Any, max_tries: int) -> SavedJob | None:
    """Read the saved job of this same clear; another ``max_tries`` means a user cleared the task: submit anew."""
    store = state_store(context)
    kept = store.get(STATE_KEY) if store is not None else None
    if not isinstance(kept, dict) or kept.get("max_tries") != max_tries:
        return None
    return SavedJob(**{name: kept[name] for name in SavedJob.__dataclass_fields__})


def _save(context: Any, job: SavedJob) -> SavedJob:
    store = state_store(context)
    if store is not None:
        store.set(STATE_KEY, asdict(job))
    return job


def _log_attached(op: BdaJobOperator, saved: SavedJob, request: Mapping[str, Any]) -> None:
    op.log.info("%s of an earlier try goes on: %s", op.job.title, op.job.describe_handle(saved.handle))
    if saved.request != fingerprint(request):
        op.log.warning(
            "its request differs from this try's (a template renders otherwise now); clear the task to resubmit"
        )


def _now() -> str:
    return datetime.now(UTC).isoformat()
