from __future__ import annotations

import dataclasses
import json

import pytest

from airflow_provider_bda.emulator import Emulator, Settings
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook


@pytest.fixture(scope="session")
def check_emulator():
    with Emulator() as aws:
        yield aws


@pytest.fixture
def connection(aws, monkeypatch):
    """Set the connection ``aws_default``."""

    def connection(value):
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(value))

    connection(aws.connection())
    return connection


@pytest.fixture
def aws(check_emulator):
    """An emulator with a project, a document and an output bucket; jobs end at once."""
    aws = check_emulator
    aws.reset()
    for item in dataclasses.fields(Settings):
        setattr(aws.settings, item.name, getattr(Settings(duration=0.0), item.name))
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="documents")
    s3.create_bucket(Bucket="results")
    s3.put_object(Bucket="documents", Key="in/invoice.txt", Body=b"Invoice number: 7\n")
    return aws


@pytest.fixture
def project(aws):
    """The ARN of a project named ``invoices``."""
    control = aws.client("bedrock-data-automation")
    answer = control.create_data_automation_project(
        projectName="invoices",
        standardOutputConfiguration={
            "document": {
                "extraction": {
                    "granularity": {"types": ["PAGE"]},
                    "boundingBox": {"state": "DISABLED"},
                },
                "generativeField": {"state": "DISABLED"},
                "outputFormat": {
                    "textFormat": {"types": ["PLAIN_TEXT"]},
                    "additionalFileFormat": {"state": "DISABLED"},
                },
            }
        },
    )
    return answer["projectArn"]


@pytest.fixture
def check(connection):
    """Run the preflight; answer its findings by what was looked at."""

    def check(**plan):
        hook = BedrockDataAutomationRuntimeHook()
        return {
            finding.what: finding
            for finding in hook.check(
                **{"input_s3_uri": "s3://documents/in/", "output_s3_uri": "s3://results/out", **plan}
            ).findings
        }

    return check


@pytest.fixture
def connection_in_database(_bda_airflow_database):
    """Store a connection in a real Airflow database, which is this process's and its children's for the test."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    stored = []

    def connection_in_database(conn_id, value):
        fields = {**value, "extra": json.dumps(value["extra"])}
        with create_session() as session:
            session.add(Connection(conn_id=conn_id, **fields))
        stored.append(conn_id)

    with _bda_airflow_database.active():
        yield connection_in_database
        with create_session() as session:
            for row in session.query(Connection).filter(Connection.conn_id.in_(stored)):
                session.delete(row)
