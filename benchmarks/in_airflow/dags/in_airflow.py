"""The Dags of the benchmarks: our batch, the peer's mapped tasks, and a trigger that watches its triggerer."""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.operators.batch import BdaBatchOperator
from benchmarks.in_airflow.peer import PeerOperator
from benchmarks.in_airflow.witness import WitnessOperator

COMMON = {
    "project": Param("benchmark", type="string"),
    "output_s3_uri": Param("s3://benchmark/out", type="string"),
}

with DAG("ours", schedule=None, params={**COMMON, "source": Param("", type="string")}):
    BdaBatchOperator(
        task_id="extract",
        source="{{ params.source }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        max_concurrent_jobs=200,
        deferrable=True,
    )

with DAG(
    "peer",
    schedule=None,
    params={**COMMON, "profile_arn": Param("", type="string"), "documents": Param([], type="array")},
):

    @task
    def choose_documents(params):
        return list(params["documents"])

    PeerOperator.partial(
        task_id="extract",
        output_s3_uri="{{ params.output_s3_uri }}",
        project_arn="{{ params.project }}",
        profile_arn="{{ params.profile_arn }}",
    ).expand(input_s3_uri=choose_documents())

with DAG("witness", schedule=None, params={"out": Param("", type="string")}):
    WitnessOperator(task_id="watch", out="{{ params.out }}")
