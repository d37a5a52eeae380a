"""Troubles by moments for three kinds of jobs and the batch: nothing lost, nothing paid twice, and words to act on.

No Airflow is started: what surrounds a task is ours, the operators, triggers, clients and connections are real.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections import defaultdict
from pathlib import Path

import pytest

from airflow_provider_bda._compat import AirflowFailException, TaskDeferred
from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.batch import iter_results
from airflow_provider_bda.batch import store as store_module
from airflow_provider_bda.emulator import Emulator, Fault, ManualClock, Settings
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.results import ResultsError
from airflow_provider_bda.waiting.durations import Durations
from tests.e2e.faults.campaign import ENDED, FILES, MOMENTS, RUNS, SUBMIT, TROUBLES, Scene, Trouble
from tests.e2e.faults.gate import Gate
from tests.e2e.faults.trial import live
from tests.fakes import FakeRun, in_triggerer, stored
from tests.operators.conftest import aws, connection_to, put_the_invoice, running_emulator, triggerer_loop
from tests.pdf import a_pdf
from tests.samples import SAMPLES

__all__ = ["aws", "running_emulator", "triggerer_loop"]

#: One that has events, one that can list, one that can stop.
KINDS = ("data_automation", "async_invoke", "knowledge_base_ingestion")
#: Whether every kind lives through everything.
CHAOS = bool(os.environ.get("BDA_CHAOS"))
DOCUMENTS = 6
BATCH = "Batch"
#: Seconds a try may take in which a trouble lasts; else it has time enough on the slowest machine.
SHORT, LONG = 1.5, 60.0
CASES = [
    pytest.param(name, moment, lasts, id=f"{name}, {moment}, {'lasts' if lasts else 'passes'}")
    for name, trouble in TROUBLES.items()
    for moment in trouble.moments
    for lasts in ((False, True) if trouble.lasting else (False,))
]


@pytest.fixture(scope="session")
def gate(running_emulator):
    gate = Gate(int(running_emulator.endpoint_url.rsplit(":", 1)[1]))
    yield gate
    gate.shut()


@pytest.fixture(autouse=True)
def quick(aws, gate, triggerer_loop, monkeypatch):
    """Pauses of minutes are none here; the way to the service leads through the gate."""
    from airflow_provider_bda.operators import _identity
    from airflow_provider_bda.waiting import poller

    monkeypatch.setattr("airflow_provider_bda.jobs.decision.PERMANENT_MUST_PERSIST", 0.3)
    monkeypatch.setattr(_identity, "PATIENCE", 0.2)
    monkeypatch.setattr(_identity, "PAUSE", (0.05, 0.1))
    monkeypatch.setattr(engine_module, "INTERVAL", (0.05, 0.1))
    monkeypatch.setattr(store_module, "PATIENCE", 1.0)
    monkeypatch.setattr(store_module, "LONGEST_PAUSE", 0.1)
    monkeypatch.setattr("airflow_provider_bda.triggers.batch.SETTLE", 0.0)
    monkeypatch.setattr("tests.fakes.RUN", triggerer_loop.run)
    poller._POLLERS.clear()
    connection = connection_to(aws)
    endpoint = f"http://localhost:{gate.port}"
    connection["extra"] = json.loads(json.dumps(connection["extra"]).replace(aws.endpoint_url, endpoint))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))


@pytest.fixture
def scene(aws, gate):
    scene = Scene(aws, gate, pytest.MonkeyPatch(), {}, {})
    yield scene
    scene.mend()


@pytest.fixture(scope="module")
def book():
    """What came of each trial; written as a page of the docs where ``make chaos`` asks for it."""
    lines = []
    yield lines
    if page := os.environ.get("BDA_FAULTS_PAGE"):
        Path(page).write_text(page_of(lines))


def noted(book, what, title, moment, told, jobs, *, lasts):
    tries = len(told.errors) + (told.result is not None)
    said = ", ".join(dict.fromkeys(type(error).__name__ for error in told.errors))
    book.append((title, moment, "lasts" if lasts else "passes", what, tries, jobs, said))


@pytest.mark.parametrize("kind_name", KINDS)
@pytest.mark.parametrize(("name", "moment", "lasts"), CASES)
def test_a_job_is_bought_once_and_ends_well_whatever_happens(
    aws, scene, book, kind_name, name, moment, lasts
):
    if kind_name != KINDS[0] and not CHAOS and (moment != RUNS or lasts):
        pytest.skip("make chaos does")
    sample, trouble = SAMPLES[kind_name], TROUBLES[name]
    sample.arrange(aws)
    kind = sample.kind
    asks = (kind.describe, *((kind.list_operation,) if kind.list_operation else ()))
    scene.operations = {SUBMIT: (kind.start,), RUNS: asks, ENDED: asks}
    scene.pending = sample.answer(min(kind.pending))
    aws.settings.duration = 0.0 if moment == ENDED else 0.3

    def make(**more):
        # The try in which it lasts ends soon; the one after has all the time it needs.
        limit = SHORT if lasts and not scene.mended else LONG
        return sample.operator(deferrable=True, wait_timeout=limit, **more)

    told = live(make, scene, trouble, moment, lasts=lasts)
    noted(book, kind.title, trouble.title, moment, told, len(sample.jobs(aws)), lasts=lasts)
    if moment == SUBMIT and trouble.refused:
        assert told.is_final
        assert not sample.jobs(aws)
        assert "nothing was submitted" in str(told.errors[-1])
        return
    assert told.result is not None, told.errors
    assert told.result["status"] in kind.succeeded
    (job,) = sample.jobs(aws)
    assert any(value.endswith(job.id) for value in told.result["handle"].values())
    for error in told.errors:
        assert not isinstance(error, AirflowFailException), error
        assert "retry" in str(error), error
        assert moment == SUBMIT or job.id in str(error), error


def put_documents(aws):
    for number in range(DOCUMENTS):
        aws.client("s3").put_object(Bucket="documents", Key=f"in/{number}.pdf", Body=a_pdf(number))


def a_batch(**more):
    arguments = {
        "task_id": "a_batch",
        "source": [f"s3://documents/in/{number}.pdf" for number in range(DOCUMENTS)],
        "output_s3_uri": "s3://documents/out",
        "project": SAMPLES["data_automation"].arguments["project"],
        "deferrable": True,
        "wait_timeout": LONG,
    }
    return BdaBatchOperator(**{**arguments, **more})


def assert_each_once(aws, told, **hook):
    assert told.result is not None, told.errors
    rows = list(iter_results(told.result["batch_s3_uri"], **hook))
    assert [row.status for row in rows] == ["succeeded"] * DOCUMENTS
    assert len(aws.jobs()) == told.result["jobs_submitted"] == DOCUMENTS


BATCH_CASES = [
    pytest.param(name, moment, lasts, id=f"{name}, {moment}, {'lasts' if lasts else 'passes'}")
    for name, trouble in TROUBLES.items()
    for moment in (SUBMIT, RUNS, FILES)
    if moment in trouble.moments or (moment == FILES and trouble.moments == MOMENTS)
    for lasts in ((False, True) if trouble.lasting else (False,))
]


@pytest.mark.parametrize(("name", "moment", "lasts"), BATCH_CASES)
def test_a_batch_does_each_document_once_whatever_happens(aws, scene, book, name, moment, lasts):
    if lasts and moment != RUNS and not CHAOS:
        pytest.skip("make chaos does")
    trouble = TROUBLES[name]
    put_documents(aws)
    scene.operations = {
        SUBMIT: ("InvokeDataAutomationAsync",),
        RUNS: ("GetDataAutomationStatus",),
        FILES: ("s3:GET", "s3:PUT"),
    }
    scene.pending = {"status": "InProgress"}
    aws.settings.duration = 0.3

    def make(**more):
        return a_batch(wait_timeout=SHORT if lasts and not scene.mended else LONG, **more)

    told = live(make, scene, trouble, moment, lasts=lasts)
    noted(book, BATCH, trouble.title, moment, told, len(aws.jobs()), lasts=lasts)
    assert_each_once(aws, told)
    for error in told.errors:
        assert not isinstance(error, AirflowFailException), error
        assert "retry" in str(error), error


@pytest.fixture(scope="session")
def slow_emulator():
    """Another, whose time a test moves on."""
    with Emulator(Settings(duration=600.0), clock=ManualClock()) as slow:
        yield slow


@pytest.fixture
def slow(slow_emulator, aws, monkeypatch):
    # A connection of its own: a process keeps its clients by the connection's name.
    slow_emulator.reset()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_SLOW", json.dumps(connection_to(slow_emulator)))
    put_the_invoice(slow_emulator)
    # Its jobs say they took ten minutes, of an hour that lasts a second here: nothing to plan the next look by.
    monkeypatch.setattr(Durations, "learn", lambda *_: None)
    return slow_emulator


@pytest.mark.parametrize("kind_name", [*KINDS, BATCH])
def test_an_hour_of_throttling_is_waited_out(slow, gate, book, kind_name):
    """Its jobs end meanwhile, and are seen when the service answers again; the hour is the service's."""
    kind = None if kind_name == BATCH else SAMPLES[kind_name].kind
    if kind is None:
        put_documents(slow)
        asked = ("InvokeDataAutomationAsync", "GetDataAutomationStatus")
    else:
        SAMPLES[kind_name].arrange(slow)
        asked = (kind.describe, *((kind.list_operation,) if kind.list_operation else ()))
    scene = Scene(slow, gate, pytest.MonkeyPatch(), {RUNS: asked}, {})

    def make(**more):
        if kind is None:
            return a_batch(aws_conn_id="aws_slow", s3_conn_id="aws_slow", **more)
        arguments = {"aws_conn_id": "aws_slow", "deferrable": True, "wait_timeout": LONG}
        return SAMPLES[kind_name].operator(**arguments, **more)

    def an_hour():
        for _ in range(60):
            slow.clock.advance(60.0)
            time.sleep(0.02)
        slow.clear_faults()
        # What could be submitted only now ends, too.
        while not finished.wait(0.05):
            slow.clock.advance(60.0)

    def begin(*_):
        for operation in asked:
            slow.fault(Fault(operation=operation, error="ThrottlingException"))
        ticking.start()

    finished, ticking = threading.Event(), threading.Thread(target=an_hour)
    trouble = Trouble("calls are throttled for an hour", begin)
    try:
        told = live(make, scene, trouble, RUNS, lasts=False)
    finally:
        finished.set()
        ticking.join()
    noted(book, kind.title if kind else BATCH, trouble.title, RUNS, told, len(slow.jobs()), lasts=False)
    assert not told.errors
    assert any(call.error == "ThrottlingException" for call in slow.calls())
    if kind is None:
        assert_each_once(slow, told, hook=BdaBaseHook(aws_conn_id="aws_slow"))
    else:
        assert told.result["status"] in kind.succeeded
        assert len(SAMPLES[kind_name].jobs(slow)) == 1


