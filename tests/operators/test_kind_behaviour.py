"""What each kind does beyond starting and waiting: failed items, turns, gates, stops, names."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, Field

from airflow_provider_bda._compat import TaskDeferred
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import (
    BdaInputError,
    BdaJobBroken,
    BdaJobLost,
    BdaJobPartial,
    BdaJobRejected,
    BdaJobTimeout,
)
from airflow_provider_bda.hooks.bedrock_async_invoke import BedrockAsyncInvokeHook
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook
from airflow_provider_bda.operators import blueprint as blueprints
from airflow_provider_bda.operators import library as libraries
from airflow_provider_bda.operators.project import BdaCreateProjectOperator, BdaDeleteProjectOperator
from airflow_provider_bda.sensors.async_invoke_list import BedrockAsyncInvokeListSensor
from airflow_provider_bda.sensors.job import BdaLibraryIngestionSensor, BedrockAsyncInvokeSensor
from tests.fakes import FakeRun, FakeTaskInstance, live_through
from tests.samples import EMBEDDINGS, SAMPLES, SCHEMA, VOCABULARY, arrange


@pytest.fixture(autouse=True)
def _arranged(aws):
    arrange(aws)


def context():
    return {"ti": FakeTaskInstance()}


def execute(kind, **kwargs):
    return SAMPLES[kind].operator(**kwargs).execute(context())


def test_entities_that_failed_are_in_result_message_and_xcom(aws):
    good = {**VOCABULARY, "phrases": [{"text": "Quokka"}]}
    lines = [json.dumps(good), json.dumps({"entityId": "bad", "language": "XX", "phrases": []})]
    aws.client("s3").put_object(Bucket="documents", Key="m.jsonl", Body="\n".join(lines).encode())
    arguments = {
        "upsert_entities": None,
        "manifest_s3_uri": "s3://documents/m.jsonl",
        "operation_type": "UPSERT",
    }
    result = execute("library_ingestion", **arguments)
    assert (result["status"], result["partial"]) == ("COMPLETED_WITH_ERRORS", True)
    assert [(row["item"], row["error_type"]) for row in result["failures"]] == [
        ("bad", "ValidationException")
    ]
    ti = FakeTaskInstance()
    task = SAMPLES["library_ingestion"].operator(fail_on_partial=True, **arguments)
    with pytest.raises(
        BdaJobPartial, match=r"1 of 2 failed: bad: ValidationException: .*result\.json"
    ) as failed:
        task.execute({"ti": ti})
    assert ti.xcoms["failures"] == result["failures"]
    sensor = BdaLibraryIngestionSensor(
        task_id="wait", library_arn={"kind": "library_ingestion", "handle": failed.value.handle}, fail_on_partial=True, deferrable=False
    )  # fmt: skip
    with pytest.raises(BdaJobPartial, match="1 of 2 failed: bad"):
        sensor.execute(context())


def test_a_partial_job_whose_result_is_gone_still_counts_as_partial(aws):
    aws.fault(Fault(operation="InvokeDataAutomationLibraryIngestionJob", job_status="COMPLETED_WITH_ERRORS"))
    result = execute("library_ingestion")
    assert (result["partial"], result.get("failures")) == (True, None)
    with pytest.raises(BdaJobPartial):
        execute("library_ingestion", fail_on_partial=True)


@pytest.mark.parametrize("deferrable", [False, True])
def test_ingestion_jobs_of_one_library_take_turns(aws, monkeypatch, deferrable):
    monkeypatch.setattr("airflow_provider_bda.operators._identity.PAUSE", (0.1, 0.2))
    busy = "another ingestion of this library runs"
    aws.fault(
        Fault(
            operation="InvokeDataAutomationLibraryIngestionJob",
            error="ConflictException",
            message=busy,
            times=2,
        )
    )
    row = SAMPLES["library_ingestion"]
    make = lambda: row.operator(deferrable=deferrable, wait_timeout=30)  # noqa: E731 - as each worker builds it
    assert live_through(make, context())["status"] == "COMPLETED"
    assert len(aws.calls("InvokeDataAutomationLibraryIngestionJob")) == 3


def test_a_turn_that_does_not_come_in_time_is_a_timeout_with_the_services_words(aws):
    aws.fault(Fault(operation="StartIngestionJob", error="ConflictException", message="another job runs"))
    with pytest.raises(BdaJobTimeout, match=r"its turn did not come: ConflictException: another job runs"):
        execute("knowledge_base_ingestion", wait_timeout=0.2)


def test_documents_that_failed_are_counted_and_can_fail_the_task(aws):
    aws.client("s3").put_object(Bucket="documents", Key="kb/b.bin", Body=b"x")
    result = execute("knowledge_base_ingestion")
    assert (result["status"], result["partial"]) == ("COMPLETE", True)
    assert result["statistics"]["numberOfDocumentsFailed"] == 1
    with pytest.raises(BdaJobPartial, match=r"1 of 2 documents failed: .*b\.bin"):
        execute("knowledge_base_ingestion", fail_on_partial=True, description="again")


def test_on_kill_stops_a_knowledge_base_job_and_the_next_try_starts_another(aws):
    aws.settings.duration = 1000.0
    run = FakeRun(
        lambda **more: SAMPLES["knowledge_base_ingestion"].operator(deferrable=True, **more), retries=1
    )
    task, run_context = run.next_try()
    with pytest.raises(TaskDeferred):
        task.execute(run_context)
    task.on_kill()
    assert len(aws.calls("StopIngestionJob")) == 1
    jobs = [job for job in aws.jobs() if job.kind.name == "knowledge_base_ingestion"]
    assert [job.status in {"STOPPING", "STOPPED"} for job in jobs] == [True]
    task, run_context = run.next_try()
    with pytest.raises(TaskDeferred):
        task.execute(run_context)
    assert len([job for job in aws.jobs() if job.kind.name == "knowledge_base_ingestion"]) == 2


def test_a_cleared_knowledge_base_task_stops_the_job_it_supersedes(aws):
    aws.settings.duration = 1000.0
    run = FakeRun(
        lambda **more: SAMPLES["knowledge_base_ingestion"].operator(wait_for_completion=False, **more)
    )
    task, run_context = run.next_try()
    first = task.execute(run_context)
    run.clear()
    task, run_context = run.next_try()
    second = task.execute(run_context)
    assert aws.calls("StopIngestionJob")[0].parameters == first["handle"]
    assert second["handle"] != first["handle"]


def test_discarded_files_and_data_quality_are_in_result_and_message(aws):
    aws.client("s3").put_object(Bucket="documents", Key="sensors/pump/b.bin", Body=b"x")
    result = execute("equipment_ingestion")
    assert (result["status"], result["partial"]) == ("SUCCESS", True)
    assert [row["item"] for row in result["failures"]] == ["s3://documents/sensors/pump/b.bin"]
    assert result["data_quality_summary"]
    with pytest.raises(
        BdaJobPartial, match=r"1 of 2 failed: s3://documents/sensors/pump/b\.bin.*data quality: "
    ):
        execute("equipment_ingestion", fail_on_partial=True)


def test_an_ended_service_is_said_plainly_and_not_tried_again(aws, monkeypatch):
    aws.settings.ended_services = frozenset({"lookoutequipment"})
    connection = aws.connection()
    connection["extra"]["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    with pytest.raises(
        BdaInputError, match=r"AWS ended Amazon Lookout for Equipment on 2026-10-07.*Remove this task"
    ):
        execute("equipment_ingestion")


def embed(**kwargs):
    return {
        "model_id": EMBEDDINGS,
        "model_input": {"segmentedEmbeddingParams": {"video": {"source": {"s3Location": {"uri": "s3://documents/in/invoice.txt"}}}}},
        **kwargs,
    }  # fmt: skip


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_completed_invoke_with_failed_segments_fails_if_it_is_told_to(aws, deferrable):
    aws.settings.failed_segments = {"*": 1}
    assert execute("async_invoke", **embed())["partial"] is False
    row = SAMPLES["async_invoke"]
    make = lambda: row.operator(deferrable=deferrable, fail_on_partial=True, **embed())  # noqa: E731
    with pytest.raises(BdaJobPartial, match=r"1 of 1 failed: .*segmented-embedding-result\.json") as failed:
        live_through(make, context())
    sensor = BedrockAsyncInvokeSensor(
        task_id="wait", invocation_arn=failed.value.handle["invocationArn"], fail_on_partial=True, deferrable=False
    )  # fmt: skip
    with pytest.raises(BdaJobPartial):
        sensor.execute(context())


def test_segments_that_cannot_be_read_are_no_success(aws):
    assert execute("async_invoke", fail_on_partial=True, **embed())["partial"] is False
    with pytest.raises(BdaJobLost, match=r"could not be read, so it counts as no success: FileNotFoundError"):
        execute("async_invoke", fail_on_partial=True)  # Nova Reel writes no such file


def test_a_retry_finds_its_lost_invoke_in_the_list_when_the_token_is_forgotten(aws):
    aws.settings.token_memory = 0.0
    run = FakeRun(SAMPLES["async_invoke"].operator, retries=1, store=False)
    aws.fault(Fault(operation="StartAsyncInvoke", lose_answer=True, times=1))
    for expected in (BdaJobLost, None):
        task, run_context = run.next_try()
        if expected:
            with pytest.raises(expected):
                task.execute(run_context)
        else:
            assert task.execute(run_context)["status"] == "Completed"
    assert len([job for job in aws.jobs() if job.kind.name == "async_invoke"]) == 1


def test_the_iterator_takes_every_argument_of_the_paginator_and_says_where_to_go_on(aws):
    arns = [execute("async_invoke", model_input={"number": n})["invocation_arn"] for n in range(5)]
    hook = BedrockAsyncInvokeHook()
    first = hook.iter_async_invokes(
        sort_by="SubmissionTime", sort_order="Ascending", max_items=3, page_size=2
    )
    assert [row["invocationArn"] for row in first] == arns[:3]
    rest = hook.iter_async_invokes(
        sort_by="SubmissionTime", sort_order="Ascending", starting_token=first.resume_token
    )
    assert ([row["invocationArn"] for row in rest], rest.resume_token) == (arns[3:], None)
    early, late = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    assert len(list(hook.iter_async_invokes(early, late, "Completed"))) == 5
    assert aws.calls("ListAsyncInvokes")[-1].parameters == {
        "submitTimeAfter": early,
        "submitTimeBefore": late,
        "statusEquals": "Completed",
    }
    assert list(hook.iter_async_invokes(status_equals="Failed")) == []


@pytest.fixture
def listed_at_once(monkeypatch):
    """There is no scheduler here that has to notice first that the worker is through with the task."""
    monkeypatch.setattr("airflow_provider_bda.triggers.async_invoke_list.SETTLE", 0.0)


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_list_sensor_waits_until_all_selected_have_ended(aws, listed_at_once, deferrable):
    aws.settings.duration = 0.5
    for number in range(3):
        execute("async_invoke", model_input={"number": number}, wait_for_completion=False)
    aws.fault(Fault(operation="StartAsyncInvoke", job_status="Failed", times=1))
    failed = execute("async_invoke", model_input={"number": 3}, wait_for_completion=False)
    arguments = {
        "task_id": "wait",
        "poke_interval": 0.1,
        "timeout": 30.0,
        "deferrable": deferrable,
        "at_least": 4,
    }

    def sensor(**kwargs):
        return lambda: BedrockAsyncInvokeListSensor(
            **arguments, submit_time_after=datetime(2020, 1, 1, tzinfo=UTC), **kwargs
        )

    assert live_through(sensor(fail_on_failed=False), context()) == {
        "total": 4,
        "going_on": 0,
        "completed": 3,
        "failed": 1,
        "failed_invocation_arns": [failed["invocation_arn"]],
    }
    with pytest.raises(BdaJobBroken, match=r"1 of 4 invokes failed"):
        live_through(sensor(), context())


def test_the_list_sensor_times_out_and_reports_a_refused_list(aws, listed_at_once):
    aws.settings.duration = 1000.0
    execute("async_invoke", wait_for_completion=False)
    sensor = {"task_id": "wait", "poke_interval": 0.1, "deferrable": True}
    with pytest.raises(BdaJobTimeout, match="1 invokes went on"):
        live_through(lambda: BedrockAsyncInvokeListSensor(timeout=0.3, **sensor), context())
    aws.fault(Fault(operation="ListAsyncInvokes", error="AccessDeniedException"))
    with pytest.raises(BdaJobLost, match="AccessDeniedException"):
        live_through(lambda: BedrockAsyncInvokeListSensor(timeout=30.0, **sensor), context())


def optimize(**kwargs):
    return execute("blueprint_optimization", **kwargs)


def test_an_optimization_returns_metrics_and_the_new_schema(aws):
    aws.settings.optimization_metrics = {"before": {"f1": 0.5}, "after": {"f1": 0.75}}
    result = optimize(min_improvement=0.25)
    assert (result["metrics_before"]["f1"], result["metrics_after"]["f1"], result["improvement"]) == (
        0.5,
        0.75,
        0.25,
    )
    assert result["schema"]["class"] == "invoice"


def test_the_gate_closes_without_a_retry(aws):
    aws.settings.optimization_metrics = {"before": {"exactMatch": 0.5}, "after": {"exactMatch": 0.55}}
    with pytest.raises(
        BdaJobRejected, match=r"did not improve exactMatch by at least 0\.1: it rose by 0\.05"
    ):
        optimize(metric="exactMatch", min_improvement="0.1")
    with pytest.raises(BdaInputError, match="end_from_trigger"):
        optimize(end_from_trigger=True)


CREATES = {
    "library": (libraries.BdaCreateLibraryOperator, {"library_name": "words"}, "library_arn", "UpdateDataAutomationLibrary"),
    "blueprint": (
        blueprints.BdaCreateBlueprintOperator,
        {"blueprint_name": "an-invoice", "schema": SCHEMA},
        "blueprint_arn",
        "UpdateBlueprint",
    ),
    "project": (
        BdaCreateProjectOperator,
        {"project_name": "invoices", "deferrable": False},
        "project_arn",
        "UpdateDataAutomationProject",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CREATES)
def test_what_is_there_already_fails_is_kept_or_updated(aws, what):
    operator, arguments, arn, update = CREATES[what]
    known = getattr(BedrockDataAutomationHook(), f"{what}_arn")(next(iter(arguments.values())))

    def create(if_exists):
        return operator(task_id="a_task", if_exists=if_exists, **arguments).execute(context())

    with pytest.raises(BdaInputError, match="already exists"):
        create("fail")
    assert (create("skip")[arn], len(aws.calls(update))) == (known, 0)
    assert (create("update")[arn], len(aws.calls(update))) == (known, 1)
    with pytest.raises(BdaInputError, match="if_exists"):
        create("replace")


def test_what_is_deleted_twice_is_gone(aws):
    for operator, name in (
        (blueprints.BdaDeleteBlueprintOperator, {"blueprint": "an-invoice"}),
        (BdaDeleteProjectOperator, {"project": "invoices"}),
    ):
        assert [
            operator(task_id="a_task", **name).execute(context()) for _ in range(2)
        ] == [{"deleted": True}, {"deleted": False}]  # fmt: skip
        with pytest.raises(BdaInputError, match="none is named"):
            operator(task_id="a_task", if_missing="fail", **name).execute(context())


def test_a_retry_makes_no_second_version(aws):
    aws.fault(Fault(operation="CreateBlueprintVersion", lose_answer=True, times=1))
    task = blueprints.BdaCreateBlueprintVersionOperator(task_id="a_task", blueprint="an-invoice")
    with pytest.raises(Exception, match="got no good answer"):
        task.execute(context())
    assert task.execute(context())["blueprint_version"] == "1"


class Line(BaseModel):
    """A line of the invoice."""

    amount: float = Field(description="the amount")


class Invoice(BaseModel):
    """An invoice of a supplier."""

    number: str = Field(description="the number at the top")
    total: float | None = Field(None, description="the sum", json_schema_extra={"inferenceType": "inferred"})
    lines: list[Line] = Field(description="its lines")


def test_a_pydantic_model_becomes_a_schema(aws):
    task = blueprints.BdaCreateBlueprintOperator(task_id="a_task", blueprint_name="model", schema=Invoice)
    task.execute(context())
    assert json.loads(aws.calls("CreateBlueprint")[-1].parameters["schema"]) == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "class": "Invoice",
        "description": "An invoice of a supplier.",
        "type": "object",
        "definitions": {
            "Line": {
                "type": "object",
                "properties": {
                    "amount": {"type": "number", "inferenceType": "explicit", "instruction": "the amount"}
                },
            }
        },
        "properties": {
            "number": {"type": "string", "inferenceType": "explicit", "instruction": "the number at the top"},
            "total": {"type": "number", "inferenceType": "inferred", "instruction": "the sum"},
            "lines": {"type": "array", "instruction": "its lines", "items": {"$ref": "#/definitions/Line"}},
        },
    }


def test_a_schema_comes_from_a_file_and_what_is_none_is_refused(aws, tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))

    def update(schema):
        task = blueprints.BdaUpdateBlueprintOperator(task_id="a_task", blueprint="an-invoice", schema=schema)
        return task.execute(context())

    update(path)
    assert json.loads(aws.calls("UpdateBlueprint")[-1].parameters["schema"]) == SCHEMA
    for bad, words in (
        ("nowhere.json", "cannot be read"),
        ("{", "no JSON"),
        ({}, "properties"),
        (7, "int is no dict"),
    ):
        with pytest.raises(BdaInputError, match=words):
            update(bad)
