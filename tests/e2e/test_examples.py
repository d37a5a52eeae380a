"""The example Dags run together in a real Airflow on the emulator; what each leaves is opened and looked at.

They run with the parameters they have by themselves, so the buckets, projects and blueprints here are called as the
examples call them.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import pytest

from tests.e2e.example_runs import Runs
from tests.example_world import EXAMPLES, REGIONS, SCHEMA, SETTINGS, furnish, objects_in, stored
from tests.test_example_dags import ALL, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]
ELSEWHERE = {
    "bda_human_review",  # a person answers it in a browser: test_review.py
    # What they do after bda_results_to_parquet's part is done by services that nothing here stands for.
    "bda_results_to_redshift",
    "bda_results_to_athena",
}
HERE = [name for name in ALL if name not in ELSEWHERE]
#: Seconds for all runs, from the first that is started to the last that ends.
LIMIT = 900.0
#: Tasks that their documents lead past: the service was sure enough.
SKIPPED = {("bda_confidence_branch", "ask"), ("bda_confidence_branch", "apply")}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator with what the examples' parameters name."""
    from airflow_provider_bda.emulator import Emulator, Settings

    with Emulator(Settings(duration=0.5, **SETTINGS)) as aws:
        furnish(aws, tmp_path_factory.mktemp("documents"))
        yield aws