def test_outputs_that_are_gone_are_said_and_not_bought_again(aws, scene, book, monkeypatch):
    put_documents(aws)
    aws.settings.duration = 0.3
    s3 = aws.client("s3")
    deleted = []

    def delete_outputs(self, *arguments, **named):
        found = s3.list_objects_v2(Bucket="documents", Prefix="out/")["Contents"]
        deleted.extend(key["Key"] for key in found if "/_batches/" not in key["Key"])
        for key in deleted:
            s3.delete_object(Bucket="documents", Key=key)
        return execute_complete(self, *arguments, **named)

    execute_complete = BdaBatchOperator.execute_complete
    monkeypatch.setattr(BdaBatchOperator, "execute_complete", delete_outputs)
    trouble = Trouble("the outputs are deleted from S3", lambda *_: None)
    told = live(a_batch, scene, trouble, ENDED, lasts=True)
    noted(book, BATCH, trouble.title, ENDED, told, len(aws.jobs()), lasts=True)
    assert len(deleted) >= DOCUMENTS
    assert_each_once(aws, told)
    rows = list(iter_results(told.result["batch_s3_uri"]))
    assert all("is gone" in row.blueprint_unknown for row in rows)
    with pytest.raises(ResultsError, match=rows[0].invocation_arn.rsplit("/", 1)[1]):
        BedrockDataAutomationRuntimeHook().get_results(rows[0].output_s3_uri)


