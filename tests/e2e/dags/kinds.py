"""One Dag that holds every kind of job, each waiting deferred; the end-to-end tests end them well or badly."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_bda.operators.async_invoke import BedrockStartAsyncInvokeOperator
from airflow_provider_bda.operators.blueprint import BdaOptimizeBlueprintOperator
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.operators.knowledge_base import BedrockKnowledgeBaseIngestionOperator
from airflow_provider_bda.operators.library import BdaDeleteLibraryOperator, BdaIngestLibraryOperator
from airflow_provider_bda.operators.lookout_equipment import LookoutEquipmentStartDataIngestionJobOperator
from airflow_provider_bda.operators.project import BdaUpdateProjectOperator

BUCKET = "s3://bda-e2e"
DOCUMENT = f"{BUCKET}/kinds/in/invoice.txt"

# Each operator's task has the name of its kind.
with DAG(
    "e2e_kinds", schedule=None, default_args={"deferrable": True, "poll_interval": 1, "status_retries": 2}
):
    BdaInvokeOperator(
        task_id="data_automation", input_s3_uri=DOCUMENT, output_s3_uri=f"{BUCKET}/out", project="e2e"
    )
    BedrockStartAsyncInvokeOperator(
        task_id="async_invoke",
        model_id="amazon.nova-reel-v1:1",
        model_input={"taskType": "TEXT_VIDEO"},
        output_s3_uri=f"{BUCKET}/out",
    )
    BdaIngestLibraryOperator(
        task_id="library_ingestion",
        library="e2e-words",
        output_s3_uri=f"{BUCKET}/out",
        upsert_entities=[{"entityId": "names", "language": "EN", "phrases": ["Quokka"]}],
    )
    BdaOptimizeBlueprintOperator(
        task_id="blueprint_optimization",
        blueprint="e2e-invoice",
        samples=[[DOCUMENT, f"{BUCKET}/kinds/truth.json"]],
        output_s3_uri=f"{BUCKET}/out",
    )
    BdaUpdateProjectOperator(task_id="project", project="e2e-changed")
    BdaDeleteLibraryOperator(task_id="library_deletion", library="e2e-superfluous")
    LookoutEquipmentStartDataIngestionJobOperator(
        task_id="equipment_ingestion",
        dataset_name="pumps",
        bucket="bda-e2e",
        prefix="kinds/sensors/",
        role_arn="arn:aws:iam::123456789012:role/reader",
    )
    BedrockKnowledgeBaseIngestionOperator(
        task_id="knowledge_base_ingestion", knowledge_base_id="KB00000001", data_source_id="DS00000001"
    )
