"""Airflow as it is run for real: Celery over Redis, PostgreSQL, two workers, two triggerers; each part dies under load.

Documents one by one, a batch in the triggerer and a batch on a worker are under way meanwhile: each document is bought once.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from airflow_provider_bda.emulator import Fault
from demo.airflow_rest import AirflowApiError
from tests.e2e.batches import Batch
from tests.e2e.cluster import TRIGGERERS, WORKERS, Cluster, cluster
from tests.e2e.conftest import Jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.emulator import Emulator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

#: How many die; more by ``make chaos``.
KILLS = int(os.environ.get("BDA_CLUSTER_KILLS", "4"))
SINGLE = 2 * KILLS
IN_A_BATCH = 10 * KILLS
#: Seconds for all of it, whatever dies.
LIMIT = 300.0 + 90.0 * KILLS
DATABASE = "the database"


@pytest.fixture(scope="module")
def many(aws: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    dags = Path(__file__).parent / "dags"
    with cluster(tmp_path_factory.mktemp("cluster"), dags) as running:
        running.airflow.rest.add_connection("aws_default", **aws.connection())
        for dag_id in ("e2e_survive", "e2e_queue", "e2e_batch", "e2e_batch_on_worker"):
            running.airflow.rest.wait_for_dag(dag_id)
        yield running


@pytest.fixture
def bad_day(rough: Emulator) -> Emulator:
    """The emulator, which throttles, breaks and loses answers now and then."""
    for fault in (
        Fault(error="ThrottlingException", probability=0.1, times=None),
        Fault(operation="InvokeDataAutomationAsync", lose_answer=True, probability=0.05, times=None),
        Fault(operation="s3:*", error="InternalError", status=500, probability=0.01, times=None),
    ):
        rough.fault(fault)
    return rough


def patient(look: Callable[[], Any]) -> Any:
    """Answer what the api-server says; None while it cannot."""
    try:
        return look()
    except (AirflowApiError, httpx.HTTPError):
        return None


def test_each_document_is_bought_once_whichever_part_dies(
    many: Cluster, bad_day: Emulator, say: Callable[[str], None]
):
    seed = random.randrange(1_000_000)
    say(f"seed {seed}")
    chance = random.Random(seed)
    rest = many.airflow.rest
    single, queued = (Jobs(many.airflow, bad_day) for _ in range(2))
    runs = [single.start("e2e_survive", SINGLE), queued.start("e2e_queue", SINGLE)]
    batches = [
        Batch(Jobs(many.airflow, bad_day), dag_id, IN_A_BATCH)
        for dag_id in ("e2e_batch", "e2e_batch_on_worker")
    ]
    all_of_them = [(run.dag_id, run.run_id) for run in (*runs, *batches)]

    def states() -> list[str]:
        return [patient(lambda run=run: rest.run_state(*run)) for run in all_of_them]

    # One clock for all of them.
    work = batches[0].let_time_pass
    victims = [*WORKERS, *TRIGGERERS]
    chance.shuffle(victims)
    plan = [victims[number % len(victims)] for number in range(KILLS)]
    plan.insert(len(plan) // 2, DATABASE)
    deadline = time.monotonic() + LIMIT
    killed = 0
    for victim in plan:
        work(chance.uniform(4.0, 12.0))
        say(f"{time.monotonic():.0f}: {victim} dies; {states()}")
        if victim == DATABASE:
            many.database.crash()
            work(chance.uniform(1.0, 8.0))
            many.database.start()
        else:
            # It may have ended by itself, of the database.
            killed += bool(many.airflow.kill(victim))
            # Long enough at times that the others must do without it.
            work(chance.uniform(0.0, 15.0))
        say(f"started again: {many.revive()}")
    while not set(seen := states()) <= {"success", "failed"}:
        assert time.monotonic() < deadline, seen
        work(2.0)
        if ended := many.revive():
            say(f"ended by themselves: {ended}")

    assert killed >= KILLS - len(TRIGGERERS)
    for run in runs:
        run.succeed()
        bought = {job.input_uri: job.arn for job in run.jobs.submitted()}
        assert len(run.jobs.submitted()) == len(bought) == SINGLE
        assert {rest.xcom(task)["invocation_arn"] for task in run.tasks()} == set(bought.values())
    for batch in batches:
        batch.assert_each_once(batch.succeed())


def test_a_tasks_queue_is_its_triggers_queue(many: Cluster, bad_day: Emulator):
    """After the test above, or before it: whoever watched a task of the queue was the triggerer that serves it."""
    jobs = Jobs(many.airflow, bad_day)
    run = jobs.start("e2e_queue", 2)
    deadline = time.monotonic() + LIMIT
    while patient(lambda: many.airflow.rest.run_state(run.dag_id, run.run_id)) not in {"success", "failed"}:
        assert time.monotonic() < deadline
        many.revive()
        bad_day.clock.advance(1.0)
        time.sleep(0.25)
    run.succeed()
    watched = many.airflow.logs_folder.rglob("*.trigger.*.log")
    ids = {int(log.name.split(".")[-2]) for log in watched if "dag_id=e2e_queue" in str(log)}
    assert ids
    assert ids <= many.triggerer_ids["triggerer-2"], many.triggerer_ids
