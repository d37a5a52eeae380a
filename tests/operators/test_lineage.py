"""What OpenLineage is told, of every operator and sensor; its provider is asked as Airflow's listener asks it."""

from __future__ import annotations

import inspect
from importlib import import_module

import jsonschema
import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from airflow_provider_bda.batch import Manifest, S3Prefix
from airflow_provider_bda.get_provider_info import get_provider_info
from airflow_provider_bda.operators._lineage import MOST_DATASETS, Lineage, s3_uris
from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.operators.evaluation import BdaEvaluateOperator
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.operators.lookout_equipment import LookoutEquipmentStartDataIngestionJobOperator
from airflow_provider_bda.operators.tables import BdaResultsToParquetOperator

INVOICES = {"task_id": "extract", "output_s3_uri": "s3://results/invoices/", "project": "invoices"}
#: What is no attribute of an operator, but known when it has run.
RETURNED = {"output_s3_uri", "batch_s3_uri", "corrected"}
FACET = {
    "type": "object",
    "required": ["_producer", "_schemaURL"],
    "properties": {"_producer": {"format": "uri"}, "_schemaURL": {"format": "uri"}},
}
FACETS = {"type": "object", "additionalProperties": FACET}
DATASETS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["namespace", "name"],
        "properties": {
            "namespace": {"type": "string", "pattern": "^s3://[^/]+$"},
            "name": {"type": "string", "minLength": 1},
            "facets": FACETS,
            "inputFacets": FACETS,
            "outputFacets": FACETS,
        },
        "additionalProperties": False,
    },
}
#: What OpenLineage's specification asks of an event, as far as an operator has a say in it.
EVENT = {
    "type": "object",
    "required": ["run", "job", "eventTime", "producer", "schemaURL"],
    "properties": {
        "run": {"type": "object", "required": ["runId"], "properties": {"facets": FACETS}},
        "job": {"type": "object", "required": ["namespace", "name"], "properties": {"facets": FACETS}},
        "inputs": DATASETS,
        "outputs": DATASETS,
    },
}


def told(operator):
    """Answer the event OpenLineage's provider would send at the end of a task, as JSON."""
    found = DefaultExtractor(operator).extract_on_complete(None)
    assert found is not None, "an error: the provider logs it and goes on without"
    event = RunEvent(
        eventType=RunState.COMPLETE,
        eventTime="2026-11-22T12:00:00+00:00",
        run=Run("01a20420-3b98-7bf9-8321-99cc246e193b", found.run_facets),
        job=Job("airflow", "a_dag.a_task", found.job_facets),
        inputs=found.inputs,
        outputs=found.outputs,
        producer="https://example.com/producer",
    )
    plain = Serde.to_dict(event)
    jsonschema.validate(plain, EVENT)
    return plain


def names(datasets):
    return [f"{dataset['namespace']}/{dataset['name']}" for dataset in datasets]


def test_every_operator_and_sensor_is_asked_and_names_attributes_it_has():
    info, seen = get_provider_info(), set()
    for group in (*info["operators"], *info["sensors"]):
        for module in map(import_module, group["python-modules"]):
            for name in getattr(module, "__all__", dir(module)):
                cls = getattr(module, name)
                if inspect.isclass(cls) and name.startswith(("Bda", "Bedrock", "Lookout")):
                    seen.add(cls)
                    assert issubclass(cls, Lineage), name
                    known = {*cls.template_fields, *dir(cls), *RETURNED}
                    assert {*cls.lineage_inputs, *cls.lineage_outputs} <= known, name
    assert len(seen) > 20