@pytest.fixture(scope="module")
def office(world: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    """An Airflow whose Dags are the examples, all of them."""
    from demo.airflow_process import RealAirflow

    folder = tmp_path_factory.mktemp("examples")
    dags = folder / "dags"
    shutil.copytree(EXAMPLES, dags, ignore=shutil.ignore_patterns("__pycache__"))
    # They are let go together, see Runs.
    paused = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True"}
    with RealAirflow(folder / "airflow", dags, parallelism=4, env=paused, progress=print) as running:
        running.rest.add_connection("aws_default", **world.connection())
        running.rest.add_pool("bda", 2)
        for dag_id in ALL:
            running.rest.wait_for_dag(dag_id, timeout=180.0)
        # What serves tasks is built at the first call: 7 s on a quiet machine, 40 s on a busy one, and a task that is
        # started meanwhile is given up.
        httpx.get(f"{running.url}/execution/health", timeout=120.0, trust_env=False).raise_for_status()
        yield running


@pytest.fixture(scope="module")
def runs(world: Emulator, office: RealAirflow) -> Runs:
    """The examples, all started at once, and over."""
    began = time.monotonic()
    started = Runs(office, world, HERE)
    started.wait(LIMIT)
    office.progress(f"{len(HERE)} examples were over after {time.monotonic() - began:.0f} s")
    return started


def waits_deferred(task: Any) -> bool:
    """Tell whether an example says that a task waits without a worker."""
    arguments: Mapping[str, Any] = task.partial_kwargs if task.is_mapped else vars(task)
    return bool(arguments.get("deferrable")) and bool(arguments.get("wait_for_completion", True))


def was_deferred(task: Mapping[str, Any], log: str) -> bool:
    """Tell whether the worker said that it handed a task over, and the triggerer that it took it."""
    name = "/".join(str(task[key]) for key in ("dag_id", "dag_run_id", "task_id", "map_index"))
    return (
        "Pausing task as DEFERRED" in log
        and re.search(rf"trigger {re.escape(name)}/\d+ .*starting", log) is not None
    )


@pytest.mark.parametrize("dag_id", HERE)
def test_an_example_succeeds_and_waits_as_it_says(runs: Runs, dag_id: str):
    if runs.states.get(dag_id) != "success":
        pytest.fail(runs.blame(dag_id))
    tasks = runs.tasks(dag_id)
    states = {task["task_id"]: task["state"] for task in tasks}
    skipped = {(dag_id, name) for name, state in states.items() if state == "skipped"}
    assert skipped == {item for item in SKIPPED if item[0] == dag_id}, runs.blame(dag_id)
    assert set(states.values()) <= {"success", "skipped"}, runs.blame(dag_id)
    dag = load(dag_id)
    for task in tasks:
        if task["state"] == "success":
            log = runs.rest.log(task)
            assert was_deferred(task, log) is waits_deferred(dag.get_task(task["task_id"])), log


#: Tasks that answer what became of the job of in/invoice.pdf of the bucket "documents".
ONE_DOCUMENT = [
    ("bda_one_document", "extract"),
    ("bda_submit_then_wait", "wait"),
    ("bda_results_in_task", "extract"),
    ("bda_blueprint_try", "extract"),
]


@pytest.mark.parametrize(("dag_id", "task_id"), ONE_DOCUMENT)
def test_a_document_was_read(runs: Runs, dag_id: str, task_id: str):
    job = runs.xcom(dag_id, task_id)
    assert (job["kind"], job["status"], job["partial"]) == ("data_automation", "Success", False)
    assert runs.extracted(job["output_s3_uri"]) == [{"invoice_number": "00007", "total": 7.5}]


def test_fields_were_used_in_a_task(runs: Runs):
    unsure = runs.xcom("bda_results_in_task", "unsure_fields")
    assert set(unsure) <= set(SCHEMA["properties"])


def test_many_documents_were_mapped_and_read(runs: Runs):
    jobs = runs.xcom("bda_many_documents", "extract")
    fields = [runs.extracted(job["output_s3_uri"]) for job in jobs]
    totals = sorted(segment["total"] for segments in fields for segment in segments)
    assert totals == [1.5, 2.5, 3.5]
    rows = runs.xcom("bda_many_documents", "read_results")
    assert [(row["blueprint"], row["fields_found"], row["fields_asked"]) for row in rows] == [
        ("supplier-invoice", 2, 2)
    ] * 3


@pytest.mark.parametrize("dag_id", ["bda_batch", "bda_batch_daily", "bda_batch_on_asset"])
def test_a_batch_has_a_row_for_each_document(runs: Runs, dag_id: str):
    batch = runs.xcom(dag_id, "batch")
    assert (batch["total"], batch["succeeded"], batch["jobs_submitted"]) == (3, 3, 3)
    rows = [json.loads(line) for line in stored(runs.aws, batch["results_s3_uri"]).splitlines()]
    assert {row["input_s3_uri"] for row in rows} == {
        f"s3://my-bucket/in/{name}.pdf" for name in ("invoice", "b", "c")
    }
    assert {row["status"] for row in rows} == {"succeeded"}
    fields = [runs.extracted(row["output_s3_uri"]) for row in rows]
    assert sorted(segment["total"] for segments in fields for segment in segments) == [1.5, 2.5, 3.5]


def test_a_batch_was_read_by_part(runs: Runs):
    assert runs.xcom("bda_batch", "count_matches") == [{"MATCH": 3}]


def test_what_was_bought_stands_in_the_index(runs: Runs):
    assert objects_in(runs.aws, "my-bucket", "state/invoices")


def test_each_region_had_its_batch(runs: Runs):
    batches = runs.xcom("bda_batch_regions", "batch")
    assert [(batch["total"], batch["succeeded"]) for batch in batches] == [(1, 1)] * 3
    for batch, region in zip(batches, REGIONS, strict=True):
        (row,) = map(json.loads, stored(runs.aws, batch["results_s3_uri"]).splitlines())
        assert row["input_s3_uri"] == f"s3://my-bucket-{region}/in/1.pdf"
        (job,) = [job for job in runs.aws.jobs() if job.input_uri == row["input_s3_uri"]]
        assert (job.region, job.status) == (region, "Success")


def rows_of(aws: Emulator, prefix: str, folder: Path) -> list[tuple[str, float]]:
    """Fetch the Parquet files of the invoices below a prefix and read them all as one table."""
    found = objects_in(aws, "my-bucket", f"{prefix}/supplier_invoice/data/")
    for key, body in found.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    files = f"{folder}/{prefix}/supplier_invoice/data/*/*/*.parquet"
    with duckdb.connect() as database:
        return database.execute(
            "SELECT invoice_number, total FROM read_parquet(?, hive_partitioning = true) ORDER BY 1", [files]
        ).fetchall()


WHOLE = [(f"{number:05d}", number + 0.5) for number in (1, 2, 3)]


@pytest.mark.parametrize(("dag_id", "prefix"), [("bda_results_to_parquet", "lake"), ("bda_purge", "kept")])
def test_the_table_has_a_row_for_each_document(runs: Runs, tmp_path: Path, dag_id: str, prefix: str):
    assert runs.xcom(dag_id, "tables")["rows"] == 3
    assert rows_of(runs.aws, prefix, tmp_path) == WHOLE


def test_a_purge_left_the_batch_and_no_output(runs: Runs):
    purged = runs.xcom("bda_purge", "purge")
    assert (purged["dry_run"], purged["jobs"], purged["refused"]) == (False, 3, 0)
    assert purged["objects"] >= 3
    batch = runs.xcom("bda_purge", "batch")["batch_s3_uri"].removeprefix("s3://my-bucket/")
    left = objects_in(runs.aws, "my-bucket", "purged/")
    assert left
    assert {key for key in left if not key.startswith(f"{batch}/")} == set()


def test_a_small_document_was_answered_at_once(runs: Runs):
    answer = runs.xcom("bda_invoke_sync", "answer")
    assert answer["semantic_modality"] == "DOCUMENT"
    (fields,) = runs.extracted(answer["output_s3_uri"])
    assert (fields["merchant_name"], fields["total"]) == ("Cafe Lumen", 29.25)
    found = runs.xcom("bda_invoke_sync", "readable")
    assert {"merchant_name", "total"} <= set(found["found"])


def test_a_document_the_service_was_sure_of_went_on(runs: Runs):
    uri = runs.xcom("bda_confidence_branch", "take")
    assert uri == runs.xcom("bda_confidence_branch", "extract")["output_s3_uri"]
    assert runs.extracted(uri) == [{"invoice_number": "00001", "total": 1.5}]


def blueprints_named(aws: Emulator, name: str) -> dict[str, str]:
    """Answer the ARN of a blueprint by the stages it is at."""
    rows = aws.client("bedrock-data-automation").list_blueprints()["blueprints"]
    return {row["blueprintStage"]: row["blueprintArn"] for row in rows if row["blueprintName"] == name}


def test_a_blueprint_that_was_tried_is_gone(runs: Runs):
    assert runs.xcom("bda_blueprint_try", "create")["created"] is True
    assert runs.xcom("bda_blueprint_try", "missing_fields") == []
    assert runs.xcom("bda_blueprint_try", "delete") == {"deleted": True}
    assert blueprints_named(runs.aws, "trial-invoice") == {}


def test_a_blueprint_went_live(runs: Runs):
    stages = blueprints_named(runs.aws, "carried-invoice")
    assert set(stages) == {"DEVELOPMENT", "LIVE"}
    control = runs.aws.client("bedrock-data-automation")
    live = control.get_blueprint(blueprintArn=stages["LIVE"], blueprintStage="LIVE")["blueprint"]
    optimized = runs.xcom("bda_blueprint_to_live", "optimize")
    assert json.loads(live["schema"]) == optimized["schema"]
    assert str(runs.xcom("bda_blueprint_to_live", "keep_a_version")["blueprint_version"]) == "1"


def test_a_blueprint_was_optimized(runs: Runs):
    waited = runs.xcom("bda_optimize_blueprint", "optimized")
    assert (waited["kind"], waited["status"]) == ("blueprint_optimization", "Success")
    assert json.loads(stored(runs.aws, f"{waited['output_s3_uri']}/optimization_results.json"))


def test_the_report_on_a_blueprint_is_there(runs: Runs):
    told = runs.xcom("bda_evaluate_blueprint", "evaluate")
    assert (told["passed"], told["score"]["f1"], told["documents"]) == (True, 1.0, 2)
    report = json.loads(stored(runs.aws, told["report_s3_uri"]))
    assert report
    assert "| total | 2 |" in stored(runs.aws, told["markdown_s3_uri"]).decode()
    assert set(blueprints_named(runs.aws, "golden-invoice")) == {"DEVELOPMENT", "LIVE"}


def test_a_library_has_the_words_that_were_left_in_it(runs: Runs):
    control = runs.aws.client("bedrock-data-automation")
    rows = {
        row["libraryName"]: row["libraryArn"] for row in control.list_data_automation_libraries()["libraries"]
    }
    # The other one was deleted.
    assert set(rows) == {"product-names"}
    library = control.get_data_automation_library(libraryArn=rows["product-names"])["library"]
    assert library["libraryDescription"].startswith("Product names as of 20")
    entities = control.list_data_automation_library_entities(
        libraryArn=rows["product-names"], entityType="VOCABULARY"
    )["entities"]
    assert [entity["vocabulary"]["entityId"] for entity in entities] == ["names"]
    assert runs.xcom("bda_library_deletion", "delete")["library_arn"].startswith("arn:")


def test_a_project_was_made_changed_and_deleted(runs: Runs):
    created, updated = (runs.xcom("bda_project", name) for name in ("created", "update"))
    assert created["project_arn"] == updated["project_arn"]
    rows = runs.aws.client("bedrock-data-automation").list_data_automation_projects()["projects"]
    assert {row["projectName"] for row in rows} == {"invoices", "my-project", "receipts"}


@pytest.mark.parametrize("task_id", ["embed", "filmed"])
def test_a_model_wrote_its_answer(runs: Runs, task_id: str):
    job = runs.xcom("bedrock_async_invoke", task_id)
    assert (job["kind"], job["status"]) == ("async_invoke", "Completed")
    assert objects_in(runs.aws, "documents", job["output_s3_uri"].removeprefix("s3://documents/"))


def test_many_invokes_were_waited_for_by_one_task(runs: Runs):
    ended = runs.xcom("bedrock_many_async_invokes", "all_ended")
    # Others of the account may be among them.
    assert ended["total"] == ended["completed"] >= len(runs.xcom("bedrock_many_async_invokes", "start")) == 2


def test_a_knowledge_base_took_its_documents(runs: Runs):
    job = runs.xcom("bedrock_knowledge_base_ingestion", "ingested")
    assert (job["status"], job["statistics"]["numberOfNewDocumentsIndexed"]) == ("COMPLETE", 1)


def test_equipment_data_was_taken(runs: Runs):
    job = runs.xcom("lookout_equipment_ingestion", "ingested")
    assert (job["status"], job["partial"]) == ("SUCCESS", False)
    assert job["ingested_data_size"] > 0
