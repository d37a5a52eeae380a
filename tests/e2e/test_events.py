"""Events in a real Airflow: an end that is heard of ends the wait, ends start Dags, and OpenLineage is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
#: Where OpenLineage's events go, a line each.
LINEAGE = "lineage.jsonl"


@pytest.fixture(scope="module")
def queues(aws: Emulator) -> dict[str, str]:
    """A queue for tasks that wait, and one for the asset; both hear of every job's end."""
    sqs, bus = aws.client("sqs"), aws.client("events")
    bus.put_rule(Name="ends", EventPattern=json.dumps({"source": ["aws.bedrock"]}))
    made = {}
    for name in ("hints", "ends"):
        made[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=made[name], AttributeNames=["QueueArn"])
        bus.put_targets(Rule="ends", Targets=[{"Id": name, "Arn": asked["Attributes"]["QueueArn"]}])
    return made


@pytest.fixture(scope="module")
def airflow(
    aws: Emulator, queues: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealAirflow]:
    from demo.airflow_process import RealAirflow

    env = {f"BDA_E2E_{name.upper()}_QUEUE": url for name, url in queues.items()}
    # Events start Dags.
    env["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] = "True"
    home = tmp_path_factory.mktemp("airflow-events")
    transport = {"type": "file", "log_file_path": str(home / LINEAGE), "append": True}
    env["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(transport)
    dags = Path(__file__).parent / "event_dags"
    with RealAirflow(home, dags, parallelism=2, env=env, progress=print) as running:
        running.rest.add_connection("aws_default", **aws.connection())
        for dag_id in ("e2e_hears", "e2e_after_ours", "e2e_after_theirs", "e2e_lineage"):
            running.rest.wait_for_dag(dag_id)
        yield running


def told(airflow: RealAirflow, dag_id: str, until: Callable[..., None]) -> list[dict[str, Any]]:
    """Wait for a Dag's only run, which nobody started by hand; answer what it was told."""

    def runs():
        return airflow.rest.call("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]

    until(lambda: [run["state"] for run in runs()], ["success"])
    (run,) = runs()
    assert run["run_type"] == "asset_triggered"
    (task,) = airflow.rest.task_instances(dag_id, run["dag_run_id"])
    return list(airflow.rest.xcom(task))


def test_an_end_that_is_heard_of_ends_the_wait_and_starts_the_next_dag(
    jobs: Any, airflow: RealAirflow, aws: Emulator, until: Callable[..., None]
):
    conf = {"input_s3_uri": jobs._put(0)}
    run_id = airflow.rest.trigger("e2e_hears", conf)
    until(lambda: [task["state"] for task in airflow.rest.task_instances("e2e_hears", run_id)], ["deferred"])
    jobs.finish()
    assert airflow.rest.wait_for_run("e2e_hears", run_id, timeout=120.0) == "success"
    (extra,) = told(airflow, "e2e_after_ours", until)
    (job,) = jobs.submitted()
    asked = [call.parameters["invocationArn"] for call in aws.calls("GetDataAutomationStatus")]
    assert asked.count(job.arn) == 1
    assert extra["bda"] == {
        "kind": "data_automation",
        "handle": {"invocationArn": job.arn},
        "status": "Success",
        "partial": False,
        "output_s3_uri": extra["bda"]["output_s3_uri"],
    }
    # The asset's own queue heard of it as well.
    (extra,) = told(airflow, "e2e_after_theirs", until)
    payload = extra["payload"]
    assert (payload["job_id"], payload["status"]) == (job.arn.rsplit("/", 1)[-1], "SUCCESS")
    assert payload["input_s3_uri"] == conf["input_s3_uri"]


def lineage(airflow: RealAirflow, run_id: str) -> dict[str, dict[str, Any]]:
    """Answer what OpenLineage was told of a run's task, by the type of the event; of two the later."""
    told = [json.loads(line) for line in (airflow.home / LINEAGE).read_text().splitlines()]
    of_task = [event for event in told if event["job"]["name"] == "e2e_lineage.extract"]
    ours = [event for event in of_task if event["run"]["facets"]["airflow"]["dagRun"]["run_id"] == run_id]
    return {event["eventType"]: event for event in ours}


def datasets(event: dict[str, Any], way: str) -> list[str]:
    return [f"{dataset['namespace']}/{dataset['name']}" for dataset in event[way]]


def test_openlineage_is_told_what_a_job_read_and_wrote_and_how_it_ended(
    jobs: Any, airflow: RealAirflow, aws: Emulator, until: Callable[..., None]
):
    good, bad = jobs._put(0), jobs._put(1)
    aws.client("s3").put_object(Bucket="bda-e2e", Key=bad.removeprefix("s3://bda-e2e/"), Body=b"")
    runs = {uri: airflow.rest.trigger("e2e_lineage", {"input_s3_uri": uri}) for uri in (good, bad)}
    until(lambda: len(jobs.submitted()), 2)
    jobs.finish()
    ends = {
        uri: airflow.rest.wait_for_run("e2e_lineage", run_id, timeout=180.0) for uri, run_id in runs.items()
    }
    assert ends == {good: "success", bad: "failed"}
    arns = {job.input_uri: job.arn for job in jobs.submitted()}
    output = f"s3://bda-e2e/out/lineage/{arns[good].rsplit('/', 1)[-1]}/job_metadata.json"

    until(lambda: sorted(lineage(airflow, runs[good])), ["COMPLETE", "START"])
    told = lineage(airflow, runs[good])
    assert datasets(told["START"], "inputs") == datasets(told["COMPLETE"], "inputs") == [good]
    assert datasets(told["START"], "outputs")[0] == "s3://bda-e2e/out/lineage"
    # The task was resumed from deferral, by another process than the one that submitted.
    assert datasets(told["COMPLETE"], "outputs") == ["s3://bda-e2e/out/lineage", output]
    facets = told["COMPLETE"]["run"]["facets"]
    assert (facets["externalQuery"]["externalQueryId"], facets["bda_run"]["status"]) == (
        arns[good],
        "Success",
    )
    assert told["COMPLETE"]["job"]["facets"]["bda_job"]["project"] == "e2e"

    until(lambda: sorted(lineage(airflow, runs[bad])), ["FAIL", "START"])
    told = lineage(airflow, runs[bad])
    facets = told["FAIL"]["run"]["facets"]
    assert datasets(told["FAIL"], "inputs") == [bad]
    assert facets["bda_run"]["handle"] == {"invocationArn": arns[bad]}
    assert facets["bda_run"]["status"] == "ClientError"
    assert arns[bad] in facets["errorMessage"]["message"]
