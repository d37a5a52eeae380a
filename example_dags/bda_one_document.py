"""One document through Bedrock Data Automation, waiting without a worker slot."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.invocation import BdaInvokeOperator

with DAG(
    dag_id="bda_one_document",
    schedule=None,
    catchup=False,
    params={
        "input_s3_uri": Param("s3://documents/in/invoice.pdf", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
        "project": Param("invoices", type="string", description="ARN or name of a project"),
    },
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    BdaInvokeOperator(
        task_id="extract",
        input_s3_uri="{{ params.input_s3_uri }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        deferrable=True,
        retries=2,
    )
