"""What cannot work says so before anything is bought, loses nothing, and goes once it is mended."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.operators.batch import BdaBatchOperator
from tests.batch.conftest import LIMIT
from tests.fakes import FakeRun, live_through
from tests.pdf import a_pdf

MANIFEST = "s3://documents/lists/all.jsonl"
OUTPUT = "s3://documents/out"
LINES = "".join(json.dumps({"input_s3_uri": f"s3://documents/in/{n}.pdf"}) + "\n" for n in range(2))


def written(aws, body):
    aws.client("s3").put_object(Bucket="documents", Key="lists/all.jsonl", Body=body.encode())


def wrong_line(aws):
    written(aws, LINES + '{"input_s3_uri": "s3://documents/in/2.pdf", "tags": 7}\n')
    return {}


def no_manifest(aws):
    aws.client("s3").delete_object(Bucket="documents", Key="lists/all.jsonl")
    return {}


def manifest_denied(aws):
    aws.fault(Fault(operation="s3:*", input_uri=MANIFEST, error="AccessDenied", status=403))
    return {}


def output_denied(aws):
    aws.fault(Fault(operation="s3:PUT", input_uri=f"{OUTPUT}/*", error="AccessDenied", status=403))
    return {}


def elsewhere(aws):
    aws.client("s3").create_bucket(
        Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )


def input_elsewhere(aws):
    elsewhere(aws)
    written(aws, LINES + '{"input_s3_uri": "s3://far-away/2.pdf"}\n')
    return {}


def output_elsewhere(aws):
    elsewhere(aws)
    return {"output_s3_uri": "s3://far-away/out"}


@pytest.mark.parametrize(
    ("wrong", "kind", "words"),
    [
        (wrong_line, BdaInputError, r"lists/all\.jsonl, line 3: tags"),
        (no_manifest, BdaInputError, r"lists/all\.jsonl: there is no such object in bucket documents"),
        (manifest_denied, BdaInputError, r"lists/all\.jsonl: access is denied; allow s3:GetObject"),
        (
            output_denied,
            BdaError,
            r"could not write s3://documents/out/.*AccessDenied.*Allow s3:PutObject on it",
        ),
        (
            input_elsewhere,
            BdaInputError,
            "line 3: bucket far-away lies in eu-central-1, and the jobs would run in",
        ),
        (output_elsewhere, BdaInputError, "output_s3_uri: bucket far-away lies in eu-central-1"),
    ],
)
def test_what_cannot_work_buys_nothing_loses_nothing_and_goes_once_it_is_mended(
    aws, monkeypatch, wrong, kind, words
):
    monkeypatch.setattr(engine_module, "INTERVAL", (0.05, 0.1))
    monkeypatch.setattr("airflow_provider_bda.batch.incremental.CLAIM", 1)
    for n in range(2):
        aws.client("s3").put_object(Bucket="documents", Key=f"in/{n}.pdf", Body=a_pdf(n))
    written(aws, LINES)
    blueprint = f"arn:aws:bedrock:{aws.region}:aws:blueprint/bedrock-data-automation-public-invoice"
    changed = wrong(aws)

    def make(**more):
        settings = {
            "task_id": "a_task",
            "source": MANIFEST,
            "output_s3_uri": OUTPUT,
            "blueprints": [blueprint],
            "state_s3_uri": "s3://documents/index",
            "create_index": True,
            "deferrable": False,
        }
        return BdaBatchOperator(**{**settings, **changed, **more})

    def live(run):
        _, context = run.next_try()
        return live_through(make, context, LIMIT)

    with pytest.raises(kind, match=words) as refused:
        live(FakeRun(make, run_id="one"))
    assert isinstance(refused.value, BdaError)
    assert aws.jobs() == []
    aws.clear_faults()
    written(aws, LINES)
    changed.clear()
    # Another run of the Dag does not find the documents taken by the one that could not begin.
    assert live(FakeRun(make, run_id="another"))["succeeded"] == 2
    assert len(aws.jobs()) == 2
