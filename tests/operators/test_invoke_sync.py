"""The synchronous call: what is sent, what is returned, and that nobody repeats a paid call in secret."""

from __future__ import annotations

import inspect
import json
from datetime import timedelta

import pytest

from airflow_provider_bda import _checks
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import (
    BdaInputError,
    BdaJobBroken,
    BdaJobLost,
    BdaJobRejected,
    BdaJobTimeout,
)
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.operators.invocation import BdaInvokeSyncOperator
from tests.fakes import FakeTaskInstance

PUBLIC_INVOICE = "arn:aws:bedrock:us-east-1:aws:blueprint/bedrock-data-automation-public-invoice"
PUBLIC_PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"
CALL = "InvokeDataAutomation"


@pytest.fixture
def png(aws):
    """A small image on S3, and its bytes."""
    import io

    from PIL import Image

    body = io.BytesIO()
    Image.new("RGB", (40, 20), "white").save(body, "PNG")
    aws.client("s3").put_object(Bucket="documents", Key="in/a.png", Body=body.getvalue())
    return body.getvalue()


def operator(**kwargs):
    given = {"task_id": "a_task", "blueprints": [PUBLIC_INVOICE], **kwargs}
    if "input_bytes" not in given:
        given.setdefault("input_s3_uri", "s3://documents/in/a.png")
    return BdaInvokeSyncOperator(**given)


def run(**kwargs):
    ti = FakeTaskInstance()
    return operator(**kwargs).execute({"ti": ti}), ti


def test_output_on_s3_is_answered_as_the_uri_of_its_metadata(aws, png):
    result, ti = run(output_s3_uri="s3://documents/out/")
    uri = result["output_s3_uri"]
    assert uri.startswith("s3://documents/out/")
    assert uri.endswith("/job_metadata.json")
    assert aws.client("s3").head_object(Bucket="documents", Key=uri.removeprefix("s3://documents/"))
    assert aws.calls(CALL)[-1].parameters["outputConfiguration"] == {"s3Uri": "s3://documents/out"}
    assert "_link_BdaOutputLink" in ti.xcoms


def test_inline_output_says_what_matched_and_leaves_out_what_was_read(aws, png):
    result, _ = run(input_s3_uri=None, input_bytes=png)
    assert list(result) == ["semantic_modality", "output_s3_uri", "segments"]
    assert result["output_s3_uri"] is None
    (segment,) = result["segments"]
    assert list(segment) == [
        "custom_output_status",
        "blueprint_arn",
        "blueprint_name",
        "blueprint_confidence",
        "document_class",
    ]
    assert aws.calls(CALL)[-1].parameters["inputConfiguration"].keys() == {"bytes"}


def test_return_output_returns_it_as_parsed_json(aws, png):
    result, _ = run(return_output=True)
    (segment,) = result["segments"]
    assert segment["standard_output"]["metadata"]["semantic_modality"] == result["semantic_modality"]
    json.dumps(result)


def test_a_function_reads_the_bytes_on_the_worker(aws, png):
    seen = []

    def read(context):
        seen.append(context["ti"].task_id)
        return png

    run(input_bytes=read)
    assert (seen, aws.calls(CALL)[-1].parameters["inputConfiguration"]["bytes"]) == (["a_task"], png)


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("project", PUBLIC_PROJECT, ("dataAutomationConfiguration", "dataAutomationProjectArn")),
        ("project_stage", "LIVE", ("dataAutomationConfiguration", "stage")),
        ("blueprints", [PUBLIC_INVOICE], ("blueprints", 0, "blueprintArn")),
        (
            "profile_arn",
            "arn:aws:bedrock:us-east-1:{account}:data-automation-profile/us.data-automation-v1",
            ("dataAutomationProfileArn",),
        ),
        ("kms_key_id", "alias/sentinel", ("encryptionConfiguration", "kmsKeyId")),
        ("kms_encryption_context", {"a": "b"}, ("encryptionConfiguration", "kmsEncryptionContext")),
    ],
)
def test_each_request_field_reaches_the_wire(aws, png, name, value, path):
    if isinstance(value, str):
        value = value.format(account=aws.account)
    extra = {"project": PUBLIC_PROJECT} if name == "project_stage" else {}
    run(**{"kms_key_id": "alias/k", **extra, name: value})
    found = aws.calls(CALL)[-1].parameters
    for step in path:
        found = found[step]
    assert found == (value[0] if isinstance(value, list) else value)


