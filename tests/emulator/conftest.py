"""An emulator whose time stands still, and a reader of documents that does next to nothing.

The emulator's own tests are about wire, jobs, pace and faults; what is read from documents has tests of
its own, and one test here runs the real reader.
"""

from __future__ import annotations

import json
import logging
import threading
from types import SimpleNamespace

import pytest

from airflow_provider_bda.emulator import Emulator, ManualClock, Settings, analysis

PUBLIC_PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"


class FakeAnalysis(SimpleNamespace):
    """Stands for the package that reads documents: a job_metadata.json and an echo of the request."""

    def __init__(self):
        super().__init__(
            HEAD_BYTES=analysis.HEAD_BYTES,
            Analysis=analysis.Analysis,
            AnalysisRejected=analysis.AnalysisRejected,
            AnalysisRequest=analysis.AnalysisRequest,
            Blueprint=analysis.Blueprint,
            modality_of=analysis.modality_of,
            requests=[],
            gate=threading.Event(),
            started=threading.Event(),
        )
        self.gate.set()

    def analyse(self, request):
        self.requests.append(request)
        self.started.set()
        self.gate.wait(30)
        if request.body.startswith(b"crash"):
            raise RuntimeError("a bug")
        if request.body.startswith(b"reject"):
            raise analysis.AnalysisRejected("UnsupportedFileType", "This file cannot be read.")
        standard = f"{request.output_prefix}/0/standard_output/0/result.json"
        custom = f"{request.output_prefix}/0/custom_output/0/result.json"
        segment = {
            "standard_output_path": f"s3://{request.output_bucket}/{standard}",
            "custom_output_path": f"s3://{request.output_bucket}/{custom}",
            "custom_output_status": "MATCH",
        }
        metadata = {
            "job_id": request.job_id,
            "job_status": "PROCESSED",
            "semantic_modality": "DOCUMENT",
            "output_metadata": [{"asset_id": 0, "segment_metadata": [segment]}],
        }
        files = {
            standard: json.dumps({"text": request.body.decode("latin-1")}).encode(),
            custom: json.dumps({"inference_result": {}}).encode(),
            f"{request.output_prefix}/job_metadata.json": json.dumps(metadata).encode(),
        }
        return analysis.Analysis("DOCUMENT", files, 1)


@pytest.fixture
def reader():
    return FakeAnalysis()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def logs_errors():
    """Asked for by a test that makes the emulator itself fail; any other test fails if it does."""


@pytest.fixture
def aws(clock, reader, caplog, request):
    """An emulator with a bucket and one document; a job takes ten seconds of a time that stands still."""
    with Emulator(Settings(duration=10.0), clock=clock, analysis=reader) as aws:
        aws.client("s3").create_bucket(Bucket="documents")
        aws.client("s3").put_object(Bucket="documents", Key="in/one.pdf", Body=b"%PDF- one")
        yield aws
        aws.settle()
    if "logs_errors" not in request.fixturenames:
        errors = [
            record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR
        ]
        assert errors == []


@pytest.fixture
def runtime(aws):
    return aws.client("bedrock-data-automation-runtime")


@pytest.fixture
def control(aws):
    return aws.client("bedrock-data-automation")


@pytest.fixture
def request_for(aws):
    """Make a valid request; keyword arguments replace members."""

    def make(key="in/one.pdf", **members):
        return {
            "inputConfiguration": {"s3Uri": f"s3://documents/{key}"},
            "outputConfiguration": {"s3Uri": "s3://documents/out"},
            "dataAutomationConfiguration": {"dataAutomationProjectArn": PUBLIC_PROJECT},
            "dataAutomationProfileArn": aws.profile_arn,
            **members,
        }

    return make


@pytest.fixture
def submit(runtime, request_for):
    """Submit a job and answer its ARN."""

    def run(key="in/one.pdf", **members):
        return runtime.invoke_data_automation_async(**request_for(key, **members))["invocationArn"]

    return run


@pytest.fixture
def status(runtime):
    """Ask for a job's whole status, without what boto3 adds."""

    def ask(arn):
        answer = runtime.get_data_automation_status(invocationArn=arn)
        del answer["ResponseMetadata"]
        return answer

    return ask
