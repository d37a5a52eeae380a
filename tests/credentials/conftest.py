"""An emulator, its connections in Airflow's database, and waits in a triggerer's loop."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import aclosing

import pytest

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.emulator import Emulator, ManualClock, Settings
from airflow_provider_bda.jobs import JOB_KINDS
from airflow_provider_bda.jobs.decision import JobWait
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.waiting import client_pool as pool_module
from airflow_provider_bda.waiting.poller import follow
from tests.credentials.supervisor import FakeSupervisor

KIND = JOB_KINDS["data_automation"]
LIMIT = 30.0


@pytest.fixture(scope="session")
def credential_emulator():
    with Emulator(clock=ManualClock()) as aws:
        yield aws


@pytest.fixture
def aws(credential_emulator):
    """Its time stands still until a test advances it; a job takes a minute."""
    aws = credential_emulator
    aws.reset()
    for item in dataclasses.fields(Settings):
        setattr(aws.settings, item.name, getattr(Settings(duration=60.0), item.name))
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="documents")
    s3.put_object(Bucket="documents", Key="in/a.txt", Body=b"x")
    return aws


@pytest.fixture
def connections(aws):
    """Airflow's table of connections."""
    return {"aws_default": aws.connection()}


@pytest.fixture
def triggerer(connections, monkeypatch):
    """A triggerer's process: connections come from the database, and only to who awaits them."""
    from airflow.sdk.execution_time import task_runner

    supervisor = FakeSupervisor(connections, in_triggerer=True)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    monkeypatch.setattr(pool_module, "LOOKUP_PAUSES", (0.01, 0.01))
    return supervisor


@pytest.fixture
def worker(connections, monkeypatch):
    """A worker's process."""
    from airflow.sdk.execution_time import task_runner

    supervisor = FakeSupervisor(connections, in_triggerer=False)
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


@pytest.fixture
def submit(aws):
    """Submit a job; answer its handle."""

    def submit():
        answer = aws.client("bedrock-data-automation-runtime").invoke_data_automation_async(
            inputConfiguration={"s3Uri": "s3://documents/in/a.txt"},
            outputConfiguration={"s3Uri": "s3://documents/out"},
            dataAutomationConfiguration={
                "dataAutomationProjectArn": "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"
            },
            dataAutomationProfileArn=aws.profile_arn,
        )
        return {"invocationArn": answer["invocationArn"]}

    return submit


class Wait:
    """A wait in the running loop."""

    def __init__(self, handle, target, interval, **rule):
        self.notes = []
        self.task = asyncio.create_task(self._run(JobWait(KIND, handle, **rule), target, interval))

    async def _run(self, wait, target, interval):
        async with asyncio.timeout(LIMIT), aclosing(follow(wait, target, interval)) as items:
            async for item in items:
                if isinstance(item, JobEvent):
                    return item
                self.notes.append(item.text)
        raise AssertionError("the wait ended without an event")


@pytest.fixture
def wait():
    """Begin to wait in the running loop."""

    def wait(handle, conn_id="aws_default", interval=0.05, **rule):
        return Wait(handle, AwsTarget.of(conn_id), interval, **rule)

    return wait


@pytest.fixture
def until():
    """Wait for a condition that another thread brings about."""

    async def until(condition):
        async with asyncio.timeout(LIMIT):
            while not condition():  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.01)

    return until