def test_a_queue_that_is_down_changes_nothing_but_the_moment(aws, scene, book):
    sample = SAMPLES["data_automation"]
    queue = aws.client("sqs").create_queue(QueueName="ends")["QueueUrl"]
    aws.fault(Fault(operation="sqs:*", error="ServiceUnavailable", status=503))
    aws.settings.duration = 0.3
    trouble = Trouble("the queue of the ends is down", lambda *_: None)

    def make(**more):
        return sample.operator(deferrable=True, completion_queue=queue, wait_timeout=LONG, **more)

    told = live(make, scene, trouble, RUNS, lasts=True)
    noted(book, sample.kind.title, trouble.title, RUNS, told, len(aws.jobs()), lasts=True)
    assert told.result is not None
    assert not told.errors
    assert len(aws.jobs()) == 1


@pytest.mark.parametrize("kind_name", KINDS)
def test_a_triggerer_that_is_away_loses_nothing(aws, scene, triggerer_loop, kind_name):
    """Its triggers end with it; another one builds them anew from the database, minutes later."""
    sample = SAMPLES[kind_name]
    sample.arrange(aws)
    aws.settings.duration = 0.5
    run = FakeRun(lambda **more: sample.operator(deferrable=True, wait_timeout=LONG, **more))
    op, context = run.next_try()
    with pytest.raises(TaskDeferred) as deferred:
        op.execute(context)
    trigger = deferred.value.trigger

    async def killed():
        async with asyncio.timeout(0.2):
            async for _ in stored(trigger).run():
                pytest.fail("it has ended before it was killed")

    with pytest.raises(TimeoutError):
        triggerer_loop.run(killed())
    aws.settle()
    event = in_triggerer(stored(trigger))
    kwargs = {"event": json.loads(json.dumps(event.payload))}
    result = sample.operator().resume_execution(deferred.value.method_name, kwargs, context)
    assert result["status"] in sample.kind.succeeded
    assert len(sample.jobs(aws)) == 1


