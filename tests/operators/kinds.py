"""One row a job kind: how its operator is made and how its sensor, on what the emulator has."""

from __future__ import annotations

import json
from dataclasses import dataclass

from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.operators.async_invoke import BedrockStartAsyncInvokeOperator
from airflow_provider_bda.operators.blueprint import BdaOptimizeBlueprintOperator
from airflow_provider_bda.operators.knowledge_base import BedrockKnowledgeBaseIngestionOperator
from airflow_provider_bda.operators.library import BdaDeleteLibraryOperator, BdaIngestLibraryOperator
from airflow_provider_bda.operators.lookout_equipment import LookoutEquipmentStartDataIngestionJobOperator
from airflow_provider_bda.operators.project import BdaCreateProjectOperator, BdaUpdateProjectOperator
from airflow_provider_bda.sensors.job import (
    BdaBlueprintOptimizationSensor,
    BdaLibraryIngestionSensor,
    BdaProjectSensor,
    BedrockAsyncInvokeSensor,
    BedrockKnowledgeBaseIngestionSensor,
    LookoutEquipmentDataIngestionSensor,
)

EMBEDDINGS = "amazon.nova-2-multimodal-embeddings-v1:0"
ROLE = "arn:aws:iam::123456789012:role/reader"
SCHEMA = {
    "class": "invoice",
    "description": "an invoice",
    "type": "object",
    "definitions": {},
    "properties": {
        "invoice_number": {"type": "string", "inferenceType": "explicit", "instruction": "the number"}
    },
}
VOCABULARY = {"entityId": "names", "language": "EN", "phrases": ["Quokka", "Numbat"]}


@dataclass(frozen=True)
class Row:
    operator: type
    arguments: dict
    sensor: type | None
    #: The sensor's first argument, which also takes an operator's dict.
    named_by: str | None
    failed: str
    error: str = "BdaJobBroken"

    @property
    def kind(self):
        return self.operator.job

    def make(self, **kwargs):
        return self.operator(
            **{"task_id": "a_task", "poll_interval": 0.02, "deferrable": False, **self.arguments, **kwargs}
        )

    def fail(self, aws):
        """Make the next job of this kind end badly."""
        aws.fault(Fault(operation=self.kind.start, job_status=self.failed, times=1))


KINDS = {
    "async_invoke": Row(
        BedrockStartAsyncInvokeOperator,
        {
            "model_id": "amazon.nova-reel-v1:1",
            "model_input": {"taskType": "TEXT_VIDEO"},
            "output_s3_uri": "s3://documents/out",
        },
        BedrockAsyncInvokeSensor,
        "invocation_arn",
        "Failed",
    ),
    "library_ingestion": Row(
        BdaIngestLibraryOperator,
        {"library": "words", "output_s3_uri": "s3://documents/out", "upsert_entities": [VOCABULARY]},
        BdaLibraryIngestionSensor,
        "library_arn",
        "FAILED",
    ),
    "blueprint_optimization": Row(
        BdaOptimizeBlueprintOperator,
        {
            "blueprint": "an-invoice",
            "samples": [("s3://documents/in/invoice.txt", "s3://documents/truth.json")],
            "output_s3_uri": "s3://documents/out",
        },
        BdaBlueprintOptimizationSensor,
        "invocation_arn",
        "ServiceError",
    ),
    "project": Row(
        BdaCreateProjectOperator, {"project_name": "new-project"}, BdaProjectSensor, "project_arn", "FAILED"
    ),
    "project_update": Row(
        BdaUpdateProjectOperator, {"project": "invoices"}, BdaProjectSensor, "project_arn", "FAILED"
    ),
    "equipment_ingestion": Row(
        LookoutEquipmentStartDataIngestionJobOperator,
        {"dataset_name": "pumps", "bucket": "documents", "prefix": "sensors/", "role_arn": ROLE},
        LookoutEquipmentDataIngestionSensor,
        "job_id",
        "FAILED",
    ),
    "knowledge_base_ingestion": Row(
        BedrockKnowledgeBaseIngestionOperator,
        {"knowledge_base_id": "KB00000001", "data_source_id": "DS00000001"},
        BedrockKnowledgeBaseIngestionSensor,
        "knowledge_base_id",
        "FAILED",
    ),
}
DELETION = Row(BdaDeleteLibraryOperator, {"library": "words"}, None, None, "")


def arrange(aws):
    """Put there what the rows name."""
    control = aws.client("bedrock-data-automation")
    control.create_data_automation_library(libraryName="words")
    control.create_blueprint(blueprintName="an-invoice", type="DOCUMENT", schema=json.dumps(SCHEMA))
    control.create_data_automation_project(projectName="invoices", standardOutputConfiguration={})
    s3 = aws.client("s3")
    s3.put_object(Bucket="documents", Key="truth.json", Body=b'{"invoice_number": "7"}')
    s3.put_object(
        Bucket="documents", Key="sensors/pump/a.csv", Body=b"Timestamp,flow\n2026-01-01T00:00:00,1.5\n"
    )
    s3.put_object(Bucket="documents", Key="kb/a.txt", Body=b"words")
    aws.settings.data_sources = {"DS00000001": "s3://documents/kb/"}
