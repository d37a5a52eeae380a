"""Many async invokes of a Bedrock model: started one by one, waited for by one sensor.

The sensor asks for the list of the account's invokes, one call a page, however many there are. It waits for those
submitted since the run began, also by others; to wait for one of them use ``BedrockAsyncInvokeSensor``.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from airflow_provider_bda.operators.async_invoke import BedrockStartAsyncInvokeOperator
from airflow_provider_bda.sensors.async_invoke_list import BedrockAsyncInvokeListSensor

with DAG(
    dag_id="bedrock_many_async_invokes",
    schedule=None,
    catchup=False,
    params={
        "prompts": Param(["a quiet harbour at dawn"], type="array", items={"type": "string"}),
        "output_s3_uri": Param("s3://documents/out", type="string"),
    },
    doc_md=__doc__,
    tags=["bedrock"],
) as dag:

    @task
    def requests(params):
        return [
            {
                "taskType": "TEXT_VIDEO",
                "textToVideoParams": {"text": prompt},
                "videoGenerationConfig": {"durationSeconds": 6, "fps": 24, "dimension": "1280x720"},
            }
            for prompt in params["prompts"]
        ]

    start = BedrockStartAsyncInvokeOperator.partial(
        task_id="start",
        model_id="amazon.nova-reel-v1:1",
        output_s3_uri="{{ params.output_s3_uri }}",
        wait_for_completion=False,
    ).expand(model_input=requests())
    all_ended = BedrockAsyncInvokeListSensor(
        task_id="all_ended",
        submit_time_after="{{ dag_run.start_date.isoformat() }}",
        deferrable=True,
        timeout=3600,
    )
    start >> all_ended