def page_of(lines):
    """Make the page of the docs."""
    head = [
        "# What goes wrong, and what comes of it",
        "",
        "<!-- written by `make chaos` -->",
        "Each line was lived through over HTTP by the operator, its trigger and its retries: *passes* by itself, or *lasts* until the",
        "try has failed and somebody has mended it. Jobs are those the service was paid for: one, or one for each of the batch's",
        f"{DOCUMENTS} documents; none where the request itself is refused.",
        "",
        "| what | when | | task | tries | jobs | what the failing try says |",
        "|---|---|---|---|---|---|---|",
    ]
    together = defaultdict(list)
    for title, moment, lasts, what, tries, jobs, said in lines:
        together[title, moment, lasts, tries, jobs, said].append(what)
    body = [
        f"| {title} | {moment} | {lasts} | {', '.join(whats)} | {tries} | {jobs} | {said} |"
        for (title, moment, lasts, tries, jobs, said), whats in together.items()
    ]
    return "\n".join([*head, *body, "", *TAIL]) + "\n"


TAIL = [
    "What ends processes is tried elsewhere, with the same question, what was bought:",
    "",
    "| what | where |",
    "|---|---|",
    "| a worker is killed at each step of a submit | `tests/identity/test_killed_worker.py` |",
    "| workers and the triggerer are killed, twenty documents one by one | `tests/e2e/test_survival.py` |",
    "| the triggerer, or the worker, of a batch is killed 20 times | `tests/e2e/test_batch.py` |",
    "| a triggerer hangs while another takes over its batch | `tests/e2e/test_batch_postgres.py` |",
    "| Celery's workers, two triggerers and the database die in turn | `tests/e2e/test_celery.py` |",
    "| a triggerer is away for minutes | `tests/e2e/faults/test_campaign.py` |",
    "| the package is upgraded while tasks wait | `tests/triggers/test_stored.py` |",
]
