"""EventBridge events of jobs, delivered by moto to an SQS queue."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.emulator import Fault

ENABLED = {"eventBridgeConfiguration": {"eventBridgeEnabled": True}}


@pytest.fixture
def events(aws):
    """A queue behind a rule on the default bus; answers the events that came."""
    sqs, bus = aws.client("sqs"), aws.client("events")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    assert url.startswith(aws.endpoint_url)
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.bedrock"], "detail-type": [{"prefix": "Bedrock Data Automation Job"}]}
    bus.put_rule(Name="jobs", EventPattern=json.dumps(pattern))
    bus.put_targets(Rule="jobs", Targets=[{"Id": "queue", "Arn": arn}])

    def received():
        aws.settle()
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"]))
        return found

    return received


def test_a_job_that_asks_for_events_sends_created_and_succeeded(aws, clock, events, submit):
    arn = submit(notificationConfiguration=ENABLED)
    clock.advance(10)
    job_id = arn.rpartition("/")[2]
    common = {
        "job_id": job_id,
        "semantic_modality": "Document",
        "input_s3_object": {"s3_bucket": "documents", "name": "in/one.pdf"},
        "output_s3_location": {"s3_bucket": "documents", "name": f"out/{job_id}/0"},
        "error_message": "",
    }
    found = events()
    assert {(event["source"], event["account"], event["region"]) for event in found} == {
        ("aws.bedrock", aws.account, "us-east-1")
    }
    assert sorted(event["time"] for event in found) == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z"]
    assert {event["detail-type"]: event["detail"] for event in found} == {
        "Bedrock Data Automation Job Created": {**common, "job_status": "CREATED"},
        "Bedrock Data Automation Job Succeeded": {
            **common,
            "job_status": "SUCCESS",
            "job_duration_in_seconds": 10,
        },
    }


@pytest.mark.parametrize(
    ("end", "detail_type"),
    [
        ("ClientError", "Bedrock Data Automation Job Failed With Client Error"),
        ("ServiceError", "Bedrock Data Automation Job Failed With Service Error"),
    ],
)
def test_a_failed_job_sends_the_event_of_its_kind(aws, clock, events, submit, end, detail_type):
    aws.fault(Fault(job_status=end, message="no good"))
    submit(notificationConfiguration=ENABLED)
    clock.advance(10)
    last = [event for event in events() if "Created" not in event["detail-type"]]
    assert [(event["detail-type"], event["detail"]["error_message"]) for event in last] == [
        (detail_type, "no good")
    ]


def test_a_job_that_does_not_ask_sends_none(clock, events, submit):
    submit()
    submit(notificationConfiguration={"eventBridgeConfiguration": {"eventBridgeEnabled": False}})
    clock.advance(10)
    assert events() == []


def test_a_rule_with_a_template_of_its_own_gets_what_it_asks_for(aws, clock, events, submit):
    bus = aws.client("events")
    (target,) = bus.list_targets_by_rule(Rule="jobs")["Targets"]
    template = {"InputPathsMap": {"job": "$.detail.job_id"}, "InputTemplate": '{"finished": "<job>"}'}
    bus.put_targets(Rule="jobs", Targets=[{**target, "InputTransformer": template}])
    arn = submit(notificationConfiguration=ENABLED)
    clock.advance(10)
    assert events() == [{"finished": arn.rpartition("/")[2]}] * 2


def test_a_disabled_rule_gets_nothing(aws, clock, events, submit):
    aws.client("events").disable_rule(Name="jobs")
    submit(notificationConfiguration=ENABLED)
    clock.advance(10)
    assert events() == []
