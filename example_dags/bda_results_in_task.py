"""Use what Bedrock Data Automation found in a TaskFlow task: read fields with their confidence, decide, go on."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.invocation import BdaInvokeOperator

with DAG(
    dag_id="bda_results_in_task",
    schedule=None,
    catchup=False,
    params={
        "input_s3_uri": Param("s3://documents/in/invoice.pdf", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
        "project": Param("invoices", type="string"),
        "threshold": Param(0.8, type="number", minimum=0, maximum=1),
    },
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    extract = BdaInvokeOperator(
        task_id="extract",
        input_s3_uri="{{ params.input_s3_uri }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        deferrable=True,
    )

    @task
    def unsure_fields(metadata_uri: str, params: dict[str, Any] | None = None) -> list[str]:
        """Name the fields whose confidence is below the threshold. Values stay on S3; XCom carries names."""
        results = BedrockDataAutomationRuntimeHook().get_results(metadata_uri)
        threshold = (params or {})["threshold"]
        return [
            path
            for segment in results.segments
            if segment.custom is not None
            for path, field in segment.custom.fields.items()
            if field.confidence is not None and field.confidence < threshold
        ]

    unsure_fields(extract.output["output_s3_uri"])
