"""Ingest a knowledge base's data source, whose documents Bedrock Data Automation parses: submit, then wait.

With ``wait_for_completion`` left out the first task would do both, and a worker that is killed would stop its job.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.knowledge_base import BedrockKnowledgeBaseIngestionOperator
from airflow_provider_bda.sensors.job import BedrockKnowledgeBaseIngestionSensor

with DAG(
    dag_id="bedrock_knowledge_base_ingestion",
    schedule=None,
    catchup=False,
    params={
        "knowledge_base_id": Param("KB00000001", type="string"),
        "data_source_id": Param("DS00000001", type="string"),
    },
    doc_md=__doc__,
    tags=["bedrock"],
) as dag:
    ingest = BedrockKnowledgeBaseIngestionOperator(
        task_id="ingest",
        knowledge_base_id="{{ params.knowledge_base_id }}",
        data_source_id="{{ params.data_source_id }}",
        wait_for_completion=False,
    )
    BedrockKnowledgeBaseIngestionSensor(
        task_id="ingested",
        knowledge_base_id=ingest.output,
        # A COMPLETE job may hold documents that failed.
        fail_on_partial=True,
        deferrable=True,
        timeout=4 * 3600,
    )
