"""Which job does this try stand for? Each is bought once, whatever dies between submit, save and wait.

The rules are DESIGN's section 5: the token is the same for every try of one clear (``max_tries``), so a worker
that died after the submit gets its job back; a job that is known to have failed makes room for the next
generation; a try buys at most one new job. On Airflow 3.3 the handle is also in the task state store, which
spares asking the service about tokens it may have forgotten, and tells which job a user's clear superseded.
"""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from airflow_provider_bda._compat import state_store
from airflow_provider_bda.exceptions import BdaError, BdaInputError, BdaJobLost, BdaJobTimeout
from airflow_provider_bda.jobs.decision import STALE_CREDENTIALS, Nature
from airflow_provider_bda.jobs.kind import Outcome, dig
from airflow_provider_bda.jobs.token import client_token, fingerprint
from airflow_provider_bda.operators._stop import stop_job
from airflow_provider_bda.waiting import metrics
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.jobs.decision import CallError
    from airflow_provider_bda.operators._base import BdaJobOperator

#: What the service says of a job.
Answer: TypeAlias = dict[str, Any]

STATE_KEY = "bda_job"
#: The service has too many open jobs: no mistake, and no failure.
QUOTA = frozenset({"ServiceQuotaExceededException"})
#: Seconds a submit that the service pushes back is tried again on the worker, then between two short tries.
PATIENCE = 20.0
PAUSE = (20.0, 60.0)
#: A job submitted so few seconds before we asked for it is the one we just bought, whatever its status.
JUST_NOW = 5.0
_ENDED_BADLY = frozenset({Outcome.REJECTED, Outcome.BROKEN})
#: What an operator returns as the time of submission, by kind.
_SUBMITTED = (
    "job_submission_time",
    "submit_time",
    "creation_time",
    "created_at",
    "started_at",
    "last_modified_time",
)


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


def obtain_job(
    op: BdaJobOperator, context: Any, request: dict[str, Any], deadline: float
) -> tuple[SavedJob, Answer | None]:
    """Answer the job this try waits for, submitting it if there is none.

    :returns: the job, and what the service just said of it: nothing if that could not be read, None if it was
        not asked.
    :raises BackPressure: the service has no room and the task may be deferred.
    :raises BdaInputError: the service refused the request itself.
    """
    ti = context["ti"]
    kept = _load(op, context)
    saved = kept if kept is not None and kept.max_tries == ti.max_tries else None
    if saved is not None and not _has_failed(op, seen := _look(op, saved.handle)):
        _log_attached(op, saved, request)
        return saved, seen
    if kept is not None and saved is None:
        stop_job(op, kept.handle, " of before the clear")
    generations = _generations(op, ti) if saved is None else range(saved.generation + 1, saved.generation + 2)
    handle, generation, said = _first_not_failed(op, ti, request, generations, deadline)
    return _save(context, SavedJob(handle, ti.max_tries, generation, fingerprint(request), _now())), said


def _first_not_failed(
    op: BdaJobOperator, ti: Any, request: dict[str, Any], generations: range, deadline: float
) -> tuple[dict[str, str], int, Answer | None]:
    for generation in generations[:-1]:
        asked = time.time()
        handle = _start(op, ti, request, generation, deadline)
        seen = _look(op, handle)
        # It may be a job of an earlier try that failed since.
        if not _has_failed(op, seen, before=asked - JUST_NOW):
            return handle, generation, seen
        op.log.info("%s %s of an earlier try has failed", op.job.title, op.job.describe_handle(handle))
    return _start(op, ti, request, generations[-1], deadline), generations[-1], None


def _generations(op: BdaJobOperator, ti: Any) -> range:
    """Answer the generations this try may use when nothing is saved: one for each try since the last clear."""
    if op.job.token is None:  # there is no asking for an earlier job: each call buys one
        return range(1)
    first_try = max(ti.max_tries - (op.retries or 0) + 1, 1)
    return range(max(ti.try_number - first_try, 0) + 1)


def _look(op: BdaJobOperator, handle: Mapping[str, str]) -> Answer:
    """Ask for a job's status; nothing is answered if it cannot be read, which is left to the wait to decide."""
    try:
        return op.describe(handle)
    except CALL_ERRORS as raised:
        error = call_error(raised)
        op.log.warning("the status of %s could not be read: %s: %s", handle, error.code, error.message)
        return {}


def _has_failed(op: BdaJobOperator, answer: Answer, before: float | None = None) -> bool:
    """Tell whether a job is known to have failed.

    :param before: only a job submitted before this moment counts. A job that fails before it is first asked
        for is this try's own: to go on to the next generation would buy two jobs in one try.
    """
    moments = [dig(answer, path) for name, path in op.job.result if name in _SUBMITTED]
    if before is not None and any(isinstance(at, datetime) and at.timestamp() >= before for at in moments):
        return False
    outcome = op.job.outcome_of(answer)
    return outcome in _ENDED_BADLY or (outcome is Outcome.PARTIAL and op.fail_on_partial)


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
            answer = op.start(body)
        except CALL_ERRORS as error:
            if isinstance(error, BdaInputError):
                raise
            seen = call_error(error)
            if not (seen.code in QUOTA or seen.nature is Nature.THROTTLED):
                raise _refusal(op, seen) from error
            if seen.nature is Nature.THROTTLED:
                metrics.throttled(op.job, "submit")
            pause = _pause_or_come_back(op, seen, pause, give_up, deadline)
        else:
            metrics.submitted(op.job)
            handle = op.job.handle_of(request, answer)
            op.log.info("%s submitted: %s", op.job.title, op.job.describe_handle(handle))
            return handle


def _refusal(op: BdaJobOperator, seen: CallError) -> BdaError:
    said: dict[str, Any] = {"kind": op.job.name, "error_type": seen.code, "error_message": seen.message}
    if seen.code in STALE_CREDENTIALS:
        return BdaJobLost(
            f"{op.job.start} was refused for its credentials, nothing was submitted: {seen.code}: {seen.message}. "
            "A retry takes those the connection then has",
            **said,
        )
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


def _load(op: BdaJobOperator, context: Any) -> SavedJob | None:
    """Read the saved job; another ``max_tries`` in it than the task's means a user cleared the task since."""
    store = state_store(context)
    kept = store.get(STATE_KEY) if store is not None else None
    if kept is None:
        return None
    try:
        saved = SavedJob(**{name: kept[name] for name in SavedJob.__dataclass_fields__})
        if set(saved.handle) == set(op.job.handle):
            return saved
    except (KeyError, TypeError):
        pass
    op.log.warning(
        "what stands in the task state store under %s is not of this operator; passed over", STATE_KEY
    )
    return None


def saved_handle(op: BdaJobOperator, context: Any) -> dict[str, str] | None:
    """Answer the handle this clear's tries saved, if any."""
    saved = _load(op, context)
    return saved.handle if saved is not None and saved.max_tries == context["ti"].max_tries else None


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
