"""What the trigger does when a user ends the deferred task: stops the job if it is really so, and says what is."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
from airflow.sdk.execution_time import task_runner

from airflow_provider_bda.triggers import job as module
from airflow_provider_bda.triggers.job import JobTrigger
from airflow_provider_bda.waiting import client_pool as pool_module
from tests.fakes import FakeLog

ARN = "arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/1"
CANNOT_STOP = ("data_automation", {"invocationArn": ARN})
CAN_STOP = (
    "knowledge_base_ingestion",
    {"knowledgeBaseId": "KB", "dataSourceId": "DS", "ingestionJobId": "JOB"},
)


class FakeSupervisor:
    """Who answers a trigger's questions about Airflow."""

    def __init__(self, states):
        self.states = states
        self.asked = []

    async def asend(self, question):
        self.asked.append(question)
        if isinstance(self.states, Exception):
            raise self.states
        return SimpleNamespace(task_states={"a_run": self.states})


class FakeService:
    """A client and the pool it comes from."""

    def __init__(self, seconds=0.0, error=None):
        self.seconds, self.error, self.stopped = seconds, error, []

    async def client(self, target, service):
        return self

    async def stop_ingestion_job(self, **handle):
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        self.stopped.append(handle)


@pytest.fixture
def kill(monkeypatch):
    """Call ``on_kill`` as Airflow does; answer the trigger's log, the service and the supervisor."""

    def kill(job, states, *, map_index=-1, task=True, cancel_every=None, **service):
        supervisor, service = FakeSupervisor(states), FakeService(**service)
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
        monkeypatch.setattr(pool_module, "client_pool", lambda: service)
        trigger = JobTrigger(kind=job[0], handle=job[1])
        trigger._log = log = FakeLog()
        if task:
            trigger.task_instance = SimpleNamespace(
                dag_id="a_dag", run_id="a_run", task_id="a_task", map_index=map_index
            )

        async def main():
            killing = asyncio.create_task(trigger.on_kill())
            while cancel_every and not killing.done():
                await asyncio.sleep(cancel_every)
                killing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await killing

        asyncio.run(main())
        return log, service, supervisor

    return kill


@pytest.mark.parametrize("state", ["failed", "success", "skipped", None])
def test_a_task_that_a_user_ended_has_its_job_stopped_where_the_service_can(kill, state):
    log, service, supervisor = kill(CAN_STOP, {"a_task": state})
    assert service.stopped == [CAN_STOP[1]]
    assert log.said("was told to stop")
    (question,) = supervisor.asked
    assert (question.dag_id, question.task_ids, question.run_ids) == ("a_dag", ["a_task"], ["a_run"])


@pytest.mark.parametrize("state", ["deferred", "scheduled", "queued", "running", "up_for_retry"])
def test_a_trigger_that_another_triggerer_took_over_leaves_the_job_alone(kill, state):
    log, service, _ = kill(CAN_STOP, {"a_task": state})
    assert service.stopped == []
    assert log.said(f"is left alone, for the task is {state}")


def test_a_mapped_task_is_asked_for_by_the_name_airflow_gives_it(kill):
    _, service, supervisor = kill(CAN_STOP, {"a_task_3": "failed"}, map_index=3)
    assert (service.stopped, supervisor.asked[0].map_index) == ([CAN_STOP[1]], 3)


@pytest.mark.parametrize("states", [RuntimeError("no answer"), {}], ids=["error", "unknown task"])
def test_without_a_state_to_go_by_nothing_is_stopped(kill, states):
    log, service, _ = kill(CAN_STOP, states)
    assert service.stopped == []
    assert log.said("state could not be read")


def test_where_the_service_cannot_stop_the_log_says_that_the_job_goes_on(kill):
    log, _, _ = kill(CANNOT_STOP, {"a_task": "failed"})
    assert log.lines == [
        f"Bedrock Data Automation job {ARN} goes on and is billed: the service has no operation that stops it"
    ]


def test_the_inline_trigger_of_dag_test_has_no_task_and_stops_nothing(kill):
    log, service, supervisor = kill(CAN_STOP, {"a_task": "failed"}, task=False)
    assert (service.stopped, supervisor.asked) == ([], [])
    assert log.said("is left alone")


def test_a_cancellation_that_comes_again_and_again_does_not_stop_the_stopping(kill):
    _, service, _ = kill(CAN_STOP, {"a_task": "failed"}, cancel_every=0.05, seconds=0.5)
    assert service.stopped == [CAN_STOP[1]]


def test_a_stop_that_takes_too_long_is_given_up_and_said_so(kill, monkeypatch):
    monkeypatch.setattr(module, "KILL_TIMEOUT", 0.1)
    log, service, _ = kill(CAN_STOP, {"a_task": "failed"}, seconds=60.0)
    assert service.stopped == []
    assert log.said("may go on: it could not be stopped in 0.1 s")


def test_a_stop_the_service_refuses_is_said_so(kill):
    log, _, _ = kill(CAN_STOP, {"a_task": "failed"}, error=TimeoutError("too slow"))
    assert log.said("was not stopped and may go on: TimeoutError: too slow")
