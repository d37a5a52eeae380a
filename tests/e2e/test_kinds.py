"""Every kind of job waits deferred in a real Airflow, side by side, and ends as its service says."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.jobs import JOB_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

DAG_ID = "e2e_kinds"
WORDS = "the service is having a bad day"
SCHEMA = {
    "class": "invoice",
    "description": "an invoice",
    "type": "object",
    "definitions": {},
    "properties": {"total": {"type": "number", "inferenceType": "explicit", "instruction": "the total"}},
}


@pytest.fixture(scope="module")
def resources(aws: Emulator):
    """What the Dag names, and projects that take their time."""
    control = aws.client("bedrock-data-automation")
    control.create_data_automation_library(libraryName="e2e-words")
    control.create_data_automation_project(projectName="e2e-changed", standardOutputConfiguration={})
    control.create_blueprint(blueprintName="e2e-invoice", type="DOCUMENT", schema=json.dumps(SCHEMA))
    objects = {
        "in/invoice.txt": b"Total: 12.50\n",
        "truth.json": b'{"total": 12.5}',
        "sensors/pump/a.csv": b"Timestamp,flow\n2026-01-01T00:00:00,1.5\n",
        "kb/a.txt": b"words",
    }
    for key, body in objects.items():
        aws.client("s3").put_object(Bucket="bda-e2e", Key=f"kinds/{key}", Body=body)
    before = dict(aws.settings.durations), dict(aws.settings.data_sources)
    aws.settings.durations["project"] = 60.0
    aws.settings.data_sources["DS00000001"] = "s3://bda-e2e/kinds/kb/"
    yield
    aws.settings.durations, aws.settings.data_sources = before


@pytest.fixture
def run(resources: Any, aws: Emulator, airflow: RealAirflow, until: Callable[..., None]):
    """A run whose tasks all wait."""
    airflow.rest.wait_for_dag(DAG_ID)
    control = aws.client("bedrock-data-automation")
    control.create_data_automation_library(libraryName="e2e-superfluous")

    def start():
        run_id = airflow.rest.trigger(DAG_ID)
        until(lambda: waiting(airflow, run_id), set(JOB_KINDS), timeout=300.0)
        return run_id

    yield start
    # Not only at the module's end: whichever test comes next would have them.
    aws.clear_faults()


def tasks(airflow: RealAirflow, run_id: str):
    return {task["task_id"]: task for task in airflow.rest.task_instances(DAG_ID, run_id)}


def waiting(airflow: RealAirflow, run_id: str):
    """Answer which tasks are deferred, also in the scheduler's eyes (see ``Run.deferred``)."""
    ended = re.compile(rf"Received executor event .*task_id='(\w+)', run_id='{re.escape(run_id)}'")
    log = (airflow.output_folder / "scheduler.log").read_text(errors="replace")
    states = {name for name, task in tasks(airflow, run_id).items() if task["state"] == "deferred"}
    return states & set(ended.findall(log))


def test_every_kind_waits_deferred_and_succeeds(run: Any, aws: Emulator, airflow: RealAirflow):
    run_id = run()
    for name, task in tasks(airflow, run_id).items():
        saved = airflow.rest.xcom(task, "bda_job")
        assert (saved["kind"], set(saved["handle"])) == (name, set(JOB_KINDS[name].handle))
    aws.clock.advance(61.0)

    state = airflow.rest.wait_for_run(DAG_ID, run_id)
    failed = {name: task for name, task in tasks(airflow, run_id).items() if task["state"] == "failed"}
    assert (state, {name: airflow.rest.failure(task) for name, task in failed.items()}) == ("success", {})
    for name, task in tasks(airflow, run_id).items():
        result = airflow.rest.xcom(task)
        kind = JOB_KINDS[name]
        assert (result["kind"], result["partial"]) == (name, False)
        assert result["status"] in kind.succeeded or kind.gone_is_success
        assert {key for key, _ in kind.result} <= set(result)


def test_every_kind_waits_deferred_and_fails_with_the_services_words(
    run: Any, aws: Emulator, airflow: RealAirflow
):
    updated = {"project": "UpdateDataAutomationProject"}
    failing = {name: min(kind.broken) for name, kind in JOB_KINDS.items() if kind.broken}
    for name, status in failing.items():
        operation = updated.get(name, JOB_KINDS[name].start)
        aws.fault(Fault(operation=operation, job_status=status, message=WORDS, times=1))
    run_id = run()
    # A deletion has no status of failure: what can fail is to see its end.
    aws.fault(Fault(operation="GetDataAutomationLibrary", error="InternalServerException", message=WORDS))
    aws.clock.advance(61.0)

    assert airflow.rest.wait_for_run(DAG_ID, run_id) == "failed"
    for name, task in tasks(airflow, run_id).items():
        assert task["state"] == "failed", name
        kind, said = JOB_KINDS[name], airflow.rest.failure(task)
        words = [kind.title, WORDS if kind.error_message_at or name not in failing else ""]
        words += [f"(status {failing[name]}"] if name in failing else []
        assert all(word in said for word in words), said
