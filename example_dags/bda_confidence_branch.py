"""One document: it goes on where the service was sure of it, and to a person where it was not.

The form (Airflow's own, under Required Actions) holds what was read, in Airflow's database.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.hitl import HITLEntryOperator
from airflow.sdk import DAG, Param, task

from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.operators.review import BdaApplyCorrectionsOperator, BdaConfidenceBranchOperator
from airflow_provider_bda.review import ReviewPolicy, form_of


def form(line: dict[str, Any]) -> str:
    """Say what was read, when the form is made."""
    return form_of(BedrockDataAutomationRuntimeHook().get_results(line["output_s3_uri"]), line)


with DAG(
    "bda_confidence_branch",
    schedule=None,
    tags=["bda"],
    doc_md=__doc__,
    user_defined_macros={"form": form},
    params={
        "input_s3_uri": Param("s3://my-bucket/in/invoice.pdf", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "project": Param("my-project", type="string", description="with the blueprint supplier-invoice"),
    },
) as dag:
    extract = BdaInvokeOperator(
        task_id="extract",
        input_s3_uri="{{ params.input_s3_uri }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        deferrable=True,
    )
    sure_enough = BdaConfidenceBranchOperator(
        task_id="sure_enough",
        results=extract.output,
        review=ReviewPolicy(min_confidence=None, required=["invoice_number", "total"]),
        if_sure="take",
        if_unsure="ask",
    )
    ask = HITLEntryOperator(
        task_id="ask",
        subject="Look at {{ params.input_s3_uri }}",
        body="{{ form(ti.xcom_pull('sure_enough', key='bda_review')) }}",
        params={
            "invoice_number": Param(None, type=["null", "string"]),
            "total": Param(None, type=["null", "number"]),
        },
    )
    apply = BdaApplyCorrectionsOperator(
        task_id="apply",
        documents=sure_enough.output["bda_review"],
        answers=ask.output,
        output_s3_uri="{{ params.output_s3_uri }}/corrected",
    )

    @task(trigger_rule="none_failed_min_one_success")
    def take(extracted: dict[str, Any], corrected: dict[str, Any] | None) -> str:
        """Go on with the corrected output where there is one."""
        return str(corrected["corrected"][0] if corrected else extracted["output_s3_uri"])

    taken = take(extract.output, apply.output)
    sure_enough >> ask
    sure_enough >> taken
