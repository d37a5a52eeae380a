"""Whenever somebody says that documents came: those that no run has processed yet.

The index at ``state_s3_uri`` knows what was processed, by URI, version of the file, project and blueprint versions. Two
runs at once never buy the same document; a new version of a blueprint makes all of them new.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Asset, Param

from airflow_provider_bda.operators.batch import BdaBatchOperator

documents = Asset("s3://my-bucket/in/")

with DAG(
    "bda_batch_on_asset",
    schedule=[documents],
    tags=["bda"],
    doc_md=__doc__,
    params={
        "input_s3_uri": Param("s3://my-bucket/in/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "state_s3_uri": Param("s3://my-bucket/state/invoices", type="string"),
        "project": Param("my-project", type="string"),
    },
) as dag:
    BdaBatchOperator(
        task_id="batch",
        source="{{ params.input_s3_uri }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        skip_processed=True,
        state_s3_uri="{{ params.state_s3_uri }}",
        create_index=True,  # after the first run: leave it out, and a mistyped prefix is an error
        max_documents=20_000,
        tolerated_rejections=100,
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=10),
    )
