"""The whole way with the real reader: a document goes in over HTTP, BDA's files come out on S3."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.emulator import Emulator, ManualClock, Settings

PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj
4 0 obj<</Length 62>>stream
BT /F1 14 Tf 72 700 Td (Invoice number: 4711) Tj 0 -30 Td () Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
"""
SCHEMA = {
    "class": "Invoice",
    "description": "An invoice",
    "type": "object",
    "properties": {
        "invoice_number": {"type": "string", "inferenceType": "explicit", "instruction": "The invoice number"}
    },
}


@pytest.fixture
def aws():
    with Emulator(Settings(duration=1.0), clock=ManualClock()) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="in/invoice.pdf", Body=PDF)
        s3.put_object(Bucket="documents", Key="in/program.exe", Body=b"MZ\x90\x00")
        yield aws


def run(aws, key):
    runtime = aws.client("bedrock-data-automation-runtime")
    blueprint = aws.client("bedrock-data-automation").create_blueprint(
        blueprintName="invoice", type="DOCUMENT", schema=json.dumps(SCHEMA)
    )["blueprint"]["blueprintArn"]
    arn = runtime.invoke_data_automation_async(
        inputConfiguration={"s3Uri": f"s3://documents/{key}"},
        outputConfiguration={"s3Uri": "s3://documents/out"},
        blueprints=[{"blueprintArn": blueprint}],
        dataAutomationProfileArn=aws.profile_arn,
    )["invocationArn"]
    aws.clock.advance(1)
    return runtime.get_data_automation_status(invocationArn=arn)


def load(aws, uri):
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    with aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"] as body:
        return json.loads(body.read())


def custom_output(aws, status):
    metadata = load(aws, status["outputConfiguration"]["s3Uri"])
    (segment,) = metadata["output_metadata"][0]["segment_metadata"]
    return load(aws, segment["custom_output_path"])


def test_a_real_pdf_is_read(aws):
    found = custom_output(aws, run(aws, "in/invoice.pdf"))
    assert found["inference_result"] == {"invoice_number": "4711"}
    assert found["matched_blueprint"]["name"] == "invoice"


def test_a_fixture_says_what_is_found(aws):
    aws.settings.fixtures = {"in/*.pdf": {"invoice_number": "as I say"}}
    found = custom_output(aws, run(aws, "in/invoice.pdf"))
    assert found["inference_result"] == {"invoice_number": "as I say"}


def test_an_extractor_of_ones_own_is_asked(aws):
    aws.settings.extractor = lambda document, _blueprint: {"invoice_number": str(len(document.pages))}
    found = custom_output(aws, run(aws, "in/invoice.pdf"))
    assert found["inference_result"] == {"invoice_number": "1"}


def test_an_unsupported_file_ends_as_client_error(aws):
    status = run(aws, "in/program.exe")
    assert (status["status"], status["errorType"]) == ("ClientError", "UnsupportedFileType")
