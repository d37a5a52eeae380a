"""A sensor that begins and ends in the triggerer takes no worker; a mapped one begins on a worker, as Airflow has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bda._compat import CAN_START_FROM_TRIGGER

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.mark.skipif(not CAN_START_FROM_TRIGGER, reason="Airflow before 3.3 never acts on it")
def test_a_sensor_that_starts_and_ends_in_the_triggerer_takes_no_worker(
    jobs: Any, airflow: RealAirflow, aws: Emulator, until: Callable[..., None]
):
    arns = [jobs.submit(number) for number in range(2)]
    run_id = airflow.rest.trigger("e2e_sensor", {"invocation_arns": arns})

    def sensors() -> list[dict[str, Any]]:
        found = airflow.rest.task_instances("e2e_sensor", run_id)
        return [task for task in found if task["task_id"] == "alone" or task["map_index"] >= 0]

    until(lambda: [task["state"] for task in sensors()], ["deferred"] * 3)
    jobs.finish()

    assert airflow.rest.wait_for_run("e2e_sensor", run_id) == "success"
    alone, *mapped = sensors()
    assert (alone["hostname"], alone["pid"]) == ("", None)
    assert airflow.rest.xcom(alone)["invocation_arn"] == arns[0]
    assert all(task["hostname"] and task["pid"] for task in mapped)
    assert [airflow.rest.xcom(task)["invocation_arn"] for task in mapped] == arns
