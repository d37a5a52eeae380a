"""One sample a job kind: its operator and sensor on what the emulator has. By standing here a kind joins the tables.

Parity, identity and operators are tested over all samples; what else differs from kind to kind is read from the
catalogue.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.jobs import JOB_KINDS
from airflow_provider_bda.operators.async_invoke import BedrockStartAsyncInvokeOperator
from airflow_provider_bda.operators.blueprint import BdaOptimizeBlueprintOperator
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.operators.knowledge_base import BedrockKnowledgeBaseIngestionOperator
from airflow_provider_bda.operators.library import BdaDeleteLibraryOperator, BdaIngestLibraryOperator
from airflow_provider_bda.operators.lookout_equipment import LookoutEquipmentStartDataIngestionJobOperator
from airflow_provider_bda.operators.project import BdaCreateProjectOperator, BdaUpdateProjectOperator
from airflow_provider_bda.sensors.job import (
    BdaBlueprintOptimizationSensor,
    BdaInvocationSensor,
    BdaLibraryIngestionSensor,
    BdaProjectSensor,
    BedrockAsyncInvokeSensor,
    BedrockKnowledgeBaseIngestionSensor,
    LookoutEquipmentDataIngestionSensor,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_bda.emulator import Emulator
    from airflow_provider_bda.jobs.kind import JobKind

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


def _nothing(aws: Emulator) -> None:
    """Leave it at the bucket and the document that every test has."""


@dataclass(frozen=True)
class Sample:
    """How jobs of a kind are started and waited for.

    :param runs: the operator; its ``job`` is the kind.
    :param arguments: what it is to do.
    :param waits: the sensor; None where the kind has none.
    :param named_by: the sensor's first argument, which also takes an operator's dict.
    :param arrange: puts there what the arguments name.
    """

    runs: type[Any]
    arguments: Mapping[str, Any]
    waits: type[Any] | None = None
    named_by: str = ""
    arrange: Callable[[Emulator], None] = _nothing

    @property
    def kind(self) -> JobKind:
        """The kind, as its operator declares it."""
        kind: JobKind = self.runs.job
        return kind

    @property
    def failed(self) -> str:
        """The status by which the service blames itself; "" if it never does."""
        return min(self.kind.broken, default="")

    def operator(self, runs: type[Any] | None = None, **kwargs: Any) -> Any:
        """Build the operator, or a class made of it."""
        settings = {"task_id": "a_task", "poll_interval": 0.02, "deferrable": False}
        return (runs or self.runs)(**{**settings, **self.arguments, **kwargs})

    def sensor(self, result: Any, **kwargs: Any) -> Any:
        """Build the sensor on what the operator returned."""
        if self.waits is None:
            raise TypeError(f"a {self.kind.title} has no sensor")
        return self.waits(**{"task_id": "a_sensor", self.named_by: result, **kwargs})

    def ends_as(self, aws: Emulator, status: str, times: int | None = 1) -> None:
        """Let the next jobs end with a status of this kind."""
        aws.fault(Fault(job_status=status, times=times))

    def jobs(self, aws: Emulator) -> list[Any]:
        """Answer the jobs of this kind that the emulator has."""
        return [job for job in aws.jobs() if job.kind.name == self.kind.name]

    def answer(self, status: str | None) -> dict[str, Any]:
        """Build what the describe operation answers of a status."""
        *outer, name = self.kind.status_at
        answer: dict[str, Any] = {name: status}
        for step in reversed(outer):
            answer = {step: answer}
        return answer

    @property
    def may_be_partial(self) -> bool:
        """Whether a job of this kind can end with some items failed."""
        return bool(self.kind.partial or JOB_KINDS[self.kind.name].flaws_at)


def _project(aws: Emulator) -> None:
    control = aws.client("bedrock-data-automation")
    control.create_data_automation_project(projectName="invoices", standardOutputConfiguration={})


def _library(aws: Emulator) -> None:
    aws.client("bedrock-data-automation").create_data_automation_library(libraryName="words")


def _blueprint(aws: Emulator) -> None:
    control = aws.client("bedrock-data-automation")
    control.create_blueprint(blueprintName="an-invoice", type="DOCUMENT", schema=json.dumps(SCHEMA))
    aws.client("s3").put_object(Bucket="documents", Key="truth.json", Body=b'{"invoice_number": "7"}')


def _sensors(aws: Emulator) -> None:
    body = b"Timestamp,flow\n2026-01-01T00:00:00,1.5\n"
    aws.client("s3").put_object(Bucket="documents", Key="sensors/pump/a.csv", Body=body)


def _knowledge_base(aws: Emulator) -> None:
    aws.client("s3").put_object(Bucket="documents", Key="kb/a.txt", Body=b"words")
    aws.settings.data_sources = {"DS00000001": "s3://documents/kb/"}


SAMPLES = {
    "data_automation": Sample(
        BdaInvokeOperator,
        {
            "input_s3_uri": "s3://documents/in/invoice.txt",
            "output_s3_uri": "s3://documents/out",
            "project": "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default",
        },
        BdaInvocationSensor,
        "invocation_arn",
    ),
    "async_invoke": Sample(
        BedrockStartAsyncInvokeOperator,
        {
            "model_id": "amazon.nova-reel-v1:1",
            "model_input": {"taskType": "TEXT_VIDEO"},
            "output_s3_uri": "s3://documents/out",
        },
        BedrockAsyncInvokeSensor,
        "invocation_arn",
    ),
    "library_ingestion": Sample(
        BdaIngestLibraryOperator,
        {"library": "words", "output_s3_uri": "s3://documents/out", "upsert_entities": [VOCABULARY]},
        BdaLibraryIngestionSensor,
        "library_arn",
        _library,
    ),
    "blueprint_optimization": Sample(
        BdaOptimizeBlueprintOperator,
        {
            "blueprint": "an-invoice",
            "samples": [("s3://documents/in/invoice.txt", "s3://documents/truth.json")],
            "output_s3_uri": "s3://documents/out",
        },
        BdaBlueprintOptimizationSensor,
        "invocation_arn",
        _blueprint,
    ),
    "project": Sample(
        BdaCreateProjectOperator,
        {"project_name": "new-project", "if_exists": "update"},
        BdaProjectSensor,
        "project_arn",
    ),
    "project_update": Sample(
        BdaUpdateProjectOperator, {"project": "invoices"}, BdaProjectSensor, "project_arn", _project
    ),
    "library_deletion": Sample(BdaDeleteLibraryOperator, {"library": "words"}, arrange=_library),
    "equipment_ingestion": Sample(
        LookoutEquipmentStartDataIngestionJobOperator,
        {"dataset_name": "pumps", "bucket": "documents", "prefix": "sensors/", "role_arn": ROLE},
        LookoutEquipmentDataIngestionSensor,
        "job_id",
        _sensors,
    ),
    "knowledge_base_ingestion": Sample(
        BedrockKnowledgeBaseIngestionOperator,
        {"knowledge_base_id": "KB00000001", "data_source_id": "DS00000001"},
        BedrockKnowledgeBaseIngestionSensor,
        "knowledge_base_id",
        _knowledge_base,
    ),
}


def arrange(aws: Emulator) -> None:
    """Put there what all the samples name."""
    for put_there in dict.fromkeys(sample.arrange for sample in SAMPLES.values()):
        put_there(aws)
