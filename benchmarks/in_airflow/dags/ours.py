"""Our batch. A file of its own, as the others: a worker imports all of a Dag's file for each task."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.batch import BdaBatchOperator

PARAMS = {
    "project": Param("benchmark", type="string"),
    "output_s3_uri": Param("s3://benchmark/out", type="string"),
    "source": Param("", type="string"),
}

with DAG("ours", schedule=None, params=PARAMS):
    BdaBatchOperator(
        task_id="extract",
        source="{{ params.source }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        max_concurrent_jobs=200,
        deferrable=True,
    )
