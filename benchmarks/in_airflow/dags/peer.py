"""The peer's mapped tasks."""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from benchmarks.in_airflow.peer import PeerOperator

PARAMS = {
    "project": Param("", type="string"),
    "output_s3_uri": Param("s3://benchmark/peer", type="string"),
    "profile_arn": Param("", type="string"),
    "documents": Param([], type="array"),
}

with DAG("peer", schedule=None, params=PARAMS):

    @task
    def choose_documents(params):
        return list(params["documents"])

    PeerOperator.partial(
        task_id="extract",
        output_s3_uri="{{ params.output_s3_uri }}",
        project_arn="{{ params.project }}",
        profile_arn="{{ params.profile_arn }}",
    ).expand(input_s3_uri=choose_documents())
