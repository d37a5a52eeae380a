"""Submit documents in one task each, wait for them in another.

Usually the operator waits by itself (``bda_one_document``). Two tasks are for when something is to happen in between,
or when the wait is to have retries of its own: retrying the sensor never submits again.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.sensors.job import BdaInvocationSensor

with DAG(
    dag_id="bda_submit_then_wait",
    schedule=None,
    catchup=False,
    params={
        "input_s3_uri": Param("s3://documents/in/invoice.pdf", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
        "project": Param("invoices", type="string", description="ARN or name of a project"),
    },
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    submit = BdaInvokeOperator(
        task_id="submit",
        input_s3_uri="{{ params.input_s3_uri }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        project="{{ params.project }}",
        wait_for_completion=False,
    )
    BdaInvocationSensor(task_id="wait", invocation_arn=submit.output, deferrable=True, timeout=3600)
