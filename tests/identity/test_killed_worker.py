"""A worker process that really dies (no cleanup, no exception): its job is found again where it can be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import FakeStateStore
from tests.identity.scenarios import SCENARIOS
from tests.identity.test_jobs_bought import FOREVER, Life
from tests.samples import SAMPLES

ROOT = Path(__file__).parents[2]
#: What the table calls a death after a step.
LINES = {
    "submit": "died_after_submit",
    "save": "died_after_save",
    "defer": "died_before_defer",
}
DEATHS = [("submit", True), ("submit", False), ("save", True), ("defer", True)]


@pytest.fixture(scope="module")
def workers(running_emulator):
    """A process that forks workers: Airflow is imported once."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.identity.worker"],
        cwd=ROOT,
        env={**os.environ, **running_emulator.environ()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


def killed(workers, *order):
    """Let a worker begin a try and die; answer its exit code."""
    workers.stdin.write(json.dumps(order) + "\n")
    workers.stdin.flush()
    for line in workers.stdout:
        if line.strip().lstrip("-").isdigit():
            return int(line)
    raise AssertionError("the process that forks the workers has ended")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize(("step", "store"), DEATHS)
def test_the_retry_of_a_worker_killed_at_any_step_gets_its_job_back(
    aws, workers, tmp_path, name, step, store
):
    kept = tmp_path / "store.json"
    life = Life(aws, SAMPLES[name], store=store)
    aws.settings.duration = FOREVER
    assert killed(workers, name, step, str(kept)) == 9
    assert len(life.jobs) == 1
    if store:
        life.run.store = FakeStateStore(json.loads(kept.read_text()))
    life.run.tries = 1
    life.submits_only()
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == LINES[step])
    assert len(life.jobs) == scenario.bought(life.kind, store=store, remembered=True)
    if len(life.jobs) == 1 and not life.kind.gone_is_success:  # what is gone is left alone
        handle = life.run.ti.xcoms["bda_job"]["handle"]
        assert any(value.endswith(life.jobs[0].id) for value in handle.values())
