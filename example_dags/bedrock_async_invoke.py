"""Bedrock models that write their answer to S3, waited for without a worker slot.

``embed`` starts its invoke and waits for it, which is the usual way. ``film`` starts one and is done: others may work
before ``filmed`` waits, and retrying the sensor never starts another.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.async_invoke import BedrockStartAsyncInvokeOperator
from airflow_provider_bda.sensors.job import BedrockAsyncInvokeSensor

EMBEDDING = {
    "taskType": "SEGMENTED_EMBEDDING",
    "segmentedEmbeddingParams": {
        "embeddingPurpose": "GENERIC_INDEX",
        "embeddingDimension": 1024,
        "text": {
            "truncationMode": "NONE",
            "source": {"s3Location": {"uri": "{{ params.input_s3_uri }}"}},
            "segmentationConfig": {"maxLengthChars": 8000},
        },
    },
}
FILM = {
    "taskType": "TEXT_VIDEO",
    "textToVideoParams": {"text": "{{ params.prompt }}"},
    "videoGenerationConfig": {"durationSeconds": 6, "fps": 24, "dimension": "1280x720"},
}

with DAG(
    dag_id="bedrock_async_invoke",
    schedule=None,
    catchup=False,
    params={
        "input_s3_uri": Param("s3://documents/in/contract.txt", type="string"),
        "prompt": Param("a quiet harbour at dawn", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
    },
    doc_md=__doc__,
    tags=["bedrock"],
) as dag:
    BedrockStartAsyncInvokeOperator(
        task_id="embed",
        model_id="amazon.nova-2-multimodal-embeddings-v1:0",
        model_input=EMBEDDING,
        output_s3_uri="{{ params.output_s3_uri }}",
        # A Completed invoke may hold segments that failed: they stand in its result file.
        fail_on_partial=True,
        deferrable=True,
        retries=2,
    )
    film = BedrockStartAsyncInvokeOperator(
        task_id="film",
        model_id="amazon.nova-reel-v1:1",
        model_input=FILM,
        output_s3_uri="{{ params.output_s3_uri }}",
        wait_for_completion=False,
    )
    BedrockAsyncInvokeSensor(task_id="filmed", invocation_arn=film.output, deferrable=True, timeout=3600)
