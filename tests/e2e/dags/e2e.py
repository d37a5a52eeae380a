"""Dags for the end-to-end tests: mapped jobs, with and without a pool, and a task that only needs a worker."""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.operators.invocation import BdaInvokeOperator

PARAMS = {
    "documents": Param([], type="array"),
    "output_s3_uri": Param("s3://bda-e2e/out/", type="string"),
    "project": Param("e2e", type="string"),
}


@task
def choose_documents(params):
    return list(params["documents"])


for dag_id, pool in (("e2e_wait", "default_pool"), ("e2e_pool", "bda_small")):
    with DAG(dag_id, schedule=None, params=PARAMS):
        BdaInvokeOperator.partial(
            task_id="extract",
            output_s3_uri="{{ params.output_s3_uri }}",
            project="{{ params.project }}",
            deferrable=True,
            poll_interval=1,
            pool=pool,
        ).expand(input_s3_uri=choose_documents())

with DAG("e2e_quick", schedule=None):

    @task
    def work():
        return "done"

    work()
