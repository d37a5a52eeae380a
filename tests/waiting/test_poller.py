"""Many waits share one client and one poller, and none is lost when that poller dies."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest
from blockbuster import blockbuster_ctx

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.jobs import JOB_KINDS, Outcome
from airflow_provider_bda.jobs.decision import JobWait, Note
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.triggers.job import JobTrigger
from airflow_provider_bda.waiting import client_pool as pool_module
from airflow_provider_bda.waiting.client_pool import client_pool
from airflow_provider_bda.waiting.poller import follow, poller_for

KIND = JOB_KINDS["data_automation"]
TARGET = AwsTarget.of()
LIMIT = 30.0


async def wait_for(handle, target=TARGET, interval=0.05, **kwargs):
    """Follow a job to its event; answer the event and the notes on the way."""
    notes = []
    async with (
        asyncio.timeout(LIMIT),
        aclosing(follow(JobWait(KIND, handle, **kwargs), target, interval)) as items,
    ):
        async for item in items:
            if isinstance(item, JobEvent):
                return item, notes
            notes.append(item)
    raise AssertionError("the wait ended without an event")


async def until(condition):
    async with asyncio.timeout(LIMIT):
        while not condition():  # noqa: ASYNC110 - what is waited for is on another thread
            await asyncio.sleep(0.01)


def run(coroutine):
    return asyncio.run(coroutine)


def test_fifty_waits_share_one_client_and_each_gets_its_own_event(aws, submit):
    handles = [submit() for _ in range(20)]

    async def main():
        waits = [asyncio.create_task(wait_for(handle)) for handle in handles]
        await until(
            lambda: len({c.parameters["invocationArn"] for c in aws.calls("GetDataAutomationStatus")}) == 20
        )
        clients = len(client_pool()._entries)
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return clients, [event for event, _ in await asyncio.gather(*waits)]

    clients, events = run(main())
    assert clients == 1
    assert [(event.handle, event.outcome) for event in events] == [
        (handle, Outcome.SUCCEEDED) for handle in handles
    ]


def test_nothing_blocks_the_loop_from_the_first_client_to_the_event(aws, submit):
    handle = submit()

    async def main():
        wait = asyncio.create_task(wait_for(handle))
        await until(lambda: aws.calls("GetDataAutomationStatus"))
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return await wait

    # Not client_pool: its thread builds the client in a loop of its own, where it may block.
    with blockbuster_ctx(["airflow_provider_bda.waiting.poller", "airflow_provider_bda.triggers.job"]):
        event, _ = run(main())
    assert event.outcome is Outcome.SUCCEEDED


def test_a_poller_that_dies_twice_loses_no_job(aws, submit):
    handle = submit()

    async def main():
        wait = asyncio.create_task(wait_for(handle))
        poller = poller_for(TARGET, JobWait(KIND, handle))
        died = None
        for _ in range(2):
            await until(lambda died=died: poller._watches and poller._task not in (None, died))
            died = poller._task
            died.cancel()
            await until(died.done)
        await until(lambda: not poller._watches)
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return await wait

    event, notes = run(main())
    assert event.outcome is Outcome.SUCCEEDED
    assert [note for note in notes if "the shared poller ended" in note.text] == [
        Note(warning=True, text="the shared poller ended: None; waiting on")
    ] * 2


def test_throttling_slows_the_shared_rate_and_ends_no_wait(aws, submit):
    handle = submit()
    aws.fault(Fault(operation="GetDataAutomationStatus", error="ThrottlingException", times=3))

    async def main():
        rate = poller_for(TARGET, JobWait(KIND, handle)).rate
        before = rate.rate
        wait = asyncio.create_task(wait_for(handle))
        await until(lambda: len(aws.calls("GetDataAutomationStatus")) > 3)
        slowed = rate.rate < before
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return slowed, await wait

    slowed, (event, notes) = run(main())
    assert slowed
    assert event.outcome is Outcome.SUCCEEDED
    assert any("ThrottlingException" in note.text for note in notes)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(operation="GetDataAutomationStatus", reset=True, times=2),
        Fault(operation="GetDataAutomationStatus", lose_answer=True, times=2),
        Fault(operation="GetDataAutomationStatus", error="InternalServerException", times=2),
        Fault(operation="GetDataAutomationStatus", answer={"status": None}, times=2),
    ],
    ids=["connection reset", "answer lost", "service error", "status missing"],
)
def test_what_passes_ends_no_wait(aws, submit, fault):
    handle = submit()
    aws.fault(fault)

    async def main():
        wait = asyncio.create_task(wait_for(handle))
        await until(lambda: len(aws.calls("GetDataAutomationStatus")) > 2)
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return await wait

    event, notes = run(main())
    assert event.outcome is Outcome.SUCCEEDED
    assert any(note.warning for note in notes)


def test_a_missing_connection_is_an_error_and_no_ambient_credentials_are_used(aws, submit, monkeypatch):
    for name, value in aws.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    handle = submit()
    event, _ = run(wait_for(handle))
    assert event.outcome is Outcome.LOST
    assert "connection 'aws_default' (aws_conn_id) does not exist" in event.error_message
    assert aws.calls("GetDataAutomationStatus") == []


def test_none_means_the_machines_own_credentials(aws, submit, monkeypatch):
    for name, value in aws.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    handle = submit()
    event, _ = run(wait_for(handle, AwsTarget.of(None), deadline=0.0))
    assert (event.outcome, event.status) == (Outcome.TIMEOUT, "InProgress")


def test_an_assumed_role_signs_the_calls(aws, submit, monkeypatch):
    connection = aws.connection()
    connection["extra"]["role_arn"] = f"arn:aws:iam::{aws.account}:role/reader"
    monkeypatch.setenv("AIRFLOW_CONN_WITH_ROLE", json.dumps(connection))
    event, _ = run(wait_for(submit(), AwsTarget.of("with_role"), deadline=0.0))
    assert event.outcome is Outcome.TIMEOUT
    assert {call.access_key_id[:4] for call in aws.calls("GetDataAutomationStatus")} == {"ASIA"}


def test_refused_credentials_build_a_new_client(aws, submit, monkeypatch):
    monkeypatch.setattr(pool_module, "REBUILD_PAUSE", 0.0)
    handle = submit()
    aws.fault(Fault(operation="GetDataAutomationStatus", error="ExpiredTokenException", times=1))

    async def main():
        wait = asyncio.create_task(wait_for(handle))
        await until(lambda: len(aws.calls("GetDataAutomationStatus")) > 1)
        retired = len(client_pool()._retired)
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return retired, await wait

    retired, (event, _) = run(main())
    assert (retired, event.outcome) == (1, Outcome.SUCCEEDED)


def test_idle_clients_are_closed(aws, submit, monkeypatch):
    monkeypatch.setattr(pool_module, "SWEEP", 0.01)
    handle = submit()

    async def main():
        await wait_for(handle, deadline=0.0)
        monkeypatch.setattr(pool_module, "IDLE", 0.0)
        await until(lambda: not client_pool()._entries and not client_pool()._retired)

    run(main())


def test_a_cancelled_wait_leaves_the_others_alone(aws, submit):
    first, second = submit(), submit()

    async def main():
        waits = [asyncio.create_task(wait_for(handle)) for handle in (first, second)]
        await until(lambda: aws.calls("GetDataAutomationStatus"))
        waits[0].cancel()
        await asyncio.to_thread(aws.clock.advance, 61.0)
        event, _ = await waits[1]
        return event, len(poller_for(TARGET, JobWait(KIND, first))._watches)

    event, left = run(main())
    assert (event.handle, left) == (second, 0)


def test_a_mistake_of_ours_reaches_the_trigger_it_belongs_to(aws, submit, monkeypatch):
    monkeypatch.setattr(JobWait, "on_answer", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(wait_for(submit()))


def trigger(handle, **kwargs):
    return JobTrigger(kind="data_automation", handle=handle, poll_interval=0.05, **kwargs)


def first_event(trigger):
    async def main():
        async with asyncio.timeout(LIMIT), aclosing(trigger.run()) as events:
            async for event in events:
                return event
        return None

    return run(main())


def test_trigger_yields_the_event_as_plain_json(aws, submit):
    handle = submit()
    aws.clock.advance(61.0)
    event = first_event(trigger(handle))
    assert JobEvent.from_dict(json.loads(json.dumps(event.payload))).outcome is Outcome.SUCCEEDED


def test_trigger_ends_the_task_itself_only_on_success_and_in_a_real_triggerer(aws, submit):
    from airflow.triggers.base import TaskSuccessEvent

    handle = submit()
    aws.clock.advance(61.0)
    under_test = trigger(handle, end_from_trigger=True)
    assert not isinstance(first_event(under_test), TaskSuccessEvent), (
        "dag.test() knows no ending from a trigger"
    )

    class Somebody:
        task_id = "t"

    for push, pushed in ((True, True), (False, False)):
        in_triggerer = trigger(handle, end_from_trigger=True, push_result=push)
        in_triggerer.task_instance = Somebody()
        ending = first_event(in_triggerer)
        assert isinstance(ending, TaskSuccessEvent)
        assert bool(ending.xcoms) is pushed
    assert trigger(handle).end_from_trigger is False


def test_trigger_survives_storing_whole():
    whole = {
        "kind": "data_automation",
        "handle": {"invocationArn": "arn:x"},
        "aws_conn_id": None,
        "region_name": "eu-west-1",
        "verify": "/ca.pem",
        "botocore_config": {"read_timeout": 3},
        "poll_interval": 3.0,
        "status_retries": 4,
        "deadline": 5.0,
        "end_from_trigger": True,
        "push_result": False,
        "submitted_at": 1.5,
        "traits": ["data_automation", "a-project"],
        "completion_queue": "https://sqs.eu-west-1.amazonaws.com/123456789012/q",
    }
    path, kwargs = JobTrigger(**whole).serialize()
    assert (path, kwargs) == ("airflow_provider_bda.triggers.job.JobTrigger", whole)
    assert JobTrigger(**json.loads(json.dumps(kwargs)), added_later=1).serialize() == (path, whole)


@pytest.mark.parametrize(("kind", "handle"), [("no_such_kind", {"a": "b"}), ("data_automation", {})])
def test_trigger_refuses_what_it_could_never_wait_for(kind, handle):
    with pytest.raises(ValueError, match=r"unknown job kind|lacks invocationArn"):
        JobTrigger(kind=kind, handle=handle)
