"""One small document or image, answered at once: while a person waits for it, say.

No job is behind it, so there is nothing to wait for later and nothing to find again: each try is a call that is paid.
Where a crash must not cost a second time, or a document has more than ten pages, see ``bda_one_document``.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.invocation import BdaInvokeSyncOperator

with DAG(
    dag_id="bda_invoke_sync",
    schedule=None,
    catchup=False,
    params={
        "input_s3_uri": Param("s3://documents/in/receipt.pdf", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
        "project": Param("receipts", type="string", description="ARN or name of a project of type SYNC"),
    },
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    answer = BdaInvokeSyncOperator(
        task_id="answer",
        input_s3_uri="{{ params.input_s3_uri }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
    )

    @task
    def readable(metadata_uri: str) -> dict[str, list[str]]:
        """Say which fields were found, and which the person has to fill in. Values stay on S3; XCom carries names."""
        results = BedrockDataAutomationRuntimeHook().get_results(metadata_uri)
        fields = [field for segment in results if segment.custom for field in segment.custom.fields.items()]
        return {
            "found": [path for path, field in fields if field.found],
            "missing": [path for path, field in fields if not field.found],
        }

    readable(answer.output["output_s3_uri"])
