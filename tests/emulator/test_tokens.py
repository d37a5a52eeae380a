"""Idempotency of InvokeDataAutomationAsync."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def test_the_same_token_and_request_is_the_same_job(aws, submit):
    assert submit(clientToken="twice") == submit(clientToken="twice")
    assert len(aws.jobs()) == 1


def test_the_same_token_with_another_request_is_refused(aws, submit):
    submit(clientToken="twice")
    with pytest.raises(ClientError) as refused:
        submit(clientToken="twice", outputConfiguration={"s3Uri": "s3://documents/other"})
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert len(aws.jobs()) == 1


def test_a_token_is_remembered_for_ever_unless_told_otherwise(clock, submit):
    first = submit(clientToken="twice")
    clock.advance(10 * 365 * 86_400)
    assert submit(clientToken="twice") == first


def test_memory_zero_forgets_the_tokens_of_finished_jobs_only(aws, clock, submit):
    aws.settings.token_memory = 0
    first = submit(clientToken="twice")
    clock.advance(5)
    assert submit(clientToken="twice") == first
    clock.advance(5)
    assert submit(clientToken="twice") != first


def test_memory_counts_from_the_jobs_end(aws, clock, submit):
    aws.settings.token_memory = 60
    first = submit(clientToken="twice")
    clock.advance(69)
    assert submit(clientToken="twice") == first
    clock.advance(1)
    assert submit(clientToken="twice") != first


def test_a_refused_submit_does_not_use_the_token_up(aws, submit):
    aws.settings.open_jobs = 0
    with pytest.raises(ClientError):
        submit(clientToken="twice")
    aws.settings.open_jobs = 1
    submit(clientToken="twice")
    assert len(aws.jobs()) == 1


def test_the_same_token_in_another_region_is_another_job(aws, request_for, submit):
    submit(clientToken="twice")
    elsewhere = aws.client("bedrock-data-automation-runtime", region_name="eu-west-1")
    arn = elsewhere.invoke_data_automation_async(
        **request_for(
            clientToken="twice",
            dataAutomationProfileArn=(
                f"arn:aws:bedrock:eu-west-1:{aws.account}:data-automation-profile/eu.data-automation-v1"
            ),
        )
    )["invocationArn"]
    assert ":eu-west-1:" in arn
    assert len(aws.jobs()) == 2
