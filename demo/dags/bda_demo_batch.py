"""A batch to look at in the UI: a handful of jobs that really run, and the files of a batch over their outputs."""

from __future__ import annotations

import time
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.jobs.profile import profile_arn
from demo.demo_batch import PER_MINUTE, DemoBatch, run_jobs


@task
def extract_all(params: dict[str, Any], ti: Any = None) -> dict[str, Any]:
    """Write a batch as its engine would: progress now and then, the rows as segments close."""
    hook = BedrockDataAutomationRuntimeHook()
    profile = profile_arn(hook.region_name, params["project"].split(":")[4])
    jobs = run_jobs(hook.client_of, profile, params["project"], params["documents"], params["output_s3_uri"])
    place = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index)
    batch = DemoBatch(hook.client_of("s3"), params["output_s3_uri"], place, jobs, params["total"])
    ti.xcom_push(key="bda_batch", value=batch.told())
    done = written = params["done"]
    batch.write_results(done)
    while done < params["total"]:
        batch.write_progress(done)
        time.sleep(2)
        done = min(params["total"], done + round(PER_MINUTE / 30))
        if done // 10_000 > written // 10_000:
            batch.write_results(done)
            written = done
    return batch.finish()


with DAG(
    "bda_demo_batch",
    schedule=None,
    tags=["bda"],
    params={
        "documents": Param([], type="array"),
        "output_s3_uri": Param("", type="string"),
        "project": Param("", type="string"),
        "total": Param(20_000, type="integer"),
        "done": Param(0, type="integer", description="documents that count as done when it begins"),
    },
):
    extract_all()
