"""A batch whose outputs go once they are in a table: what stands in the documents then lies in one place, not in two.

A run only counts what there is to delete, unless it is told otherwise::

    airflow dags trigger bda_purge --conf '{"dry_run": false, "input_s3_uri": "s3://bucket/in/", ...}'

The documents stay, and so do the batch's rows and its summary, which hold no values.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, chain

from airflow_provider_bda.batch import S3Prefix
from airflow_provider_bda.operators.batch import BdaBatchOperator, BdaPurgeOperator
from airflow_provider_bda.operators.tables import BdaResultsToParquetOperator

with DAG(
    "bda_purge",
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["bda"],
    doc_md=__doc__,
    params={
        "input_s3_uri": Param("s3://my-bucket/in/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "dataset_s3_uri": Param("s3://my-bucket/lake", type="string"),
        "project": Param("my-project", type="string", description="ARN or name of the BDA project"),
        "dry_run": Param(default=True, type="boolean", description="whether only to count"),
    },
) as dag:
    batch = BdaBatchOperator(
        task_id="batch",
        source=S3Prefix("{{ params.input_s3_uri }}"),
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        deferrable=True,
    )
    tables = BdaResultsToParquetOperator(
        task_id="tables", results=batch.output, dataset_s3_uri="{{ params.dataset_s3_uri }}"
    )
    purge = BdaPurgeOperator(
        task_id="purge", batch_s3_uri=batch.output["batch_s3_uri"], dry_run="{{ params.dry_run }}"
    )
    # Where the tables could not be written, nothing is deleted.
    chain(batch, tables, purge)
