"""Invoices into a table of Amazon Redshift: Parquet, then COPY and MERGE in one transaction.

COPY reads the manifest of the batch, so it takes the rows of this batch and no others, whole. MERGE goes by document and
segment: the same document extracted again takes the place of its rows.

The statements are tested with DuckDB in Redshift's place (COPY by its manifest); they were not run on Redshift.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator
from airflow.sdk import DAG, Param

from airflow_provider_bda.batch import S3Prefix
from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.operators.tables import BdaResultsToParquetOperator

# As the Parquet files have them: the keys, then the blueprint's fields.
CREATE = """
CREATE TABLE IF NOT EXISTS supplier_invoice (
    document_id VARCHAR(256), segment BIGINT, chapter BIGINT, invocation_arn VARCHAR(256), blueprint_arn VARCHAR(256),
    blueprint_version VARCHAR(16), processed_at TIMESTAMP, generation BIGINT, input_s3_uri VARCHAR(2048),
    invoice_number VARCHAR(65535), total DOUBLE PRECISION
)
"""
EMPTY = "CREATE TEMP TABLE incoming AS SELECT * FROM supplier_invoice WHERE 1 = 0"
COPY = """
COPY incoming FROM '{{ params.dataset_s3_uri }}/supplier_invoice/_manifests/{{ ti.xcom_pull("tables")["batch_id"] }}.json'
IAM_ROLE '{{ params.iam_role }}' FORMAT AS PARQUET MANIFEST
"""
MERGE = """
MERGE INTO supplier_invoice USING incoming
ON supplier_invoice.document_id = incoming.document_id AND supplier_invoice.segment = incoming.segment
WHEN MATCHED THEN UPDATE SET
    invocation_arn = incoming.invocation_arn, blueprint_arn = incoming.blueprint_arn,
    blueprint_version = incoming.blueprint_version, processed_at = incoming.processed_at,
    generation = incoming.generation, invoice_number = incoming.invoice_number, total = incoming.total
WHEN NOT MATCHED THEN INSERT VALUES (
    incoming.document_id, incoming.segment, incoming.chapter, incoming.invocation_arn, incoming.blueprint_arn,
    incoming.blueprint_version, incoming.processed_at, incoming.generation, incoming.input_s3_uri,
    incoming.invoice_number, incoming.total
)
"""
# A document that was done again may have fewer segments than before.
DELETE = """
DELETE FROM supplier_invoice USING incoming
WHERE supplier_invoice.document_id = incoming.document_id AND supplier_invoice.invocation_arn <> incoming.invocation_arn
"""

with DAG(
    "bda_results_to_redshift",
    schedule=None,
    tags=["bda"],
    doc_md=__doc__,
    params={
        "input_s3_uri": Param("s3://my-bucket/in/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "dataset_s3_uri": Param("s3://my-bucket/lake", type="string"),
        "project": Param("my-project", type="string", description="with the blueprint supplier-invoice"),
        "workgroup": Param("my-workgroup", type="string"),
        "database": Param("dev", type="string"),
        "iam_role": Param(
            "arn:aws:iam::123456789012:role/copy", type="string", description="reads the bucket"
        ),
    },
) as dag:
    batch = BdaBatchOperator(
        task_id="batch",
        source=S3Prefix("{{ params.input_s3_uri }}"),
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=10),
    )
    tables = BdaResultsToParquetOperator(
        task_id="tables",
        results=batch.output,
        dataset_s3_uri="{{ params.dataset_s3_uri }}",
        nested="explode",
        on_schema_change="fail",  # the table in Redshift has these columns and no others
    )
    load = RedshiftDataOperator(
        task_id="load",
        sql=[CREATE, EMPTY, COPY, MERGE, DELETE],
        workgroup_name="{{ params.workgroup }}",
        database="{{ params.database }}",
        deferrable=True,
    )
    tables >> load