def test_every_request_field_is_a_template_but_the_bytes():
    own = set(inspect.signature(BdaInvokeSyncOperator.__init__).parameters) - {"self", "kwargs"}
    templated = set(BdaInvokeSyncOperator.template_fields) - set(BdaAwsOperator.aws_template_fields)
    assert own - templated == {"input_bytes", "return_output", "wait_timeout"}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"input_bytes": b"x", "input_s3_uri": "s3://documents/a.png"}, "give exactly one"),
        ({"input_s3_uri": None}, "give exactly one"),
        ({"input_bytes": b""}, "input_bytes: it is empty"),
        ({"input_bytes": b"PK\x03\x04rest"}, "takes no DOCX; use BdaInvokeOperator"),
        ({"input_bytes": "text"}, "bytes or a function of the context is wanted, not str"),
        ({"input_s3_uri": "s3://documents/a.DOCX"}, "takes no DOCX; use BdaInvokeOperator"),
        ({"input_s3_uri": "a.png"}, "is not an S3 URI"),
        ({"blueprints": None}, "project, blueprints: neither is given"),
        ({"project_stage": "PROD"}, "project_stage: 'PROD' is not one of"),
        ({"return_output": True, "output_s3_uri": "s3://documents/out"}, "return_output: with output_s3_uri"),
        ({"wait_timeout": 0}, "wait_timeout: 0 is no duration"),
    ],
)
def test_what_cannot_work_is_refused_in_the_constructor(given, complaint):
    with pytest.raises(BdaInputError, match=complaint):
        operator(**given)


def test_more_bytes_than_the_call_takes_are_refused_before_they_travel(aws, monkeypatch):
    monkeypatch.setattr(_checks, "SYNC_BYTES_MAX", 10)
    with pytest.raises(BdaInputError, match="11 bytes; the synchronous call takes at most 10; use BdaInvoke"):
        run(input_bytes=lambda _context: b"x" * 11)
    assert aws.calls(CALL) == []


@pytest.fixture
def eager(monkeypatch, aws):
    """A connection with boto's own retries, as users have it."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws.connection()))


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ({"reset": True}, BdaJobLost, "may have been processed and billed.*pays again"),
        ({"lose_answer": True}, BdaJobLost, "may have been processed and billed.*pays again"),
        ({"error": "InternalServerException"}, BdaJobBroken, "A retry sends the file again"),
        ({"error": "ServiceUnavailableException"}, BdaJobBroken, "A retry sends the file again"),
        ({"error": "ExpiredTokenException"}, BdaJobBroken, "A retry sends the file again"),
        ({"error": "ValidationException"}, BdaJobRejected, "there is no retry"),
        ({"error": "AccessDeniedException"}, BdaJobRejected, "there is no retry"),
    ],
    ids=str,
)
def test_a_failed_call_is_made_once_and_its_error_says_what_a_retry_costs(
    aws, png, eager, fault, error, words
):
    aws.fault(Fault(operation=CALL, **fault))
    with pytest.raises(error, match=words):
        run()
    assert len(aws.calls(CALL)) == 1


def test_throttling_is_waited_out_within_the_wait_timeout(aws, png, eager, monkeypatch):
    monkeypatch.setattr("airflow_provider_bda.operators._invoke_sync.random.uniform", lambda _a, _b: 0.01)
    aws.fault(Fault(operation=CALL, error="ThrottlingException", times=2))
    result, _ = run(wait_timeout=timedelta(seconds=30))
    assert (len(aws.calls(CALL)), len(result["segments"])) == (3, 1)


def test_throttling_until_the_deadline_is_a_timeout_that_cost_nothing(aws, png):
    aws.fault(Fault(operation=CALL, error="ThrottlingException"))
    with pytest.raises(BdaJobTimeout, match="nothing was processed"):
        run(wait_timeout=0.2)


def test_the_execution_timeout_bounds_the_call(aws, png):
    aws.fault(Fault(operation=CALL, latency=5.0))
    with pytest.raises(BdaJobLost, match="ReadTimeoutError"):
        run(execution_timeout=timedelta(seconds=1))
