"""Dags for the end-to-end tests: mapped jobs, with a pool, with retries; batches; sensors; a task that only needs a worker."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.sensors.job import BdaInvocationSensor

PARAMS = {
    "documents": Param([], type="array"),
    "output_s3_uri": Param("s3://bda-e2e/out/", type="string"),
    "project": Param("e2e", type="string"),
}


@task
def choose_documents(params):
    return list(params["documents"])


PLAIN = {"retries": 0}
#: More than any task of the tests is killed.
STUBBORN = {"retries": 30, "retry_delay": timedelta(seconds=1)}

for dag_id, how in (
    ("e2e_wait", PLAIN),
    ("e2e_pool", {**PLAIN, "pool": "bda_small"}),
    ("e2e_survive", STUBBORN),
    # Only a cluster has workers for it (see ``cluster.py``).
    ("e2e_queue", {**STUBBORN, "queue": "documents"}),
):
    with DAG(dag_id, schedule=None, params=PARAMS, default_args=how):
        BdaInvokeOperator.partial(
            task_id="extract",
            output_s3_uri="{{ params.output_s3_uri }}",
            project="{{ params.project }}",
            deferrable=True,
            poll_interval=1,
        ).expand(input_s3_uri=choose_documents())

for dag_id, deferrable in (("e2e_batch", True), ("e2e_batch_on_worker", False)):
    params = {
        **PARAMS,
        "source": Param("s3://bda-e2e/in/", type="string"),
        "canary": Param(0, type="integer"),
    }
    with DAG(dag_id, schedule=None, params=params, default_args=STUBBORN):
        BdaBatchOperator(
            task_id="extract",
            source="{{ params.source }}",
            output_s3_uri="{{ params.output_s3_uri }}",
            project="{{ params.project }}",
            deferrable=deferrable,
            log_interval=5,
            max_retries_per_document=9,
        )

with DAG("e2e_sensor", schedule=None, params={"invocation_arns": Param([], type="array")}):

    @task
    def choose_arns(params):
        return list(params["invocation_arns"])

    WAITING = {"start_from_trigger": True, "end_from_trigger": True, "poke_interval": 1}
    BdaInvocationSensor(task_id="alone", invocation_arn="{{ params.invocation_arns[0] }}", **WAITING)
    BdaInvocationSensor.partial(task_id="mapped", **WAITING).expand(invocation_arn=choose_arns())

with DAG("e2e_quick", schedule=None):

    @task
    def work():
        return "done"

    work()
