"""Every example Dag runs to its end in a real Airflow, in process, on the emulator."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from airflow_provider_bda.emulator import Fault
from demo.documents import BLUEPRINTS, make_documents

EXAMPLES = Path(__file__).parents[1] / "example_dags"
ALL = sorted(path.stem for path in EXAMPLES.glob("*.py"))


def load(name):
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return next(
        value for value in vars(module).values() if type(value).__name__ == "DAG" and value.dag_id == name
    )


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    return make_documents(tmp_path_factory.mktemp("documents"))


@pytest.fixture
def conf(bda_emulator, documents):
    """Buckets, documents, blueprints and a project as the examples' parameters name them."""
    s3 = bda_emulator.client("s3")
    s3.create_bucket(Bucket="documents")
    for path in documents:
        s3.upload_file(str(path), "documents", f"in/{path.name}")
    control = bda_emulator.client("bedrock-data-automation")
    blueprints = [
        control.create_blueprint(blueprintName=name, type="DOCUMENT", schema=json.dumps(schema))["blueprint"]
        for name, schema in BLUEPRINTS.items()
    ]
    control.create_data_automation_project(
        projectName="invoices",
        standardOutputConfiguration={},
        customOutputConfiguration={
            "blueprints": [{"blueprintArn": item["blueprintArn"]} for item in blueprints]
        },
    )
    uris = [f"s3://documents/in/{path.name}" for path in documents]
    return {
        "input_s3_uri": uris[0],
        "documents": uris[:3],
        "output_s3_uri": "s3://documents/out",
        "project": "invoices",
    }


@pytest.fixture
def pool(run_dag):
    """The pool that the mapped example wants, which counts deferred tasks."""
    from airflow.models.pool import Pool

    Pool.create_or_update_pool("bda", slots=4, description="", include_deferred=True)


def test_every_example_is_run_here_or_has_a_test_of_its_own():
    from tests.test_example_batches import EXAMPLES as OF_BATCHES
    from tests.test_example_kinds import EXAMPLES as OF_KINDS
    from tests.test_example_tables import EXAMPLES as OF_TABLES

    here = {"bda_one_document", "bda_many_documents", "bda_results_in_task"}
    assert set(ALL) == here | set(OF_BATCHES) | set(OF_KINDS) | set(OF_TABLES) | {
        "bda_library_deletion",
        "bda_blueprint_to_live",
    }


def test_one_document(bda_emulator, conf, run_dag):
    result = run_dag(load("bda_one_document"), conf)
    assert (result.state, result.tasks) == ("success", {"extract": "success"})
    assert result.xcom("extract", "output_s3_uri").endswith("/job_metadata.json")
    assert len(bda_emulator.jobs()) == 1


def test_many_documents_are_mapped_and_read(bda_emulator, conf, run_dag, pool):
    result = run_dag(load("bda_many_documents"), conf)
    assert result.state == "success"
    assert len(bda_emulator.jobs()) == len(conf["documents"])
    rows = result.xcom("read_results")
    assert len(rows) >= len(conf["documents"])
    assert all(row["fields_found"] > 0 for row in rows)


def test_many_documents_fail_when_one_does_and_the_others_are_still_read(bda_emulator, conf, run_dag, pool):
    bda_emulator.fault(
        Fault(input_uri=conf["documents"][1], job_status="ClientError", error_type="T", message="no")
    )
    result = run_dag(load("bda_many_documents"), conf)
    assert result.state == "failed"
    assert [state for name, state in result.tasks.items() if name.startswith("extract")].count("failed") == 1


def test_results_are_used_in_a_task(bda_emulator, conf, run_dag):
    result = run_dag(load("bda_results_in_task"), {**conf, "threshold": 1.0})
    assert result.state == "success"
    unsure = result.xcom("unsure_fields")
    assert unsure
    assert all(isinstance(name, str) for name in unsure)
