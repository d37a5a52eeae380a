"""The same thing happens to the job: the same outcome and the same words, however it is waited for.

kind x situation x {operator, sensor} x {deferrable, blocking, rescheduled}. A kind joins by its sample. Where a
token says that two submits are one, all the ways wait for the same job.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from airflow.sdk import timezone

from airflow_provider_bda._compat import AirflowSkipException
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.emulator.routing import service_model
from airflow_provider_bda.exceptions import BY_OUTCOME, BdaJobLost, BdaJobTimeout
from airflow_provider_bda.jobs import JOB_KINDS, Outcome
from airflow_provider_bda.sensors import job as job_sensors
from tests.fakes import FakeRun, FakeTaskInstance, live_through
from tests.samples import SAMPLES

try:
    from airflow.sdk.exceptions import AirflowRescheduleException
except ImportError:  # Airflow 3.1
    from airflow.exceptions import AirflowRescheduleException

#: What comes of it does not depend on how many answers come before the deadline, so it may be near.
SOON = 0.1
LATE = 60.0
OPERATOR_WAYS = ("operator, deferrable", "operator, blocking")
SENSOR_WAYS = ("sensor, deferrable", "sensor, poke", "sensor, reschedule")
OK = "returned"
ALWAYS = ("kind", "handle", "status", "partial", "failures")
GONE = "!ResourceNotFoundException"
DENIED = "!AccessDeniedException"


@dataclass(frozen=True)
class Situation:
    """What the service answers to one status call after another; the last thing for ever, unless the job ends.

    :param answers: a status, None (no status), a dict (a whole answer), "!Code" for an error, or "~" for a lost
        connection.
    :param outcome: what must come of it.
    :param ends_as: after these answers the service says the truth, and the job has ended so.
    :param limit: seconds the task waits.
    :param persist: seconds a refusal must last, if not as long as it must in earnest.
    :param but: ways in which it comes out differently.
    :param settings: of operator and sensor.
    """

    answers: tuple
    outcome: Outcome
    ends_as: str | None = None
    limit: float = LATE
    persist: float | None = None
    but: tuple = ()
    settings: dict = field(default_factory=dict)


def situations(kind):
    """Every status as the last one, and everything that can happen on the way."""
    running = min(kind.pending)
    for status in sorted(
        kind.pending
    ):  # one answer may be all: on a slow machine the deadline has passed then
        yield status, Situation((status,), Outcome.TIMEOUT, limit=SOON)
    for status in sorted(kind.statuses - kind.pending):
        yield status, Situation((running,), kind.outcome(status), status)
    failing = {"fail_on_partial": True}
    for status in sorted(kind.partial):
        yield f"{status}, which fails", Situation((running,), Outcome.PARTIAL, status, settings=failing)
    for path in kind.flaws_at:
        answers = (running, flawed(kind, path))
        yield f"{path[-1]}", Situation(answers, Outcome.PARTIAL)
        yield f"{path[-1]}, which fails", Situation(answers, Outcome.PARTIAL, settings=failing)
    yield "missing for ever", Situation((None,), Outcome.TIMEOUT, limit=SOON)
    yield "unknown for ever", Situation(("Paused",), Outcome.TIMEOUT, limit=SOON)
    yield "throttled until the deadline", Situation(("!ThrottlingException",), Outcome.TIMEOUT, limit=SOON)
    yield "connection lost until the deadline", Situation(("~",), Outcome.TIMEOUT, limit=SOON)
    yield "denied at once", Situation((DENIED,), Outcome.LOST)
    # A rescheduled sensor is a new process each time: it cannot tell how long access has been gone.
    yield (
        "denied for good",
        Situation((running, DENIED), Outcome.LOST, persist=0.05, but=("sensor, reschedule",)),
    )
    if not kind.gone_is_success:
        yield "never there", Situation((GONE,), Outcome.LOST)
    for name, answers in (
        ("missing", (running, None)),
        ("unknown", (running, "Paused", "Paused")),
        ("backwards", (*sorted(kind.pending), running, *sorted(kind.pending))),
        ("throttled", ("!ThrottlingException", running, "!ThrottlingException")),
        ("lost", ("~", running, "~", "~")),
        ("broken service", (running, "!InternalServerException")),
        ("expired token", (running, "!ExpiredTokenException")),
        ("denied for a while", (running, DENIED, DENIED)),
    ):
        if kind.gone_is_success:
            yield f"{name}, then gone", Situation((*answers, GONE), Outcome.SUCCEEDED)
        else:
            done = min(kind.succeeded)
            yield f"{name}, then done", Situation(answers, Outcome.SUCCEEDED, done)


def flawed(kind, path):
    """Build an answer of success in which items failed: a count of one, or a list of one."""
    shape = service_model(kind.service).operation_model(kind.describe).output_shape
    for step in path:
        shape = shape.members[step]
    flaw = [dict.fromkeys(shape.member.members, "x")] if shape.type_name == "list" else 1
    for step in reversed(path):
        flaw = {step: flaw}
    *outer, name = kind.status_at
    inner = flaw
    for step in outer:
        inner = inner[step]
    inner[name] = min(kind.succeeded)
    return flaw


CASES = [
    pytest.param(sample, situation, id=f"{name}: {what}")
    for name, sample in SAMPLES.items()
    for what, situation in situations(JOB_KINDS[sample.kind.name])
]


@pytest.fixture(autouse=True)
def _no_long_memory(one_triggerer, shared_clients):
    """Waits by the hundred: one triggerer and one client for all of them."""


def play(aws, sample, situation):
    """Make the service answer so."""
    for place, item in enumerate(situation.answers):
        last = place == len(situation.answers) - 1 and situation.ends_as is None
        when = {"operation": sample.kind.describe, "after": place, "times": None if last else 1}
        if item == "~":
            aws.fault(Fault(reset=True, **when))
        elif isinstance(item, str) and item.startswith("!"):
            aws.fault(Fault(error=item[1:], **when))
        else:
            aws.fault(Fault(answer=item if isinstance(item, dict) else sample.answer(item), **when))


def submitted(aws, sample):
    """Submit a job and find it running; answer what its operator returned."""
    aws.fault(Fault(operation=sample.kind.describe, answer=sample.answer(min(sample.kind.pending))))
    op, context = FakeRun(sample.operator).next_try()
    op.wait_for_completion = False
    job = op.execute(context)
    aws.clear_faults()
    return job


def rescheduled(make):
    """Live through a rescheduled sensor: a new process for each poke."""
    ti = FakeTaskInstance()
    while True:
        try:
            return make().execute({"ti": ti})
        except AirflowRescheduleException:
            ti.first_reschedule_date = ti.first_reschedule_date or timezone.utcnow()


def wait(aws, sample, situation, way, **kwargs):
    """Wait for a job in one way; answer the outcome and its words without what names this one job."""
    what, mode = way.split(", ")
    aws.clear_faults()
    if situation.ends_as not in {None, *sample.kind.succeeded}:
        sample.ends_as(aws, situation.ends_as)
    job = None if what == "operator" else submitted(aws, sample)
    play(aws, sample, situation)
    limit = timedelta(seconds=situation.limit)
    settings = {"deferrable": mode == "deferrable", **situation.settings, **kwargs}

    def make(**more):
        if what == "operator":
            return sample.operator(wait_timeout=limit, **settings, **more)
        pace = {"poke_interval": 0.02, "timeout": limit}
        return sample.sensor(
            job, mode="reschedule" if mode == "reschedule" else "poke", **pace, **settings, **more
        )

    try:
        if mode == "reschedule":
            result = rescheduled(make)
        else:
            _, context = FakeRun(make).next_try()
            result = live_through(make, context)
    except Exception as error:  # noqa: BLE001 - which one it is, is what is compared
        outcome, words, handle = type(error).__name__, str(error), getattr(error, "handle", None)
    else:
        # An operator may return more than its sensor: it reads the result.
        shown = {*ALWAYS, *(name for name, _ in sample.kind.result)} & set(result)
        if sample.kind.token is None:  # each way has a job of its own, of another moment
            shown = {name for name in shown if not name.endswith("_time")}
        outcome, words = OK, json.dumps({name: result[name] for name in sorted(shown)}, sort_keys=True)
        handle = result["handle"]
    for value in (handle or job["handle"]).values():
        words = words.replace(value, "<job>").replace(value.rpartition("/")[2], "<job>")
    return outcome, words


def test_every_kind_has_a_sample():
    assert {sample.kind.name for sample in SAMPLES.values()} == set(JOB_KINDS)
    assert {getattr(job_sensors, name) for name in job_sensors.__all__} == {
        sample.waits for sample in SAMPLES.values() if sample.waits is not None
    }


@pytest.mark.parametrize(("sample", "situation"), CASES)
def test_the_outcome_and_its_words_are_the_same_in_every_way(aws, monkeypatch, sample, situation):
    if situation.persist is not None:
        monkeypatch.setattr("airflow_provider_bda.jobs.decision.PERMANENT_MUST_PERSIST", situation.persist)
    sample.arrange(aws)
    # What is gone cannot be bent to say it is not, so a deletion never ends by itself here.
    aws.settings.duration = 1000.0 if sample.kind.gone_is_success else 0.0
    every = OPERATOR_WAYS if sample.waits is None else (*OPERATOR_WAYS, *SENSOR_WAYS)
    ways = [way for way in every if way not in situation.but]
    seen = {way: wait(aws, sample, situation, way) for way in ways}
    good = situation.outcome is Outcome.SUCCEEDED or (
        situation.outcome is Outcome.PARTIAL and not situation.settings
    )
    name = OK if good else BY_OUTCOME[situation.outcome][0].__name__
    assert {way: outcome for way, (outcome, _) in seen.items()} == dict.fromkeys(ways, name), seen
    assert len({words for _, words in seen.values()}) == 1, seen


@pytest.mark.parametrize("way", SENSOR_WAYS)
@pytest.mark.parametrize(
    ("sample", "status"),
    [
        pytest.param(sample, status, id=f"{name}: {status}")
        for name, sample in SAMPLES.items()
        if sample.waits is not None
        for status in sorted(sample.kind.broken)
    ],
)
def test_soft_fail_skips_with_the_same_words(aws, sample, status, way):
    sample.arrange(aws)
    aws.settings.duration = 0.0
    situation = Situation((min(sample.kind.pending),), Outcome.BROKEN, status)
    assert wait(aws, sample, situation, way, soft_fail=True) == (
        AirflowSkipException.__name__,
        wait(aws, sample, situation, way)[1],
    )


def test_nothing_unknown_is_ever_success():
    bad = [Outcome.TIMEOUT, Outcome.LOST]
    assert [BY_OUTCOME[outcome][0] for outcome in bad] == [BdaJobTimeout, BdaJobLost]
