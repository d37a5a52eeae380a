"""Events choose the moment of a status call, and nothing else."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from functools import partial

import pytest

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.jobs import JOB_KINDS, Outcome
from airflow_provider_bda.jobs.decision import JobWait
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.waiting import hints, poller
from benchmarks.polling.simulation import Job, simulate

KIND = JOB_KINDS["data_automation"]
LIMIT = 30.0
#: Far longer than a test takes: only a hint can end a wait in time.
NEVER = 3600.0


@pytest.fixture
def queue(aws):
    """A queue that gets the account's events through a rule, as docs/events.md builds it."""
    sqs, bus = aws.client("sqs"), aws.client("events")
    # What a consumer held when it ended comes back within seconds, not after SQS's half a minute.
    url = sqs.create_queue(QueueName="ends", Attributes={"VisibilityTimeout": "2"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="ends", EventPattern=json.dumps({"source": [hints.SOURCE]}))
    bus.put_targets(Rule="ends", Targets=[{"Id": "queue", "Arn": arn}])
    return url


@pytest.fixture
def told(submit):
    """Submit a job that sends events; answer its handle."""
    return partial(
        submit, notificationConfiguration={"eventBridgeConfiguration": {"eventBridgeEnabled": True}}
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A hint is acted on after a moment, and a message comes back at once."""
    monkeypatch.setattr(poller, "SETTLE", 0.1)
    monkeypatch.setattr(hints, "LONG_POLL", 1)
    monkeypatch.setattr(hints, "LATER_SECONDS", 0)


def event(job_id, detail_type="Bedrock Data Automation Job Succeeded", **more):
    return json.dumps(
        {"source": "aws.bedrock", "detail-type": detail_type, "detail": {"job_id": job_id}} | more
    )


async def wait_for(handle, url, warnings=None):
    """Follow a job that only a hint makes us ask for in time."""
    said = [] if warnings is None else warnings
    with hints.listening(url, AwsTarget.of(), said.append):
        following = poller.follow(JobWait(KIND, handle), AwsTarget.of(), NEVER)
        async with asyncio.timeout(LIMIT), aclosing(following) as items:
            async for item in items:
                if isinstance(item, JobEvent):
                    return item
    raise AssertionError("the wait ended without an event")


def send(aws, url, *bodies):
    for body in bodies:
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def left(aws, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(map(int, found.values()))


async def until(condition):
    async with asyncio.timeout(LIMIT):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - what is waited for is on another thread
            await asyncio.sleep(0.02)


def test_an_event_through_the_rule_ends_a_wait_that_polling_would_end_in_an_hour(aws, told, queue):
    handles = [told() for _ in range(3)]

    async def main():
        waits = [asyncio.create_task(wait_for(handle, queue)) for handle in handles]
        await asyncio.to_thread(aws.clock.advance, 61.0)
        events = await asyncio.gather(*waits)
        await until(lambda: left(aws, queue) == 0)
        return events, len(hints._CONSUMERS[asyncio.get_running_loop()])

    events, consumers = asyncio.run(main())
    assert [(item.handle, item.outcome) for item in events] == [
        (handle, Outcome.SUCCEEDED) for handle in handles
    ]
    assert len(aws.calls("GetDataAutomationStatus")) == 3
    assert consumers == 1


def test_forged_doubled_and_foreign_messages_change_nothing_and_are_dropped(aws, told, queue, monkeypatch):
    monkeypatch.setattr(hints, "MOST_RECEIVES", 3)
    handle = told()
    job_id = handle["invocationArn"].rsplit("/", 1)[-1]
    send(
        aws,
        queue,
        *[event(job_id)] * 8,
        event("somebody-elses"),
        event(job_id, "Bedrock Data Automation Job Turned Green"),
        event(job_id, source="not.bedrock"),
        event(["a list"]),
        "no JSON",
        "[" * 100_000,
        json.dumps(["a list"]),
    )

    async def main():
        wait = asyncio.create_task(wait_for(handle, queue))
        await until(lambda: left(aws, queue) == 0)
        early = wait.done()
        calls = len(aws.calls("GetDataAutomationStatus"))
        await asyncio.to_thread(aws.clock.advance, 61.0)
        # All hints this wait acts on are used up: only polling is left, which a test does not wait for.
        (one,) = poller._POLLERS[asyncio.get_running_loop()].pollers.values()
        for watch in one._watches:
            watch.hints = 0
        await asyncio.to_thread(send, aws, queue, event(job_id))
        return early, calls, await wait

    early, calls, item = asyncio.run(main())
    assert not early
    assert calls <= poller.MOST_HINTS
    assert item.outcome is Outcome.SUCCEEDED


def test_a_message_for_another_triggerer_goes_back_until_it_is_taken(aws, told, queue, monkeypatch):
    # On a busy machine one may receive it often before the other reads at all.
    monkeypatch.setattr(hints, "MOST_RECEIVES", 100_000)
    ours, theirs = told(), told()

    async def triggerer(handle):
        return await wait_for(handle, queue)

    async def main():
        # Two loops are two triggerers: neither knows of the other's jobs.
        waits = [asyncio.to_thread(asyncio.run, triggerer(handle)) for handle in (ours, theirs)]
        both = asyncio.gather(*waits)
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return await both

    assert [item.outcome for item in asyncio.run(main())] == [Outcome.SUCCEEDED] * 2


def test_an_event_that_comes_before_its_trigger_is_remembered(aws, told):
    handle = told()
    aws.clock.advance(61.0)

    async def with_memory():
        poller.hint(handle["invocationArn"].rsplit("/", 1)[-1])
        watch = asyncio.create_task(wait_for(handle, None))
        async with asyncio.timeout(LIMIT):
            while not watch.done():
                await asyncio.sleep(0.02)
                for one in poller._POLLERS[asyncio.get_running_loop()].pollers.values():
                    for each in one._watches:
                        assert each.hints == 1, "it was told of before"
                        one._enter(each, asyncio.get_running_loop().time())
            return await watch

    assert asyncio.run(with_memory()).outcome is Outcome.SUCCEEDED


def test_a_queue_that_cannot_be_read_is_told_once_and_ends_no_wait(aws, told, queue, monkeypatch):
    monkeypatch.setattr(hints, "PAUSE", (0.05, 0.05))
    aws.fault(Fault(operation="sqs:ReceiveMessage", error="AccessDenied", times=3))
    warnings, handle = [], told()

    async def main():
        wait = asyncio.create_task(wait_for(handle, queue, warnings=warnings))
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return await wait

    assert asyncio.run(main()).outcome is Outcome.SUCCEEDED
    assert len(warnings) == 1
    assert (
        f"completion_queue {queue} cannot be read, so polling alone tells of ends: AccessDenied"
        in warnings[0]
    )


def test_hints_cost_little_more_than_one_call_a_job():
    jobs = [Job(f"{number:03d}", number * 0.5, 60.0 + number % 7) for number in range(400)]
    outcome = simulate(jobs, "hints", measured_from=70.0)
    assert outcome.calls_per_job <= 1.2
    assert outcome.percentile(0.99) <= 2.0


def test_the_region_of_the_queues_url_counts():
    assert hints._REGION.match("https://sqs.eu-west-1.amazonaws.com/123456789012/q")[1] == "eu-west-1"
    assert hints._REGION.match("https://sqs.us-gov-west-1.amazonaws.com/1/q")[1] == "us-gov-west-1"
    assert hints._REGION.match("http://127.0.0.1:5000/123456789012/q") is None
