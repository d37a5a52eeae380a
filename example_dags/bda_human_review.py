"""Documents the service was unsure of are corrected by a person, in Airflow's own UI (Required Actions).

The batch says which these are. Of at most 50 a run, each has a form: what was read, how surely, on which page. An answer
is laid over the output in a copy, and kept as ground truth. A field left empty stays as it is.

The forms and the answers hold values of the documents, in Airflow's database.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLEntryOperator
from airflow.sdk import DAG, Param, task

from airflow_provider_bda.batch import S3Prefix
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.operators.review import BdaApplyCorrectionsOperator
from airflow_provider_bda.review import ReviewPolicy, form_of

MOST = 50


@task
def documents_to_review(needs_review_s3_uri: str) -> list[dict[str, Any]]:
    """Take the first lines: names, confidences and boxes, no value."""
    body = BedrockDataAutomationRuntimeHook().read_s3(needs_review_s3_uri)
    lines = [json.loads(line) for line in body.splitlines()[:MOST]]
    return [line for line in lines if "unreadable" not in line["reasons"]]


def form(line: dict[str, Any]) -> str:
    """Say what was read. It runs when the form is made, so the values go from S3 into the form alone."""
    results = BedrockDataAutomationRuntimeHook().get_results(line["output_s3_uri"])
    return f"{line['input_s3_uri']}\n\n{form_of(results, line)}"


with DAG(
    "bda_human_review",
    schedule=None,
    tags=["bda"],
    doc_md=__doc__,
    user_defined_macros={"form": form},
    params={
        "input_s3_uri": Param("s3://my-bucket/in/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "project": Param("my-project", type="string", description="with the blueprint supplier-invoice"),
    },
) as dag:
    batch = BdaBatchOperator(
        task_id="batch",
        source=S3Prefix("{{ params.input_s3_uri }}"),
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        review=ReviewPolicy(min_confidence=0.9, required=["invoice_number", "total"], audit_percentage=1),
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=10),
    )
    documents = documents_to_review(batch.output["needs_review_s3_uri"])
    forms = HITLEntryOperator.partial(
        task_id="ask",
        body="{{ form(ti.xcom_pull('documents_to_review')[ti.map_index]) }}",
        # Called like the blueprint's fields.
        params={
            "invoice_number": Param(None, type=["null", "string"], title="Invoice number, if it is wrong"),
            "total": Param(None, type=["null", "number"], title="Total, if it is wrong"),
        },
    ).expand(subject=documents.map(lambda line: f"Look at {line['input_s3_uri'].rsplit('/', 1)[-1]}"))
    BdaApplyCorrectionsOperator(
        task_id="apply",
        documents=documents,
        answers=forms.output,
        output_s3_uri="{{ params.output_s3_uri }}/corrected",
        ground_truth_s3_uri="{{ params.output_s3_uri }}/truth",
    )
