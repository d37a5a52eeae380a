"""A prefix of documents becomes Parquet tables: one a blueprint, a row a segment, columns from the blueprint's schema.

Run it again, clear it, let it be killed: each batch's rows are there once. Read them with anything that reads Parquet::

    SELECT * FROM read_parquet('s3://bucket/lake/supplier_invoice/data/*/*/*.parquet', hive_partitioning = true)
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_bda.batch import S3Prefix
from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.operators.tables import BdaResultsToParquetOperator

with DAG(
    "bda_results_to_parquet",
    schedule=None,
    tags=["bda"],
    doc_md=__doc__,
    params={
        "input_s3_uri": Param("s3://my-bucket/in/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "dataset_s3_uri": Param("s3://my-bucket/lake", type="string"),
        "project": Param("my-project", type="string", description="ARN or name of the BDA project"),
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
    BdaResultsToParquetOperator(
        task_id="tables",
        results=batch.output,
        dataset_s3_uri="{{ params.dataset_s3_uri }}",
        confidence=True,
        retries=2,
        retry_delay=timedelta(seconds=10),
    )
