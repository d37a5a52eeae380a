"""The ends of jobs as events of an asset."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest
from airflow.sdk import Asset

from airflow_provider_bda.operators._assets import EXTRA_KEY
from airflow_provider_bda.triggers.events import BdaCompletionTrigger
from airflow_provider_bda.waiting import hints
from tests.fakes import FakeRun, live_through, stored
from tests.operators.conftest import aws, running_emulator
from tests.samples import SAMPLES

__all__ = ["aws", "running_emulator"]


@pytest.fixture
def queue(aws, monkeypatch):
    monkeypatch.setattr(hints, "LONG_POLL", 1)
    sqs, bus = aws.client("sqs"), aws.client("events")
    url = sqs.create_queue(QueueName="ends")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus.put_rule(Name="ends", EventPattern=json.dumps({"source": ["aws.bedrock"]}))
    bus.put_targets(Rule="ends", Targets=[{"Id": "queue", "Arn": arn}])
    return url


def events_of(trigger, count):
    async def main():
        found = []
        async with asyncio.timeout(30), aclosing(trigger.run()) as events:
            async for event in events:
                found.append(event.payload)
                if len(found) == count:
                    break
            # The messages are deleted only once somebody asks for the next event.
            going_on = asyncio.ensure_future(anext(events))
            await asyncio.sleep(1.0)
            going_on.cancel()
            await asyncio.gather(going_on, return_exceptions=True)
        return found

    return asyncio.run(main())


def test_each_job_that_succeeded_is_an_event_and_nothing_else_is(aws, queue):
    def make(**more):
        return SAMPLES["data_automation"].operator(**more, event_bridge_enabled=True)

    op, context = FakeRun(make).next_try()
    result = op.execute(context)
    aws.settle()
    failed = {"source": "aws.bedrock", "detail-type": "Bedrock Data Automation Job Failed With Client Error"}
    for body in ("no JSON", json.dumps({**failed, "detail": {"job_id": "j"}})):
        aws.client("sqs").send_message(QueueUrl=queue, MessageBody=body)
    (event,) = events_of(stored(BdaCompletionTrigger(queue_url=queue)), 1)
    job_id = result["invocation_arn"].rsplit("/", 1)[-1]
    assert event == {
        "job_id": job_id,
        "status": "SUCCESS",
        "modality": "Document",
        "input_s3_uri": "s3://documents/in/invoice.txt",
        "output_s3_uri": f"s3://documents/out/{job_id}/0",
        "seconds": 0,
    }
    left = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == "0"


def test_what_an_event_lacks_is_none_and_failures_come_where_they_are_wanted(aws, queue):
    body = {
        "source": "aws.bedrock",
        "detail-type": "Bedrock Data Automation Job Failed With Service Error",
        "detail": {"job_id": "j", "job_status": ["odd"], "input_s3_object": "odd", "error_message": "secret"},
    }
    aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(body))
    trigger = BdaCompletionTrigger(queue_url=queue, succeeded_only=False)
    assert events_of(trigger, 1) == [
        {
            "job_id": "j",
            "status": None,
            "modality": None,
            "input_s3_uri": None,
            "output_s3_uri": None,
            "seconds": None,
        }
    ]


@pytest.mark.parametrize("deferrable", [True, False])
def test_an_operators_outlets_say_which_job_made_them(aws, deferrable):
    from airflow.sdk.execution_time.context import OutletEventAccessors

    documents = Asset("documents")

    def make(**more):
        given = {**more, "outlets": [documents], "deferrable": deferrable}
        return SAMPLES["data_automation"].operator(**given)

    _, context = (run := FakeRun(make)).next_try()
    context["outlet_events"] = OutletEventAccessors()
    result = live_through(lambda: make(retries=run.retries), context)
    told = context["outlet_events"][documents].extra[EXTRA_KEY]
    assert told == {name: result[name] for name in ("kind", "handle", "status", "partial", "output_s3_uri")}
