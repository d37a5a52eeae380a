"""The example Dag of each job kind ends well on a worker and badly deferred, in a real Airflow in process.

Deferred and well they end together in ``tests/e2e/test_examples.py``; the operators' own tests have every combination.
"""

from __future__ import annotations

import pytest

from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.jobs import JOB_KINDS
from airflow_provider_bda.triggers.async_invoke_list import AsyncInvokeListTrigger
from airflow_provider_bda.triggers.job import JobTrigger
from tests.example_world import make_blueprint, make_bucket, make_project
from tests.test_example_dags import load

#: Example -> the kind whose job fails, the status it fails with, the task that waits for it.
EXAMPLES = {
    "bda_one_document": ("data_automation", "ServiceError", "extract"),
    "bda_submit_then_wait": ("data_automation", "ClientError", "wait"),
    "bedrock_async_invoke": ("async_invoke", "Failed", "filmed"),
    "bedrock_many_async_invokes": ("async_invoke", "Failed", "all_ended"),
    "bda_library_ingestion": ("library_ingestion", "FAILED", "they_are_in"),
    "bda_optimize_blueprint": ("blueprint_optimization", "ServiceError", "optimized"),
    "bda_project": ("project", "FAILED", "created"),
    "lookout_equipment_ingestion": ("equipment_ingestion", "FAILED", "ingested"),
    "bedrock_knowledge_base_ingestion": ("knowledge_base_ingestion", "FAILED", "ingested"),
}
#: Which of an example's jobs fails, where it runs more than one at the same time.
WHICH = {"bedrock_async_invoke": "amazon.nova-reel*"}


#: What the service says of a job that fails, and what an example says that has more than one.
WORDS = "the service is having a bad day"
SAID = {"bedrock_many_async_invokes": "1 of 1 invokes failed"}
CONF = dict.fromkeys(("input_s3_uri", "sample_s3_uri"), "s3://documents/in/invoice.txt")


@pytest.fixture
def aws(bda_emulator):
    """What the examples' parameters name."""
    make_blueprint(bda_emulator, "supplier-invoice")
    make_project(bda_emulator)
    objects = {
        "in/invoice.txt": b"Total: 12.50\n",
        "truth/invoice.json": b'{"total": 12.5}',
        "sensors/pump/a.csv": b"Timestamp,flow\n2026-01-01T00:00:00,1.5\n",
        "kb/a.txt": b"words",
    }
    make_bucket(bda_emulator, objects)
    bda_emulator.settings.data_sources = {"DS00000001": "s3://documents/kb/"}
    return bda_emulator


on_a_worker = pytest.mark.parametrize("run", [False], ids=["on_a_worker"], indirect=True)
in_the_triggerer = pytest.mark.parametrize("run", [True], ids=["deferred"], indirect=True)


@pytest.fixture
def run(request, run_dag, monkeypatch):
    """Run an example in one of the modes, polling quickly; the tasks that waited must have done so in that mode."""
    deferred = []
    for trigger in (JobTrigger, AsyncInvokeListTrigger):
        monkeypatch.setattr(trigger, "run", counted(trigger.run, deferred))
    # There is no scheduler here that has to notice first that the worker is through with the task.
    monkeypatch.setattr("airflow_provider_bda.triggers.async_invoke_list.SETTLE", 0.0)

    def start(name):
        dag = load(name)
        for task in dag.tasks:
            arguments = task.partial_kwargs if task.is_mapped else vars(task)
            if "deferrable" in arguments:
                arguments.update(deferrable=request.param, retries=0)
                arguments.update(
                    {key: 0.05 for key in ("poll_interval", "poke_interval") if key in arguments}
                )
        result = run_dag(dag, {key: uri for key, uri in CONF.items() if key in dag.params})
        assert bool(deferred) is request.param
        return result

    return start


def counted(run, calls):
    def wrapper(trigger):
        calls.append(trigger)
        return run(trigger)

    return wrapper


def test_every_kind_has_an_example_of_its_success_and_failure():
    kinds = {kind for kind, _, _ in EXAMPLES.values()}
    # A deletion has no status of failure; its example has tests of its own below.
    assert kinds | {"library_deletion"} == set(JOB_KINDS)


@on_a_worker
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_succeeds(aws, run, name):
    result = run(name)
    assert set(result.tasks.values()) == {"success"}, result.tasks
    kind = JOB_KINDS[EXAMPLES[name][0]]
    jobs = [job for job in aws.jobs() if job.kind == kind]
    assert {kind.outcome(job.status) for job in jobs} <= {"succeeded"}
    waited = result.xcom(EXAMPLES[name][2])
    if name == "bedrock_many_async_invokes":
        assert (waited["total"], waited["completed"]) == (1, 1)
    else:
        assert (waited["kind"], waited["partial"]) == (kind.name, False)
        assert waited["status"] in kind.succeeded


@in_the_triggerer
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_fails_where_its_job_does(aws, run, name, capfd):
    kind_name, status, waits = EXAMPLES[name]
    fail(aws, JOB_KINDS[kind_name], status, WHICH.get(name, "*"))
    result = run(name)
    assert (result.state, result.tasks.pop(waits)) == ("failed", "failed"), result.tasks
    assert "failed" not in result.tasks.values()
    said = WORDS if JOB_KINDS[kind_name].error_message_at else f"(status {status}"
    assert SAID.get(name, said) in capfd.readouterr().out


def fail(aws, kind, status, which):
    """Let a job fail, but not so soon that already the task that submits it sees that."""
    aws.fault(Fault(operation=kind.start, job_status=status, message=WORDS, input_uri=which, times=1))
    answer = min(kind.pending)
    for step in reversed(kind.status_at):
        answer = {step: answer}
    aws.fault(Fault(operation=kind.describe, answer=answer, input_uri=which, times=1))


@on_a_worker
def test_a_library_is_deleted_and_one_that_is_gone_is_no_failure(aws, run):
    aws.settings.durations["library_deletion"] = 0.3
    aws.client("bedrock-data-automation").create_data_automation_library(libraryName="product-names")
    result = run("bda_library_deletion")
    assert result.tasks == {"delete": "success"}
    assert result.xcom("delete", "library_arn").startswith("arn:")
    assert aws.client("bedrock-data-automation").list_data_automation_libraries()["libraries"] == []


@in_the_triggerer
def test_a_library_whose_deletion_cannot_be_seen_fails(aws, run):
    aws.client("bedrock-data-automation").create_data_automation_library(libraryName="product-names")
    aws.fault(Fault(operation="GetDataAutomationLibrary", error="AccessDeniedException"))
    result = run("bda_library_deletion")
    assert result.tasks == {"delete": "failed"}
