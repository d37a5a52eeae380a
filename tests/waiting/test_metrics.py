"""Metrics: their names and tags are promised, and a backend that fails is nobody's failure."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import re
import sys
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_bda import _compat
from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.jobs import JOB_KINDS
from airflow_provider_bda.jobs.decision import JobWait
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import Outcome
from airflow_provider_bda.waiting import metrics
from airflow_provider_bda.waiting.poller import follow

KIND = JOB_KINDS["data_automation"]
PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


class Backend:
    def __init__(self):
        self.sent = []

    def __getattr__(self, method):
        def send(name, *values, tags):
            self.sent.append((method, name, values, tags))

        return send

    def of(self, name):
        return [(values, tags) for _, sent, values, tags in self.sent if sent == name]


@pytest.fixture
def backend(monkeypatch):
    backend = Backend()
    monkeypatch.setattr(metrics, "_is_on", lambda: True)
    monkeypatch.setattr(metrics, "stats_backend", lambda: backend)
    return backend


def test_a_wait_counts_its_calls_its_throttling_and_itself(aws, submit, backend):
    handle = submit()
    aws.clock.advance(61.0)
    aws.fault(Fault(operation="GetDataAutomationStatus", error="ThrottlingException", times=1))

    async def main():
        async with (
            asyncio.timeout(30),
            aclosing(follow(JobWait(KIND, handle), AwsTarget.of(), 0.05)) as items,
        ):
            return [item async for item in items][-1]

    assert asyncio.run(main()).outcome is Outcome.SUCCEEDED
    kind = {"kind": "data_automation"}
    assert backend.of("bda.status_calls") == [((), kind)] * 2
    assert backend.of("bda.throttled") == [((), {**kind, "call": "status"})]
    assert [values for values, _ in backend.of("bda.jobs.waiting")] == [(1,), (0,)]


def test_an_end_tells_its_outcome_and_its_times_and_nothing_of_the_document(backend):
    answer = {
        "jobSubmissionTime": "2026-01-01T00:00:00+00:00",
        "jobCompletionTime": "2026-01-01T00:01:40+00:00",
        "jobDurationInSeconds": 60,
        "errorMessage": "the name is Jane Doe",
    }
    event = JobEvent(
        kind=KIND.name,
        handle={"invocationArn": "arn:secret"},
        outcome=Outcome.REJECTED,
        error_message="the name is Jane Doe",
        answer=answer,
    )
    metrics.ended(KIND, event)
    kind = {"kind": "data_automation"}
    assert backend.sent == [
        ("incr", "bda.jobs.ended", (), {**kind, "outcome": "rejected"}),
        ("timing", "bda.job.running", (timedelta(seconds=60),), kind),
        ("timing", "bda.job.queued", (timedelta(seconds=40),), kind),
    ]


def test_a_backend_that_fails_and_one_that_is_off_hurt_nobody(monkeypatch):
    monkeypatch.setattr(metrics, "stats_backend", lambda: 1 / 0)
    metrics.submitted(KIND)
    monkeypatch.setattr(metrics, "_is_on", lambda: True)
    metrics.submitted(KIND)


def test_airflows_own_backend_takes_every_call(monkeypatch):
    monkeypatch.setattr(metrics, "_is_on", lambda: True)
    raised = []
    monkeypatch.setattr(metrics, "log", SimpleNamespace(debug=lambda *_, **__: raised.append(1)))
    for method in ("incr", "gauge", "timing"):
        assert callable(getattr(_compat.stats_backend(), method))
    metrics.submitted(KIND)
    metrics.waiting("a-service", 3)
    metrics.cost(1.5, dag_id="d", task_id="t")
    metrics.ended(KIND, JobEvent(kind=KIND.name, handle={"a": "b"}, outcome=Outcome.LOST))
    assert raised == []


def keeper_of(name):
    """Answer what keeps the state of one of Airflow's modules of metrics: a module in Airflow 3.3, a class before."""
    module = importlib.import_module(name)
    return sys.modules[module.incr.__module__] if hasattr(module, "incr") else module.Stats


@pytest.mark.parametrize("at", [0, -1], ids=["a worker's", "a triggerer's"])
def test_what_airflow_has_set_up_in_this_process_gets_the_metrics(at, monkeypatch):
    """A worker sets up the task SDK's, a triggerer core's; Airflow 3.1 has one for both."""
    newer = importlib.util.find_spec("airflow.sdk.observability") is not None
    names = ["airflow.sdk.observability.stats", "airflow.observability.stats"] if newer else ["airflow.stats"]
    backend = Backend()
    for name in names:
        keeper = keeper_of(name)
        factory, made = ("factory", "instance") if isinstance(keeper, type) else ("_factory", "_backend")
        monkeypatch.setattr(keeper, factory, (lambda: backend) if name == names[at] else None)
        monkeypatch.setattr(keeper, made, None)
    monkeypatch.setattr(metrics, "_is_on", lambda: True)
    metrics.submitted(KIND)
    assert [(call[0], call[1]) for call in backend.sent] == [("incr", "bda.jobs.submitted")]


def test_the_page_names_every_metric():
    names = {value for value in vars(metrics).values() if isinstance(value, str) and value.startswith("bda.")}
    assert set(re.findall(r"^\| `(bda\.[^`]+)`", PAGE.read_text(), re.MULTILINE)) == names
