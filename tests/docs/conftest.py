"""The world in which the docs' code runs: an emulator with the buckets, documents and projects that the pages name."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest

from airflow_provider_bda.batch import engine
from airflow_provider_bda.emulator import Emulator, Settings
from airflow_provider_bda.jobs import JOB_KINDS
from tests.operators.conftest import make_clients_quick
from tests.pdf import a_pdf

INVOICE = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "description": "An invoice",
    "class": "invoice",
    "type": "object",
    "properties": {
        name: {"type": "string", "inferenceType": "explicit", "instruction": f"The {name.replace('_', ' ')}"}
        for name in ("invoice_number", "total")
    },
}


class World:
    """What the pages take for granted."""

    def __init__(self, aws):
        self.aws = aws

    def empty(self):
        """Take everything away: what a test function on a page begins with."""
        self.aws.reset()
        for item in dataclasses.fields(Settings):
            setattr(self.aws.settings, item.name, getattr(Settings(duration=0.0), item.name))

    def fill(self):
        """Put everything back."""
        self.empty()
        s3 = self.aws.client("s3")
        for bucket in ("documents", "my-bucket"):
            s3.create_bucket(Bucket=bucket)
            for number, name in enumerate(("invoice", "first", "second")):
                s3.put_object(Bucket=bucket, Key=f"in/{name}.pdf", Body=a_pdf(number))
        lines = [{"input_s3_uri": f"s3://my-bucket/in/{name}.pdf"} for name in ("first", "second")]
        s3.put_object(Bucket="my-bucket", Key="manifest.jsonl", Body="\n".join(map(json.dumps, lines)))
        control = self.aws.client("bedrock-data-automation")
        blueprint = control.create_blueprint(
            blueprintName="invoice", type="DOCUMENT", schema=json.dumps(INVOICE)
        )["blueprint"]["blueprintArn"]
        for project in ("invoices", "my-project"):
            control.create_data_automation_project(
                projectName=project,
                standardOutputConfiguration={},
                customOutputConfiguration={"blueprints": [{"blueprintArn": blueprint}]},
            )


@pytest.fixture(scope="module")
def running_emulator():
    with Emulator(Settings(duration=0.0)) as aws:
        yield aws


@pytest.fixture
def quick_polls():
    """Ask for a status at once: the pages show no poll_interval, and their kinds' own are seconds."""
    before = {kind: kind.poll_interval for kind in JOB_KINDS.values()}
    for kind in before:
        object.__setattr__(kind, "poll_interval", 0.2)  # a kind is frozen
    yield
    for kind, seconds in before.items():
        object.__setattr__(kind, "poll_interval", seconds)


@pytest.fixture
def world(running_emulator, run_dag, quick_polls, monkeypatch, tmp_path):
    """A filled world, Airflow's connections leading to it, and an empty folder to be in."""
    from airflow.models.pool import Pool

    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in running_emulator.environ("aws_default", "aws_documents").items():
        monkeypatch.setenv(name, value)
    make_clients_quick(monkeypatch)
    monkeypatch.setattr(engine, "INTERVAL", (0.02, 0.05))
    Pool.create_or_update_pool("bda", slots=4, description="", include_deferred=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "invoice.pdf").write_bytes(a_pdf(7))
    world = World(running_emulator)
    world.fill()
    return world
