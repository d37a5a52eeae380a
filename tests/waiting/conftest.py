from __future__ import annotations

import pytest

from airflow_provider_bda.emulator import Emulator, ManualClock, Settings

PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"


@pytest.fixture
def aws(monkeypatch):
    """An emulator whose time stands still until a test advances it; aws_default leads to it."""
    with Emulator(Settings(duration=60.0), clock=ManualClock()) as aws:
        for name, value in aws.environ().items():
            if name.startswith("AIRFLOW"):
                monkeypatch.setenv(name, value)
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="in/a.txt", Body=b"x")
        yield aws


@pytest.fixture
def submit(aws):
    """Submit a job; answer its handle."""

    def submit(**more):
        answer = aws.client("bedrock-data-automation-runtime").invoke_data_automation_async(
            inputConfiguration={"s3Uri": "s3://documents/in/a.txt"},
            outputConfiguration={"s3Uri": "s3://documents/out"},
            dataAutomationConfiguration={"dataAutomationProjectArn": PROJECT},
            dataAutomationProfileArn=aws.profile_arn,
            **more,
        )
        return {"invocationArn": answer["invocationArn"]}

    return submit
