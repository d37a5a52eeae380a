"""Batches to look at in the UI: one that runs for minutes, and one for each way a batch can end."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.batch import BdaBatchOperator

#: How it ends -> the arguments that make it end so.
ENDS: dict[str, dict[str, Any]] = {
    "running": {"max_concurrent_jobs": 3},
    "finished": {},
    "portion": {"max_documents": 10},
    "stopped": {"max_consecutive_rejections": 2, "max_concurrent_jobs": 1},
}

for name, arguments in ENDS.items():
    with DAG(
        f"bda_demo_{name}",
        schedule=None,
        tags=["bda"],
        params={
            "source": Param("s3://bda-demo/batch/", type="string"),
            "output_s3_uri": Param("s3://bda-demo/out", type="string"),
            "project": Param("bda-demo", type="string"),
        },
    ):
        BdaBatchOperator(
            task_id="extract_all",
            source="{{ params.source }}",
            output_s3_uri="{{ params.output_s3_uri }}",
            project="{{ params.project }}",
            tolerated_failure_percentage=50,
            log_interval=3,
            deferrable=True,
            retries=0,
            **arguments,
        )
