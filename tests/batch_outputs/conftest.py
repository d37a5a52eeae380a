from __future__ import annotations

import dataclasses
import json
import time
from types import SimpleNamespace

import pytest

from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.rows import Row, line_of
from airflow_provider_bda.emulator import Emulator, Settings

PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"
BATCH = "s3://documents/out/_batches/a-batch"


@pytest.fixture(scope="session")
def batch_emulator():
    with Emulator() as aws:
        yield aws


@pytest.fixture
def aws(batch_emulator, monkeypatch):
    """An emulator with an empty bucket, fast jobs and one attempt a call; Airflow's aws_default leads to it."""
    aws = batch_emulator
    aws.reset()
    for item in dataclasses.fields(Settings):
        setattr(aws.settings, item.name, getattr(Settings(duration=0.0), item.name))
    connection = aws.connection()
    connection["extra"]["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    aws.client("s3").create_bucket(Bucket="documents")
    return aws


@pytest.fixture
def s3(aws):
    return aws.client("s3")


@pytest.fixture
def blueprint(aws):
    """The ARN of a blueprint of two fields."""
    fields = {
        name: {"type": "string", "inferenceType": "explicit", "instruction": f"the {name.replace('_', ' ')}"}
        for name in ("invoice_number", "order_number")
    }
    schema = {
        "class": "invoice",
        "description": "x",
        "type": "object",
        "definitions": {},
        "properties": fields,
    }
    made = aws.client("bedrock-data-automation").create_blueprint(
        blueprintName="an-invoice", type="DOCUMENT", schema=json.dumps(schema)
    )
    return made["blueprint"]["blueprintArn"]


@pytest.fixture
def stored(s3):
    """Read an object by its URI; None if it is not there."""

    def stored(uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        try:
            return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except s3.exceptions.NoSuchKey:
            return None

    return stored


@pytest.fixture
def keys(s3):
    """List the keys below a prefix."""

    def keys(prefix=""):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="documents", Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    return keys


@pytest.fixture
def a_batch(aws, s3):
    """A batch as its engine leaves it: rows of jobs that really ran, or made up, in parts on S3."""
    layout = BatchLayout(BATCH)
    runtime = aws.client("bedrock-data-automation-runtime")

    def put(uri, body):
        s3.put_object(Bucket="documents", Key=uri.removeprefix("s3://documents/"), Body=body)

    def ended(arn):
        until = time.monotonic() + 30
        while time.monotonic() < until:
            answer = runtime.get_data_automation_status(invocationArn=arn)
            if answer["status"] not in {"Created", "InProgress"}:
                return answer
            time.sleep(0.01)
        raise AssertionError("the job did not end")

    def run(name, text="Invoice number: INV-7\n", blueprints=(), project=PROJECT, **members):
        """Send a document through a job; answer its row."""
        uri = f"s3://documents/in/{name}.txt"
        put(uri, text.encode())
        request = {
            "inputConfiguration": {"s3Uri": uri},
            "outputConfiguration": {"s3Uri": "s3://documents/out"},
            "dataAutomationConfiguration": {"dataAutomationProjectArn": project, "stage": "LIVE"},
            "dataAutomationProfileArn": aws.profile_arn,
            "blueprints": [{"blueprintArn": arn} for arn in blueprints],
        }
        arn = runtime.invoke_data_automation_async(**{k: v for k, v in request.items() if v})["invocationArn"]
        answer = ended(arn)
        status = {"Success": "succeeded", "ServiceError": "failed", "ClientError": "rejected"}[
            answer["status"]
        ]
        submitted = answer["jobSubmissionTime"].timestamp()
        told = {
            "document_id": name,
            "input_s3_uri": uri,
            "status": status,
            "invocation_arn": arn,
            "output_s3_uri": answer["outputConfiguration"]["s3Uri"] if status == "succeeded" else None,
            "error_type": answer.get("errorType"),
            "error_message": answer.get("errorMessage"),
            "jobs": 1,
            "submitted_at": submitted,
            "completed_at": submitted + 12.0,
            "seconds": 10.0,
            "modality": "document",
            "size": len(text),
        }
        return Row(**{**told, **members})

    def made(name, status="succeeded", **members):
        """Make a row up."""
        return Row(document_id=name, input_s3_uri=f"s3://documents/in/{name}.pdf", status=status, **members)

    def part(number, *rows):
        """Write a part as the engine does."""
        values = (row.to_json() if isinstance(row, Row) else row for row in rows)
        put(layout.part(number), b"".join(line_of(value) for value in values))

    put(layout.plan, b"{}")
    return SimpleNamespace(layout=layout, uri=BATCH, run=run, made=made, part=part, put=put)
