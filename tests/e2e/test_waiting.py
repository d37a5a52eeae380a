"""Deferred tasks in a real Airflow: what they hold, what they show, how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_more_tasks_wait_than_there_are_worker_slots(
    jobs: Any, airflow: RealAirflow, until: Callable[..., None]
):
    run = jobs.start("e2e_wait", 6)
    until(run.deferred, 6)

    # Six wait, two slots: soon no process belongs to any of them, and the slots do other work.
    until(lambda: airflow.pids("task"), [])
    assert len(airflow.pids("worker")) == airflow.parallelism == 2
    quick = airflow.rest.trigger("e2e_quick")
    assert airflow.rest.wait_for_run("e2e_quick", quick) == "success"
    assert run.states() == ["deferred"] * 6

    jobs.finish()
    run.succeed()
    assert len(jobs.submitted()) == 6
    for task in run.tasks():
        result = airflow.rest.xcom(task)
        assert (result["status"], result["partial"]) == ("Success", False)
        assert result["output_s3_uri"].endswith("/job_metadata.json")


def test_a_waiting_task_shows_its_job_and_its_links(
    jobs: Any, airflow: RealAirflow, aws: Emulator, until: Callable[..., None]
):
    run = jobs.start("e2e_wait", 1)
    until(run.deferred, 1)

    (task,) = run.tasks()
    (job,) = jobs.submitted()
    saved = airflow.rest.xcom(task, "bda_job")
    links = airflow.rest.links(task)
    assert (saved["kind"], saved["handle"]) == ("data_automation", {"invocationArn": job.arn})
    assert set(links) == {"BDA output", "BDA project", "Documents"}
    assert f"/s3/buckets/bda-e2e?region={aws.region}&prefix=out%2F{jobs.prefix}%2F" in (
        links["BDA output"] or ""
    )
    assert "/bedrock/home?region=" in (links["BDA project"] or "")

    jobs.finish()
    run.succeed()


def test_a_pool_that_includes_deferred_bounds_the_jobs_at_the_service(
    jobs: Any, airflow: RealAirflow, until: Callable[..., None]
):
    run = jobs.start("e2e_pool", 5)
    until(run.deferred, 3)

    # The scheduler has been around often enough to start more when a whole other run is through.
    quick = airflow.rest.trigger("e2e_quick")
    assert airflow.rest.wait_for_run("e2e_quick", quick) == "success"
    assert run.states().count("deferred") == len(jobs.submitted()) == 3

    jobs.finish()
    until(lambda: (run.states().count("success"), run.deferred()), (3, 2))
    jobs.finish()
    run.succeed()
    assert len(jobs.submitted()) == 5


def test_a_waiting_task_marked_failed_stays_failed_when_its_job_ends(
    jobs: Any, airflow: RealAirflow, until: Callable[..., None]
):
    run = jobs.start("e2e_wait", 1)
    until(run.deferred, 1)

    airflow.rest.mark(run.tasks()[0], "failed")
    until(run.states, ["failed"])
    until(lambda: run.tasks()[0]["trigger"], None)

    jobs.finish()
    assert run.wait() == "failed"
    assert run.states() == ["failed"]
    assert airflow.rest.xcom(run.tasks()[0]) is None
    assert len(jobs.submitted()) == 1


def test_jobs_outlive_a_triggerer_that_was_killed(
    jobs: Any, airflow: RealAirflow, until: Callable[..., None]
):
    run = jobs.start("e2e_wait", 3)
    until(run.deferred, 3)

    assert airflow.kill("triggerer") != []
    assert airflow.pids("triggerer") == []
    jobs.finish()
    airflow.start("triggerer")

    run.succeed()
    assert len(jobs.submitted()) == 3
