"""Where a service can list, many waits cost one call a page; and each wait still gets its own, whole event."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.jobs import JOB_KINDS, Outcome
from airflow_provider_bda.jobs.decision import JobWait
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.waiting import bulk
from airflow_provider_bda.waiting.poller import follow

KIND = JOB_KINDS["async_invoke"]
LIMIT = 60.0


def start(aws, count, **kwargs):
    client = aws.client("bedrock-runtime")
    return [
        client.start_async_invoke(
            modelId="amazon.nova-reel-v1:1",
            modelInput={"number": number},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://documents/out"}},
            **kwargs,
        )["invocationArn"]
        for number in range(count)
    ]


async def wait_for(arn, interval=0.3):
    wait = JobWait(KIND, {"invocationArn": arn})
    async with asyncio.timeout(LIMIT), aclosing(follow(wait, AwsTarget.of(), interval)) as items:
        async for item in items:
            if isinstance(item, JobEvent):
                return item
    raise AssertionError("the wait ended without an event")


def wait_for_all(aws, arns, polls=4, interval=0.3):
    async def main():
        waits = [asyncio.create_task(wait_for(arn, interval)) for arn in arns]
        await asyncio.sleep(polls * interval)
        await asyncio.to_thread(aws.clock.advance, 61.0)
        return await asyncio.gather(*waits)

    return asyncio.run(main())


def calls(aws):
    return len(aws.calls("GetAsyncInvoke")), len(aws.calls("ListAsyncInvokes"))


def test_three_hundred_waits_cost_less_than_a_tenth_of_single_calls(aws):
    arns = start(aws, 300)
    events = wait_for_all(aws, arns, polls=4, interval=1.0)
    assert [(event.handle["invocationArn"], event.outcome) for event in events] == [
        (arn, Outcome.SUCCEEDED) for arn in arns
    ]
    gets, lists = calls(aws)
    # Each job was seen to go on once at least, and to end: single calls would have been 600 at the very least.
    assert gets + lists <= 60, (gets, lists)
    assert lists >= 2


def test_an_event_out_of_a_list_holds_what_a_status_call_holds(aws):
    arns = start(aws, 12)
    events = wait_for_all(aws, arns)
    answer = aws.client("bedrock-runtime").get_async_invoke(invocationArn=arns[0])
    answer.pop("ResponseMetadata")
    wait = JobWait(KIND, {"invocationArn": arns[0]})
    assert events[0].answer == wait.on_answer(answer, 0.0).event.answer


def test_few_waits_are_asked_for_one_by_one(aws):
    wait_for_all(aws, start(aws, bulk.MIN_WAITS - 1))
    gets, lists = calls(aws)
    assert (lists, gets >= bulk.MIN_WAITS - 1) == (0, True)


def test_a_failure_out_of_a_list_has_the_services_words(aws):
    aws.fault(Fault(operation="StartAsyncInvoke", job_status="Failed", message="the model is tired", times=1))
    events = wait_for_all(aws, start(aws, 12))
    assert (events[0].outcome, events[0].error_message) == (Outcome.BROKEN, "the model is tired")
    assert {event.outcome for event in events[1:]} == {Outcome.SUCCEEDED}


@pytest.mark.parametrize("error", ["AccessDeniedException", "InternalServerException", "ThrottlingException"])
def test_where_the_list_fails_each_job_is_asked_for_alone(aws, error):
    aws.fault(Fault(operation="ListAsyncInvokes", error=error))
    events = wait_for_all(aws, start(aws, 12))
    assert {event.outcome for event in events} == {Outcome.SUCCEEDED}


def test_jobs_a_list_does_not_have_are_asked_for_alone(aws):
    aws.fault(Fault(operation="ListAsyncInvokes", answer={"asyncInvokeSummaries": []}))
    events = wait_for_all(aws, start(aws, 12))
    assert {event.outcome for event in events} == {Outcome.SUCCEEDED}


def test_jobs_of_one_library_are_listed_together():
    kind = JOB_KINDS["library_ingestion"]
    waits = [JobWait(kind, {"libraryArn": "a", "jobArn": str(number)}) for number in range(2)]
    other = JobWait(kind, {"libraryArn": "b", "jobArn": "1"})
    assert bulk.scope_of(waits[0]) == bulk.scope_of(waits[1]) != bulk.scope_of(other)
    assert bulk.scope_of(JobWait(JOB_KINDS["data_automation"], {"invocationArn": "x"})) is None


def test_a_row_without_what_is_to_be_returned_does_not_say_enough():
    kind = JOB_KINDS["library_ingestion"]
    wait = JobWait(kind, {"libraryArn": "a", "jobArn": "b"})
    pending = {"job": {"jobArn": "b", "jobStatus": "IN_PROGRESS"}}
    ended = {"job": {"jobArn": "b", "jobStatus": "COMPLETED"}}
    unknown = {"job": {"jobArn": "b"}}
    assert [bulk.says_enough(wait, row) for row in (pending, ended, unknown)] == [True, False, False]
