"""A batch in a real Airflow: every document is bought once, whatever is killed; marked failed, it stops, and goes on."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from airflow_provider_bda.emulator import Fault
from tests.e2e.batches import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

#: The whole of it takes a quarter of an hour: BDA_KILLS=20 BDA_DOCUMENTS=200.
WHOLE = "BDA_KILLS" in os.environ
DOCUMENTS = int(os.environ.get("BDA_DOCUMENTS", "40"))
KILLS = int(os.environ.get("BDA_KILLS", "3"))
SUBMIT = "InvokeDataAutomationAsync"


def spoil(aws: Emulator, prefix: str) -> None:
    aws.fault(Fault(operation=SUBMIT, error="ThrottlingException", probability=0.1, seed=1))
    aws.fault(Fault(operation=SUBMIT, lose_answer=True, probability=0.02, seed=2))
    aws.fault(Fault(operation="*DataAutomation*", error="InternalServerException", probability=0.02, seed=3))
    aws.fault(Fault(operation="s3:*", error="InternalError", status=500, probability=0.01, seed=4))
    aws.fault(Fault(input_uri=f"*/{prefix}/*", job_status="ServiceError", probability=0.02, seed=5))


def last_long_enough(aws: Emulator, seed: int, factor: float) -> None:
    """Have jobs that take so long that the batch outlives all the kills, if all are wanted."""
    if WHOLE:
        dice = random.Random(seed)
        aws.settings.duration = lambda job: dice.uniform(30.0, 110.0) * factor


def test_the_triggerer_is_killed_at_random_and_every_document_is_bought_once(
    jobs: Any, airflow: RealAirflow, rough: Emulator, say: Callable[[str], None]
):
    seed = random.randrange(1_000_000)
    say(f"seed {seed}")
    chance = random.Random(seed)
    last_long_enough(rough, seed, 1.0)
    batch = Batch(jobs, "e2e_batch", DOCUMENTS)
    spoil(rough, jobs.prefix)
    batch.wait_until(lambda: len(batch.bought()) > 0, "submitting")
    for number in range(KILLS):
        batch.let_time_pass(chance.uniform(0.0, 6.0))
        if batch.task["state"] != "deferred":
            say(f"the batch was through after {number} kills")
            assert not WHOLE
            break
        assert airflow.kill("triggerer") != []
        say(f"kill {number + 1}: {len(batch.bought())} jobs bought")
        airflow.start("triggerer")
        # Without this the next one may die before it has taken over, which tests nothing.
        last = len(rough.calls())
        batch.wait_until(
            lambda last=last: len(rough.calls()) > last + 5 or batch.task["state"] != "deferred", "taken over"
        )
    batch.assert_each_once(batch.succeed())


def test_the_worker_is_killed_at_random_and_every_document_is_bought_once(
    jobs: Any, rough: Emulator, say: Callable[[str], None]
):
    seed = random.randrange(1_000_000)
    say(f"seed {seed}")
    chance = random.Random(seed)
    last_long_enough(rough, seed, 2.0)
    batch = Batch(jobs, "e2e_batch_on_worker", DOCUMENTS if WHOLE else DOCUMENTS // 2)
    spoil(rough, jobs.prefix)
    killed: list[int] = []
    batch.wait_until(lambda: len(batch.bought()) > 0, "submitting")
    while len(killed) < (KILLS if WHOLE else 1):
        batch.let_time_pass(chance.uniform(0.0, 3.0))
        task = batch.task
        if task["state"] in {"success", "failed"}:
            break
        # Its state is the old one's until Airflow has noticed that it died.
        if task["state"] != "running" or task["pid"] in {None, *killed}:
            continue
        killed.append(task["pid"])
        worker = psutil.Process(task["pid"])
        worker.kill()
        psutil.wait_procs([worker], timeout=10)
        say(f"kill {len(killed)}: {len(batch.bought())} jobs bought")
        last = len(rough.calls())
        batch.wait_until(
            lambda last=last: len(rough.calls()) > last + 5 or batch.task["state"] in {"success", "failed"},
            "taken up again",
        )
    batch.assert_each_once(batch.succeed())
    assert len(killed) == KILLS or not WHOLE


def test_marked_failed_it_stops_within_seconds_and_a_clear_goes_on(jobs: Any, rough: Emulator):
    rough.settings.duration = 60.0
    batch = Batch(jobs, "e2e_batch", 70)
    batch.wait_until(lambda: len(batch.bought()) >= 50, "filling its window")
    log = batch.rest.log(batch.task)
    assert "documents may go" in log
    batch.rest.mark(batch.task, "failed")
    time.sleep(5.0)
    at_rest = len(batch.bought())
    rough.clock.advance(61.0)
    time.sleep(5.0)
    assert len(batch.bought()) == at_rest <= 50
    rough.settings.duration = 5.0
    batch.rest.clear(batch.dag_id, batch.run_id, "extract")
    batch.wait_until(lambda: len(batch.bought()) > at_rest, "going on")
    batch.assert_each_once(batch.succeed())
