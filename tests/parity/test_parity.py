"""The same thing happens to the job: the same outcome and the same words, however it is waited for.

kind x situation x {operator, sensor} x {deferrable, blocking, rescheduled}. A kind joins by its sample.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

import pytest
from airflow.sdk import timezone

from airflow_provider_bda._compat import AirflowSkipException
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BY_OUTCOME, BdaJobLost, BdaJobTimeout
from airflow_provider_bda.jobs import JOB_KINDS, Outcome
from airflow_provider_bda.sensors import job as job_sensors
from tests.fakes import FakeRun, FakeTaskInstance, live_through
from tests.samples import SAMPLES

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowRescheduleException

SOON = 0.5
LATE = 60.0
OPERATOR_WAYS = ("operator, deferrable", "operator, blocking")
SENSOR_WAYS = ("sensor, deferrable", "sensor, poke", "sensor, reschedule")
OK = "returned"
KINDS = [JOB_KINDS[name] for name in SAMPLES]


@dataclass(frozen=True)
class Situation:
    """What the service answers to one status call after another; the last thing for ever.

    :param answers: a status, None (no status), "!Code" for an error, or "~" for a lost connection.
    :param outcome: what must come of it.
    :param limit: seconds the task waits.
    """

    answers: tuple
    outcome: Outcome
    limit: float = LATE
    but: tuple = ()


def situations(kind):
    """Every status as the last one, and everything that can happen on the way."""
    running, done = min(kind.pending), min(kind.succeeded, default=None)
    for status in sorted(kind.statuses):
        outcome = kind.outcome(status)
        if outcome is None:  # one answer only: on a slow machine the deadline has passed when it comes
            yield status, Situation((status,), Outcome.TIMEOUT, SOON)
        else:
            yield status, Situation((running, status), outcome)
    yield "missing for ever", Situation((None,), Outcome.TIMEOUT, SOON)
    yield "unknown for ever", Situation(("Paused",), Outcome.TIMEOUT, SOON)
    yield "throttled until the deadline", Situation(("!ThrottlingException",), Outcome.TIMEOUT, SOON)
    yield "connection lost until the deadline", Situation(("~",), Outcome.TIMEOUT, SOON)
    denied = "!AccessDeniedException"
    yield "denied at once", Situation((denied,), Outcome.LOST)
    # A rescheduled sensor is a new process each time: it cannot tell how long access has been gone.
    yield "denied for good", Situation((running, denied), Outcome.LOST, LATE, but=("sensor, reschedule",))
    if not kind.gone_is_success:
        yield "never there", Situation(("!ResourceNotFoundException",), Outcome.LOST)
    end = done or "!ResourceNotFoundException"
    good = Outcome.SUCCEEDED
    yield "missing, then done", Situation((running, None, end), good)
    yield "unknown, then done", Situation((running, "Paused", "Paused", end), good)
    yield (
        "backwards, then done",
        Situation((*sorted(kind.pending), running, *sorted(kind.pending), end), good),
    )
    yield (
        "throttled, then done",
        Situation(("!ThrottlingException", running, "!ThrottlingException", end), good),
    )
    yield "lost, then done", Situation(("~", running, "~", "~", end), good)
    yield "broken service, then done", Situation((running, "!InternalServerException", end), good)
    yield "expired token, then done", Situation((running, "!ExpiredTokenException", end), good)
    yield "denied for a while, then done", Situation((running, denied, denied, end), good)


CASES = [
    pytest.param(kind, situation, id=f"{kind.name}: {name}")
    for kind in KINDS
    for name, situation in situations(kind)
]


def play(aws, kind, answers):
    """Make the service answer so."""
    for place, item in enumerate(answers):
        last = place == len(answers) - 1
        when = {"operation": kind.describe, "after": place, "times": None if last else 1}
        if item == "~":
            aws.fault(Fault(reset=True, **when))
        elif isinstance(item, str) and item.startswith("!"):
            aws.fault(Fault(error=item[1:], **when))
        else:
            *outer, name = kind.status_at
            answer = {name: item}
            for step in reversed(outer):
                answer = {step: answer}
            aws.fault(Fault(answer=answer, **when))


def submitted(sample):
    """Submit a job that would run for ever; answer what its operator returned."""
    op, context = FakeRun(sample.operator).next_try()
    op.wait_for_completion = False
    return op.execute(context)


def rescheduled(make):
    """Live through a rescheduled sensor: a new process for each poke."""
    ti = FakeTaskInstance()
    while True:
        try:
            return make().execute({"ti": ti})
        except AirflowRescheduleException:
            ti.first_reschedule_date = ti.first_reschedule_date or timezone.utcnow()


def wait(aws, kind, situation, way, **kwargs):
    """Wait for a new job in one way; answer the outcome and its words without what names this one job."""
    sample, (what, mode) = SAMPLES[kind.name], way.split(", ")
    aws.clear_faults()
    job = None if what == "operator" else submitted(sample)
    play(aws, kind, situation.answers)
    limit = timedelta(seconds=situation.limit)

    def make(**more):
        if what == "operator":
            settings = {"deferrable": mode == "deferrable", "poll_interval": 0.02, "wait_timeout": limit}
            return sample.operator(**settings, **kwargs, **more)
        settings = {"poke_interval": 0.02, "timeout": limit, "deferrable": mode == "deferrable"}
        settings["mode"] = "reschedule" if mode == "reschedule" else "poke"
        return sample.sensor(job, **settings, **kwargs, **more)

    try:
        if mode == "reschedule":
            result = rescheduled(make)
        else:
            _, context = FakeRun(make).next_try()
            result = live_through(make, context)
    except Exception as error:  # noqa: BLE001 - which one it is, is what is compared
        handle = getattr(error, "handle", None) or job["handle"]
        words = str(error)
        for value in handle.values():
            words = words.replace(value, "<job>")
        return type(error).__name__, words
    plain = {name: value for name, value in result.items() if name not in sample.varies}
    return OK, json.dumps(plain, sort_keys=True)


#: Kinds whose sample is still to be written; tests/operators/test_kinds.py runs them in both modes meanwhile.
TO_COME = {
    "async_invoke",
    "blueprint_optimization",
    "equipment_ingestion",
    "knowledge_base_ingestion",
    "library_ingestion",
    "project",
}


def test_every_kind_that_has_a_sensor_has_a_sample():
    assert {getattr(job_sensors, name).job.name for name in job_sensors.__all__} - TO_COME == set(SAMPLES)


@pytest.mark.parametrize(("kind", "situation"), CASES)
def test_the_outcome_and_its_words_are_the_same_in_every_way(aws, monkeypatch, kind, situation):
    monkeypatch.setattr("airflow_provider_bda.jobs.decision.PERMANENT_MUST_PERSIST", 0.3)
    aws.settings.duration = 1000.0
    ways = [way for way in (*OPERATOR_WAYS, *SENSOR_WAYS) if way not in situation.but]
    seen = {way: wait(aws, kind, situation, way) for way in ways}
    wanted = OK if situation.outcome in {Outcome.SUCCEEDED, Outcome.PARTIAL} else None
    name = wanted or BY_OUTCOME[situation.outcome][0].__name__
    assert {way: outcome for way, (outcome, _) in seen.items()} == dict.fromkeys(ways, name)
    assert len({words for _, words in seen.values()}) == 1, seen


@pytest.mark.parametrize("way", SENSOR_WAYS)
@pytest.mark.parametrize(("kind", "status"), [(k, s) for k in KINDS for s in sorted(k.broken)])
def test_soft_fail_skips_with_the_same_words(aws, kind, status, way):
    aws.settings.duration = 1000.0
    situation = Situation((status,), Outcome.BROKEN)
    assert wait(aws, kind, situation, way, soft_fail=True) == (
        AirflowSkipException.__name__,
        wait(aws, kind, situation, way)[1],
    )


def test_nothing_unknown_is_ever_success():
    bad = [Outcome.TIMEOUT, Outcome.LOST]
    assert [BY_OUTCOME[outcome][0] for outcome in bad] == [BdaJobTimeout, BdaJobLost]
