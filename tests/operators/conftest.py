from __future__ import annotations

import asyncio
import dataclasses
import json

import botocore.loaders
import pytest
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

from airflow_provider_bda.emulator import Emulator, Settings
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.waiting import poller

#: The service models, read once: each session that a hook builds would read them anew, 0.1 s each.
MODELS = botocore.loaders.create_loader()


@pytest.fixture(scope="session")
def running_emulator():
    with Emulator() as aws:
        yield aws


def make_clients_quick(monkeypatch):
    """Build hooks' clients in a tenth of the time: a test lives through dozens of workers, each with its own.

    They share the service models, and Airflow does not search the whole stack for its user agent's sake.
    """
    monkeypatch.setattr("botocore.session.create_loader", lambda *_: MODELS)
    monkeypatch.setattr(AwsBaseHook, "_get_caller", lambda *_: "Unknown")


def connection_to(aws):
    """Answer a connection of one attempt a call: boto's own pauses between attempts are not what is tested here."""
    connection = aws.connection()
    connection["extra"]["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
    return connection


def put_the_invoice(aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="documents")
    s3.put_object(Bucket="documents", Key="in/invoice.txt", Body=b"Invoice number: 7\n")


@pytest.fixture
def aws(running_emulator, monkeypatch):
    """An emulator with one small document and fast jobs, and Airflow's aws_default leading to it.

    Tests retry at once, so a job counts as just bought for a moment only.
    """
    monkeypatch.setattr("airflow_provider_bda.operators._identity.JUST_NOW", 0.01)
    make_clients_quick(monkeypatch)
    aws = running_emulator
    aws.reset()
    for item in dataclasses.fields(Settings):
        setattr(aws.settings, item.name, getattr(Settings(duration=0.0), item.name))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection_to(aws)))
    put_the_invoice(aws)
    return aws


@pytest.fixture(scope="session")
def built_clients(running_emulator):
    return {}


@pytest.fixture
def shared_clients(aws, built_clients, monkeypatch):
    """Let all hooks share their clients, for a test that does not ask how a worker builds one."""
    built = built_clients
    of_hook, of_service = BdaBaseHook.get_client_type, BdaBaseHook.client_of
    of_account = BdaBaseHook.account_id.func

    def get_client_type(hook, *args, **kwargs):
        if hook.client_type not in built:
            built[hook.client_type] = of_hook(hook, *args, **kwargs)
        return built[hook.client_type]

    def client_of(hook, service):
        if service not in built:
            built[service] = of_service(hook, service)
        return built[service]

    def account_id(hook):
        if "account" not in built:
            built["account"] = of_account(hook)
        return built["account"]

    monkeypatch.setattr(BdaBaseHook, "get_client_type", get_client_type)
    monkeypatch.setattr(BdaBaseHook, "client_of", client_of)
    # Asked for by a session and a client of its own: two thirds of the time of such a test.
    monkeypatch.setattr(BdaBaseHook, "account_id", property(account_id))


@pytest.fixture(scope="session")
def triggerer_loop():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def one_triggerer(triggerer_loop, monkeypatch):
    """Let all triggers run in one loop, as in a triggerer: they share its client. Its pace is forgotten."""
    poller._POLLERS.clear()
    monkeypatch.setattr("tests.fakes.RUN", triggerer_loop.run)


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
