"""The templates in docs/events, held against the code and built on the emulator as far as moto can."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from airflow_provider_bda.emulator import Emulator, ManualClock, Settings
from airflow_provider_bda.waiting import hints

FOLDER = Path(__file__).parents[1] / "docs" / "events"


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as {function: argument}."""


for _tag in ("GetAtt", "Ref"):
    Loader.add_constructor(f"!{_tag}", lambda loader, node, tag=_tag: {tag: loader.construct_scalar(node)})


@pytest.fixture(scope="module")
def resources():
    return yaml.load((FOLDER / "queue.yaml").read_text(), Loader)["Resources"]  # noqa: S506 - a safe loader's child


def test_both_templates_ask_for_the_ends_the_code_knows(resources):
    pattern = resources["Rule"]["Properties"]["EventPattern"]
    assert (pattern["source"], set(pattern["detail-type"])) == ([hints.SOURCE], hints.ENDED)
    terraform = (FOLDER / "queue.tf").read_text()
    assert set(re.findall(r'"(Bedrock Data [^"]+)"', terraform)) == hints.ENDED
    assert f'["{hints.SOURCE}"]' in terraform


def test_both_templates_drop_later_than_the_code_and_agree(resources):
    terraform = (FOLDER / "queue.tf").read_text()
    redrive = resources["Ends"]["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    assert redrive > hints.MOST_RECEIVES
    assert f"maxReceiveCount     = {redrive}" in terraform
    for ours, theirs in {
        "MessageRetentionPeriod": "message_retention_seconds",
        "VisibilityTimeout": "visibility_timeout_seconds",
        "ReceiveMessageWaitTimeSeconds": "receive_wait_time_seconds",
    }.items():
        values = {str(r["Properties"][ours]) for r in resources.values() if ours in r["Properties"]}
        assert values == set(re.findall(rf"{theirs}\s*= (\d+)", terraform))


def test_the_template_delivers_the_end_of_a_job_and_not_its_beginning(resources):
    with Emulator(Settings(duration=5.0), clock=ManualClock()) as aws:
        sqs, bus, made = aws.client("sqs"), aws.client("events"), {}

        def filled(value):
            if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in {"GetAtt", "Ref"}:
                return made[next(iter(value.values()))]
            if isinstance(value, dict):
                return {name: filled(item) for name, item in value.items()}
            return [filled(item) for item in value] if isinstance(value, list) else value

        for name in ("DeadLetters", "Ends"):
            properties = filled(resources[name]["Properties"])
            attributes = {
                key: json.dumps(value) if isinstance(value, dict) else str(value).lower()
                for key, value in properties.items()
            }
            url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
            arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
                "QueueArn"
            ]
            made |= {name: url, f"{name}.Arn": arn}
        rule = filled(resources["Rule"]["Properties"])
        made["Rule.Arn"] = bus.put_rule(Name="ends", EventPattern=json.dumps(rule["EventPattern"]))["RuleArn"]
        bus.put_targets(Rule="ends", Targets=rule["Targets"])
        policy = filled(resources["OnlyTheRule"]["Properties"])
        for url in policy["Queues"]:
            document = json.dumps(policy["PolicyDocument"])
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})

        s3 = aws.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="in/a.txt", Body=b"x")
        project = f"arn:aws:bedrock:{aws.region}:aws:data-automation-project/public-default"
        arn = aws.client("bedrock-data-automation-runtime").invoke_data_automation_async(
            inputConfiguration={"s3Uri": "s3://documents/in/a.txt"},
            outputConfiguration={"s3Uri": "s3://documents/out"},
            dataAutomationConfiguration={"dataAutomationProjectArn": project},
            dataAutomationProfileArn=aws.profile_arn,
            notificationConfiguration={"eventBridgeConfiguration": {"eventBridgeEnabled": True}},
        )["invocationArn"]
        aws.clock.advance(10)
        aws.settle()
        answer = sqs.receive_message(QueueUrl=made["Ends"], MaxNumberOfMessages=10, WaitTimeSeconds=0)
        (message,) = answer["Messages"]
        assert hints.completed_job(message["Body"])["job_id"] == arn.rsplit("/", 1)[-1]
