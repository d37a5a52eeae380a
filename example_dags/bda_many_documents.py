"""Many documents at once by dynamic task mapping, then their results in a ``@task``.

Every document is a task of its own, with its own retries and its own row in the grid. While its job runs the
task is deferred and holds no worker slot; the pool bounds how many jobs run at the service. Create it once::

    airflow pools set bda 20 "Jobs of Bedrock Data Automation" --include-deferred

Run it with your documents (an array may have ``[core] max_map_length`` entries, 1024 by default)::

    airflow dags trigger bda_many_documents --conf '{"documents": ["s3://bucket/in/a.pdf"], ...}'
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.invocation import BdaInvokeOperator

log = logging.getLogger(__name__)


@task
def choose_documents(params: dict[str, Any]) -> list[str]:
    """Answer the URIs to process. List a prefix here, or ask a database."""
    return list(params["documents"])


@task(trigger_rule="all_done")
def read_results(jobs: list[dict[str, Any]], documents: list[str]) -> list[dict[str, Any]]:
    """Read what the jobs found: once all have ended, those that succeeded.

    Returns numbers and URIs. What stands in a document stays on S3 and never becomes an XCom.
    """
    hook = BedrockDataAutomationRuntimeHook()
    rows = []
    for job in jobs:
        results = hook.get_results(job["output_s3_uri"])
        for segment in results:
            fields = segment.custom.fields.values() if segment.custom else ()
            blueprint = segment.custom.matched_blueprint if segment.custom else None
            rows.append(
                {
                    "output_s3_uri": job["output_s3_uri"],
                    "seconds": job["job_duration_in_seconds"],
                    "blueprint": blueprint.name if blueprint else None,
                    "fields_found": sum(field.found for field in fields),
                    "fields_asked": len(fields),
                }
            )
            log.info("%s", rows[-1])
    if failed := len(documents) - len(jobs):
        # Without this the run would count as a success: this task is its last, and it runs in any case.
        raise RuntimeError(
            f"{failed} of {len(documents)} documents failed; the log of each extract task says why"
        )
    return rows


with DAG(
    "bda_many_documents",
    schedule=None,
    tags=["bda"],
    doc_md=__doc__,
    params={
        "documents": Param(["s3://my-bucket/in/invoice.pdf"], type="array", items={"type": "string"}),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "project": Param("my-project", type="string", description="ARN or name of the BDA project"),
    },
) as dag:
    documents = choose_documents()
    extract = BdaInvokeOperator.partial(
        task_id="extract",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        deferrable=True,
        poll_interval=5,
        pool="bda",
        retries=2,
        map_index_template="{{ task.input_s3_uri.split('/')[-1] }}",
    ).expand(input_s3_uri=documents)
    read_results(jobs=extract.output, documents=documents)
