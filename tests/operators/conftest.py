from __future__ import annotations

import dataclasses
import json

import pytest

from airflow_provider_bda.emulator import Emulator, Settings


@pytest.fixture(scope="session")
def running_emulator():
    with Emulator() as aws:
        yield aws


@pytest.fixture
def aws(running_emulator, monkeypatch):
    """An emulator with one small document and fast jobs, and Airflow's aws_default leading to it.

    One attempt a call, for boto's own pauses between attempts are not what is tested here. Tests retry at once,
    so a job counts as just bought for a moment only.
    """
    monkeypatch.setattr("airflow_provider_bda.operators._identity.JUST_NOW", 0.01)
    aws = running_emulator
    aws.reset()
    for item in dataclasses.fields(Settings):
        setattr(aws.settings, item.name, getattr(Settings(duration=0.0), item.name))
    connection = aws.connection()
    connection["extra"]["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="documents")
    s3.put_object(Bucket="documents", Key="in/invoice.txt", Body=b"Invoice number: 7\n")
    return aws


@pytest.fixture
def public_blueprint(aws):
    return f"arn:aws:bedrock:{aws.region}:aws:blueprint/bedrock-data-automation-public-invoice"


@pytest.fixture
def made(aws):
    """A project and a blueprint of the emulator's account: names and ARNs."""
    control = aws.client("bedrock-data-automation")
    project = control.create_data_automation_project(
        projectName="invoices",
        standardOutputConfiguration={
            "document": {
                "extraction": {
                    "granularity": {"types": ["PAGE"]},
                    "boundingBox": {"state": "ENABLED"},
                }
            }
        },
    )["projectArn"]
    schema = {
        "class": "invoice",
        "description": "an invoice",
        "type": "object",
        "definitions": {},
        "properties": {
            "invoice_number": {"type": "string", "inferenceType": "explicit", "instruction": "the number"}
        },
    }
    blueprint = control.create_blueprint(
        blueprintName="an-invoice", type="DOCUMENT", schema=json.dumps(schema)
    )
    return {
        "project": ("invoices", project),
        "blueprint": ("an-invoice", blueprint["blueprint"]["blueprintArn"]),
    }
