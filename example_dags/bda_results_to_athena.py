"""Invoices into an Iceberg table by Amazon Athena: Parquet, registered as a partition, then MERGE.

Athena reads the batch's files by a symlink table: a list of files that is swapped whole, so that no query meets half a
batch. MERGE goes by document and segment.

MERGE is tested with DuckDB in Athena's place; the statements that define tables were not run, and nothing was on Athena.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import DAG, Param, chain

from airflow_provider_bda.batch import S3Prefix
from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.operators.tables import BdaResultsToParquetOperator

COLUMNS = """
    document_id string, segment bigint, chapter bigint, invocation_arn string, blueprint_arn string,
    blueprint_version string, processed_at timestamp, generation bigint, input_s3_uri string,
    invoice_number string, total double
"""
INCOMING = f"""
CREATE EXTERNAL TABLE IF NOT EXISTS incoming_supplier_invoice ({COLUMNS})
PARTITIONED BY (`date` string, batch_id string)
ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'
STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION '{{{{ params.dataset_s3_uri }}}}/supplier_invoice/_symlinks/'
"""
PARTITION = """
ALTER TABLE incoming_supplier_invoice ADD IF NOT EXISTS PARTITION (
    `date` = '{{ ti.xcom_pull("tables")["date"] }}', batch_id = '{{ ti.xcom_pull("tables")["batch_id"] }}'
)
"""
ICEBERG = f"""
CREATE TABLE IF NOT EXISTS supplier_invoice ({COLUMNS})
LOCATION '{{{{ params.iceberg_s3_uri }}}}' TBLPROPERTIES ('table_type' = 'ICEBERG')
"""
MERGE = """
MERGE INTO supplier_invoice AS kept
USING (
    SELECT * FROM incoming_supplier_invoice WHERE batch_id = '{{ ti.xcom_pull("tables")["batch_id"] }}'
) AS incoming
ON (kept.document_id = incoming.document_id AND kept.segment = incoming.segment)
WHEN MATCHED THEN UPDATE SET
    invocation_arn = incoming.invocation_arn, blueprint_arn = incoming.blueprint_arn,
    blueprint_version = incoming.blueprint_version, processed_at = incoming.processed_at,
    generation = incoming.generation, invoice_number = incoming.invoice_number, total = incoming.total
WHEN NOT MATCHED THEN INSERT (
    document_id, segment, chapter, invocation_arn, blueprint_arn, blueprint_version, processed_at, generation,
    input_s3_uri, invoice_number, total
) VALUES (
    incoming.document_id, incoming.segment, incoming.chapter, incoming.invocation_arn, incoming.blueprint_arn,
    incoming.blueprint_version, incoming.processed_at, incoming.generation, incoming.input_s3_uri,
    incoming.invoice_number, incoming.total
)
"""

with DAG(
    "bda_results_to_athena",
    schedule=None,
    tags=["bda"],
    doc_md=__doc__,
    params={
        "input_s3_uri": Param("s3://my-bucket/in/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "dataset_s3_uri": Param("s3://my-bucket/lake", type="string"),
        "iceberg_s3_uri": Param("s3://my-bucket/iceberg/supplier_invoice/", type="string"),
        "project": Param("my-project", type="string", description="with the blueprint supplier-invoice"),
        "database": Param("bda", type="string"),
        "athena_output_s3_uri": Param("s3://my-bucket/athena/", type="string"),
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
        on_schema_change="fail",  # the Iceberg table has these columns and no others
    )
    statements = [
        AthenaOperator(
            task_id=name,
            query=query,
            database="{{ params.database }}",
            output_location="{{ params.athena_output_s3_uri }}",
            deferrable=True,
        )
        for name, query in {
            "incoming": INCOMING, "partition": PARTITION, "iceberg": ICEBERG, "merge": MERGE
        }.items()
    ]  # fmt: skip
    chain(tables, *statements)
