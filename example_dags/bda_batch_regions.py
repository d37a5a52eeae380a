"""One batch over three Regions: each has quotas of its own, so three times the jobs run at once.

A job and its files must lie in the same Region, so each Region has its bucket, filled by S3 replication, say, or by
whoever uploads.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.operators.batch import BdaBatchOperator


@task
def each_region(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Answer one batch's own arguments for each Region."""
    return [
        {
            "region_name": region,
            "source": place["input_s3_uri"],
            "output_s3_uri": place["output_s3_uri"],
            "project": place["project"],
        }
        for region, place in sorted(params["regions"].items())
    ]


with DAG(
    "bda_batch_regions",
    schedule=None,
    tags=["bda"],
    doc_md=__doc__,
    params={
        "regions": Param(
            {
                region: {
                    "input_s3_uri": f"s3://my-bucket-{region}/in/",
                    "output_s3_uri": f"s3://my-bucket-{region}/out",
                    "project": "my-project",
                }
                for region in ("eu-central-1", "us-east-1", "us-west-2")
            },
            type="object",
        )
    },
) as dag:
    BdaBatchOperator.partial(
        task_id="batch",
        tolerated_failure_percentage=2,
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=10),
        map_index_template="{{ task.region_name }}",
    ).expand_kwargs(each_region())