def test_a_job_is_told_by_its_file_its_output_and_its_name():
    operator = BdaInvokeOperator(input_s3_uri="s3://documents/a/1.pdf", **INVOICES)
    before = told(operator)
    assert names(before["inputs"]) == ["s3://documents/a/1.pdf"]
    assert names(before["outputs"]) == ["s3://results/invoices"]
    assert before["run"]["facets"] == {}

    operator.lineage_note(
        {
            "kind": "data_automation",
            "handle": {"invocationArn": "arn:job"},
            "status": "Success",
            "partial": False,
            "output_s3_uri": "s3://results/invoices/job/job_metadata.json",
        }
    )
    after = told(operator)
    assert names(after["outputs"]) == ["s3://results/invoices", "s3://results/invoices/job/job_metadata.json"]
    facets = after["run"]["facets"]
    assert facets["externalQuery"]["externalQueryId"] == "arn:job"
    assert facets["externalQuery"]["source"] == "bedrock-data-automation-runtime"
    assert {name: value for name, value in facets["bda_run"].items() if not name.startswith("_")} == {
        "kind": "data_automation",
        "handle": {"invocationArn": "arn:job"},
        "status": "Success",
        "partial": False,
    }
    job = after["job"]["facets"]["bda_job"]
    assert (job["kind"], job["project"]) == ("data_automation", "invoices")


def test_what_one_operator_notes_is_no_other_ones():
    first, second = (BdaInvokeOperator(input_s3_uri="s3://documents/1.pdf", **INVOICES) for _ in range(2))
    first.lineage_note({"status": "Success"})
    first.lineage_note("no dict")
    first.lineage_note({"status": None})
    assert told(first)["run"]["facets"]["bda_run"]["status"] == "Success"
    assert told(second)["run"]["facets"] == {}


@pytest.mark.parametrize(
    ("source", "inputs"),
    [
        (S3Prefix("s3://documents/a/"), ["s3://documents/a"]),
        (Manifest("s3://documents/list.jsonl"), ["s3://documents/list.jsonl"]),
        ("s3://documents/list.csv", ["s3://documents/list.csv"]),
        (
            [{"input_s3_uri": "s3://documents/1.pdf"}, "s3://documents/2.pdf", "s3://documents/1.pdf"],
            ["s3://documents/1.pdf", "s3://documents/2.pdf"],
        ),
        (
            [f"s3://documents/{n}.pdf" for n in range(1000)],
            [f"s3://documents/{n}.pdf" for n in range(MOST_DATASETS)],
        ),
    ],
)
def test_a_batch_is_told_by_its_source_and_its_counts(source, inputs):
    operator = BdaBatchOperator(source=source, **INVOICES)
    operator.lineage_note({"batch_s3_uri": "s3://results/invoices/batches/b", "total": 1000, "failed": 3})
    event = told(operator)
    assert names(event["inputs"]) == inputs
    assert names(event["outputs"]) == ["s3://results/invoices", "s3://results/invoices/batches/b"]
    assert event["outputs"][-1]["outputFacets"]["outputStatistics"]["rowCount"] == 1000
    assert event["run"]["facets"]["bda_run"]["failed"] == 3


def test_what_follows_a_batch_reads_what_the_batch_wrote():
    batch = {
        "batch_s3_uri": "s3://results/invoices/batches/b",
        "results_s3_uri": "s3://results/x",
        "result_parts": ["s3://results/y"],
    }
    tables = BdaResultsToParquetOperator(task_id="t", results=batch, dataset_s3_uri="s3://lake/invoices")
    tables.lineage_note({"rows": 7})
    event = told(tables)
    assert names(event["inputs"]) == ["s3://results/invoices/batches/b"]
    assert names(event["outputs"]) == ["s3://lake/invoices"]
    assert event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 7
    gate = BdaEvaluateOperator(
        task_id="g", candidate=batch, ground_truth="s3://truth/", report_s3_uri="s3://results/report"
    )
    assert names(told(gate)["inputs"]) == ["s3://results/invoices/batches/b", "s3://truth//"]


def test_a_bucket_without_a_prefix_is_a_dataset_too():
    operator = LookoutEquipmentStartDataIngestionJobOperator(
        task_id="ingest", dataset_name="d", bucket="sensors", role_arn="arn:aws:iam::1:role/r"
    )
    assert names(told(operator)["inputs"]) == ["s3://sensors//"]


def test_uris_are_found_wherever_they_stand_and_nothing_else_is():
    assert list(
        s3_uris({"mediaSource": {"s3Location": {"uri": "s3://documents/v.mp4"}}, "text": "s3 is a service"})
    ) == ["s3://documents/v.mp4"]
    assert list(s3_uris([None, 7, {"a": None}, object()])) == []
