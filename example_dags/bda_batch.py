"""The documents of a day, thousands of them, as one task.

The task writes a manifest, then defers: the triggerer submits the jobs and awaits them, and no worker slot is held
however long it takes. Run it with the prefix of your documents::

    airflow dags trigger bda_batch --conf '{"input_s3_uri": "s3://bucket/in/", "output_s3_uri": "s3://bucket/out", ...}'
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.batch import S3Prefix, iter_results
from airflow_provider_bda.operators.batch import BdaBatchOperator

log = logging.getLogger(__name__)


@task(max_active_tis_per_dagrun=4)
def count_matches(part: str) -> dict[str, int]:
    """Read one part of the results: up to 10,000 rows. Values of documents stay on S3."""
    counts: dict[str, int] = {}
    for row in iter_results(part, where={"status": "succeeded"}):
        for status in row.custom_output_status:
            counts[status] = counts.get(status, 0) + 1
    log.info("%s: %s", part, counts)
    return counts


@task
def read_parts(batch: dict[str, Any]) -> list[str]:
    """Answer what to map over."""
    return list(batch["result_parts"])


with DAG(
    "bda_batch",
    schedule=None,
    tags=["bda"],
    doc_md=__doc__,
    params={
        "input_s3_uri": Param("s3://my-bucket/in/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "project": Param("my-project", type="string", description="ARN or name of the BDA project"),
        "redrive": Param("failed", enum=["failed", "all", "none"], description="what a clear does again"),
    },
) as dag:
    batch = BdaBatchOperator(
        task_id="batch",
        source=S3Prefix("{{ params.input_s3_uri }}", suffix=(".pdf", ".png", ".jpg")),
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        redrive="{{ params.redrive }}",
        canary=3,
        tolerated_failure_percentage=2,
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=10),
    )
    count_matches.expand(part=read_parts(batch.output))
