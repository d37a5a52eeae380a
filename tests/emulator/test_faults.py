"""Faults, throttling and what real clients make of them."""

from __future__ import annotations

import time

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from airflow_provider_bda.emulator import Fault, gateway
from airflow_provider_bda.emulator.faults import Faults
from airflow_provider_bda.emulator.protocols import parameters_of


@pytest.fixture
def once(aws):
    """A client that tries each call once."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return aws.client("bedrock-data-automation-runtime", config=config)


def code(call, /, **members):
    with pytest.raises(ClientError) as refused:
        call(**members)
    return refused.value.response["Error"]["Code"], refused.value.response["ResponseMetadata"][
        "HTTPStatusCode"
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("ThrottlingException", 400),
        ("InternalServerException", 500),
        ("AccessDeniedException", 400),
        ("ExpiredTokenException", 403),
        ("UnrecognizedClientException", 403),
    ],
)
def test_an_error_is_answered_without_any_effect(aws, once, request_for, error, status):
    aws.fault(Fault(operation="Invoke*", error=error, times=1))
    assert code(once.invoke_data_automation_async, **request_for()) == (error, status)
    assert aws.jobs() == []
    once.invoke_data_automation_async(**request_for())
    assert [call.error for call in aws.calls("InvokeDataAutomationAsync")] == [error, None]


def test_boto3_retries_a_throttled_call(aws, request_for):
    aws.fault(Fault(operation="InvokeDataAutomationAsync", error="ThrottlingException", times=2))
    config = Config(retries={"mode": "standard", "total_max_attempts": 3})
    client = aws.client("bedrock-data-automation-runtime", config=config)
    answer = client.invoke_data_automation_async(**request_for())
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(aws.jobs()) == 1


def test_a_reset_connection_has_no_effect(aws, once, request_for):
    aws.fault(Fault(operation="Invoke*", reset=True, times=1))
    with pytest.raises(ConnectionClosedError):
        once.invoke_data_automation_async(**request_for())
    assert aws.jobs() == []
    assert [call.error for call in aws.calls("InvokeDataAutomationAsync")] == ["ConnectionReset"]


def test_a_lost_answer_has_its_effect_and_the_token_finds_it_again(aws, once, request_for):
    aws.fault(Fault(operation="Invoke*", lose_answer=True, times=1))
    with pytest.raises(ConnectionClosedError):
        once.invoke_data_automation_async(**request_for(clientToken="again"))
    (job,) = aws.jobs()
    answer = once.invoke_data_automation_async(**request_for(clientToken="again"))
    assert answer["invocationArn"] == job.arn
    assert len(aws.jobs()) == 1


def test_boto3_gets_over_a_lost_answer_by_itself(aws, runtime, request_for):
    aws.fault(Fault(operation="Invoke*", lose_answer=True, times=1))
    runtime.invoke_data_automation_async(**request_for())
    assert len(aws.jobs()) == 1
    assert len(aws.calls("InvokeDataAutomationAsync")) == 2


def test_latency_delays_the_answer_and_nobody_elses(aws, once, submit):
    arn = submit()
    aws.fault(Fault(operation="GetDataAutomationStatus", latency=(0.2, 0.3), times=1, seed=1))
    begin = time.monotonic()
    once.get_data_automation_status(invocationArn=arn)
    assert time.monotonic() - begin >= 0.2


def test_a_jobs_end_can_be_forced_by_its_input(aws, clock, submit, status):
    aws.client("s3").put_object(Bucket="documents", Key="in/bad.pdf", Body=b"%PDF-")
    aws.fault(
        Fault(
            input_uri="s3://*/bad.pdf", job_status="ServiceError", error_type="Internal", message="it broke"
        )
    )
    bad, good = submit("in/bad.pdf"), submit()
    clock.advance(10)
    answer = status(bad)
    assert (answer["status"], answer["errorType"], answer["errorMessage"]) == (
        "ServiceError",
        "Internal",
        "it broke",
    )
    assert status(good)["status"] == "Success"
    keys = [
        row["Key"] for row in aws.client("s3").list_objects_v2(Bucket="documents", Prefix="out/")["Contents"]
    ]
    assert keys
    assert all(good.rpartition("/")[2] in key for key in keys)


def test_a_status_can_be_missing_unknown_or_go_backwards(aws, clock, submit, status):
    aws.fault(Fault(operation="Get*", answer={"status": None}, times=1))
    aws.fault(Fault(operation="Get*", answer={"status": "Paused"}, after=1, times=1))
    aws.fault(Fault(operation="Get*", answer={"status": "Created"}, after=3, times=1))
    arn = submit()
    seen = [status(arn).get("status") for _ in range(5)]
    clock.advance(10)
    assert seen == [None, "Paused", "InProgress", "Created", "InProgress"]
    assert status(arn)["status"] == "Success"


def test_a_status_fault_can_be_about_one_input_only(aws, submit, status):
    aws.client("s3").put_object(Bucket="documents", Key="in/two.pdf", Body=b"%PDF-")
    aws.fault(Fault(operation="Get*", input_uri="*/two.pdf", answer={"status": "Paused"}))
    first, second = submit(), submit("in/two.pdf")
    assert (status(first)["status"], status(second)["status"]) == ("InProgress", "Paused")


def test_requests_per_second_are_limited_by_operation(aws, clock, once, submit):
    arn = submit()
    aws.settings.requests_per_second["GetDataAutomationStatus"] = 2
    once.get_data_automation_status(invocationArn=arn)
    once.get_data_automation_status(invocationArn=arn)
    assert code(once.get_data_automation_status, invocationArn=arn) == ("ThrottlingException", 400)
    clock.advance(0.5)
    once.get_data_automation_status(invocationArn=arn)
    assert code(once.get_data_automation_status, invocationArn=arn) == ("ThrottlingException", 400)


def test_what_moto_serves_can_fail_too(aws):
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    s3, sts = aws.client("s3", config=config), aws.client("sts", config=config)
    sqs = aws.client("sqs", config=config)
    aws.fault(Fault(operation="s3:PUT", input_uri="s3://documents/out/*", error="SlowDown", times=1))
    aws.fault(Fault(operation="sts:GetCallerIdentity", error="ExpiredToken", times=1))
    aws.fault(Fault(operation="sqs:*", error="AccessDenied", times=1))
    assert code(s3.put_object, Bucket="documents", Key="out/a", Body=b"x") == ("SlowDown", 503)
    assert code(sts.get_caller_identity) == ("ExpiredToken", 403)
    assert code(sqs.list_queues) == ("AccessDenied", 403)
    s3.put_object(Bucket="documents", Key="out/a", Body=b"x")
    assert sts.get_caller_identity()["Account"] == aws.account
    aws.fault(Fault(operation="s3:GET", reset=True, times=1))
    with pytest.raises(ConnectionClosedError):
        s3.get_object(Bucket="documents", Key="out/a")


def test_probability_is_drawn_from_the_rules_own_seed():
    def drawn(seed):
        faults = Faults()
        faults.add(Fault(error="X", probability=0.5, seed=seed))
        return [faults.for_call("Any", "").error is not None for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert 10 < sum(drawn(1)) < 40


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "does nothing"),
        ({"error": "X", "job_status": "Success"}, "make two rules"),
        ({"error": "X", "probability": 2}, "between 0 and 1"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(members, words):
    with pytest.raises(ValueError, match=words):
        Fault(**members)


def test_a_call_is_seen_once_it_has_been_read(aws, once, request_for, monkeypatch):
    meanwhile = []

    def read(route, request):
        meanwhile.append(aws.calls("InvokeDataAutomationAsync"))
        return parameters_of(route, request)

    monkeypatch.setattr(gateway, "parameters_of", read)
    once.invoke_data_automation_async(**request_for())
    assert meanwhile == [[]]
    assert aws.calls("InvokeDataAutomationAsync")[0].parameters
