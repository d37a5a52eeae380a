"""Every example Dag runs to its end in a real Airflow, in process, on the emulator."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.get_provider_info import get_provider_info
from demo.documents import BLUEPRINTS, make_documents
from tests.example_world import EXAMPLES, make_blueprint, make_bucket, make_project

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
    make_bucket(bda_emulator, {f"in/{path.name}": path.read_bytes() for path in documents})
    blueprints = [make_blueprint(bda_emulator, name, schema) for name, schema in BLUEPRINTS.items()]
    make_project(bda_emulator, *blueprints)
    make_project(bda_emulator, *blueprints, name="receipts", projectType="SYNC")
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

    here = {"bda_one_document", "bda_many_documents", "bda_results_in_task", "bda_invoke_sync"}
    assert set(ALL) == here | set(OF_BATCHES) | set(OF_KINDS) | set(OF_TABLES) | {
        "bda_library_deletion",
        "bda_blueprint_to_live",
        "bda_blueprint_try",
    }


def test_every_public_operator_and_sensor_is_used_in_an_example():
    # Bases and helpers lie in modules that Airflow is not told of.
    info = get_provider_info()
    names = [
        name for part in ("operators", "sensors") for item in info[part] for name in item["python-modules"]
    ]
    modules = [import_module(name) for name in names]
    public = {
        member
        for module in modules
        for name in module.__all__
        if inspect.isclass(member := getattr(module, name))
    }
    used = {
        task.operator_class if task.is_mapped else type(task) for name in ALL for task in load(name).tasks
    }
    assert public <= used, sorted(member.__name__ for member in public - used)


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


def test_a_small_document_is_answered_at_once(bda_emulator, conf, run_dag):
    conf |= {"input_s3_uri": "s3://documents/in/receipt-cafe-lumen.pdf", "project": "receipts"}
    result = run_dag(load("bda_invoke_sync"), conf)
    assert result.state == "success"
    found = result.xcom("readable", "found")
    assert {"merchant_name", "total"} <= set(found)
    assert not set(found) & set(result.xcom("readable", "missing"))
    # No job is behind it, and nothing that stands in the document is in Airflow's database.
    assert bda_emulator.jobs() == []
    assert "Lumen" not in repr(result.xcoms)
