"""Stopping a job from the worker, where the service can: when a user kills the task, or cleared it before."""

from __future__ import annotations

import pytest

from airflow_provider_bda.jobs import JOB_KINDS
from airflow_provider_bda.operators._base import BdaJobOperator
from airflow_provider_bda.operators._stop import stop_job
from tests.fakes import FakeLog, FakeRun
from tests.samples import SAMPLES

KIND = JOB_KINDS["knowledge_base_ingestion"]


class FakeHook:
    """A service that starts, describes and stops jobs, and remembers tokens."""

    def __init__(self):
        self.calls = []
        self.tokens = {}
        self.error = None

    def call(self, operation, request):
        self.calls.append((operation, dict(request)))
        if operation == "stop_ingestion_job" and self.error:
            raise self.error
        if operation == "start_ingestion_job":
            number = self.tokens.setdefault(request["clientToken"], f"JOB{len(self.tokens)}")
            return {"ingestionJob": {"ingestionJobId": number, "status": "STARTING"}}
        return {"ingestionJob": {"status": "IN_PROGRESS"}}

    def stopped(self):
        return [
            request["ingestionJobId"]
            for operation, request in self.calls
            if operation == "stop_ingestion_job"
        ]


class Ingest(BdaJobOperator):
    """As small as an operator gets."""

    job = KIND
    a_hook = None

    @property
    def hook(self):
        return self.a_hook

    def request(self, context):
        return {"knowledgeBaseId": "KB", "dataSourceId": "DS"}


@pytest.fixture
def hook():
    return FakeHook()


@pytest.fixture(autouse=True)
def log(monkeypatch):
    """The log of every operator of a test."""
    log = FakeLog()
    monkeypatch.setattr(BdaJobOperator, "log", log, raising=False)
    return log


@pytest.fixture
def run(hook):
    def make(**kwargs):
        op = Ingest(task_id="a_task", wait_for_completion=False, **kwargs)
        op.a_hook = hook
        return op

    return FakeRun(make, retries=1)


def test_the_next_try_after_a_clear_stops_the_superseded_job_and_starts_another(run, hook, log):
    for _ in range(2):
        op, context = run.next_try()
        result = op.execute(context)
        run.clear()
    assert hook.stopped() == ["JOB0"]
    assert result["handle"]["ingestionJobId"] == "JOB1"
    assert log.said("of before the clear was told to stop")
    names = [operation for operation, _ in hook.calls]
    assert names.index("stop_ingestion_job") < len(names) - 1 - names[::-1].index("start_ingestion_job")


def test_a_retry_stops_nothing(run, hook):
    for _ in range(2):
        op, context = run.next_try()
        op.execute(context)
    assert (hook.stopped(), len(hook.tokens)) == ([], 1)


def test_a_stop_that_fails_does_not_fail_the_task(run, hook, log):
    hook.error = TimeoutError("too slow")
    for _ in range(2):
        op, context = run.next_try()
        op.execute(context)
        run.clear()
    assert log.said("was not stopped and may go on: TimeoutError: too slow")


def test_a_superseded_job_that_cannot_be_stopped_is_named_in_the_log(aws, log):
    aws.settings.duration = 1000.0
    run = FakeRun(SAMPLES["data_automation"].operator)
    for _ in range(2):
        op, context = run.next_try()
        op.wait_for_completion = False
        op.execute(context)
        run.clear()
    first = aws.jobs()[0].arn
    assert log.said(f"{first} of before the clear goes on and is billed")


def test_a_killed_worker_stops_the_job_it_waits_for(run, hook):
    op, context = run.next_try()
    op.execute(context)
    op.on_kill()
    assert hook.stopped() == ["JOB0"]


def test_a_worker_killed_before_it_knows_a_job_says_what_may_be(run, hook, log):
    op, _ = run.next_try()
    op.on_kill()
    assert hook.calls == []
    assert log.said("if the knowledge base ingestion job was submitted already, it goes on and is billed")


def test_a_worker_killed_while_it_waits_for_what_cannot_be_stopped_says_so(log):
    op = SAMPLES["data_automation"].operator()
    stop_job(op, {"invocationArn": "ARN"})
    assert log.lines == [
        "Bedrock Data Automation job ARN goes on and is billed: the service has no operation that stops it"
    ]
