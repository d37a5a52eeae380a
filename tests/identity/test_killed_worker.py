"""A worker process that really dies (no cleanup, no exception): its job is found again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import FakeStateStore
from tests.identity.test_jobs_bought import FOREVER, Life

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("step", "store"), [("submit", True), ("submit", False), ("save", True), ("defer", True)]
)
def test_the_retry_of_a_worker_killed_at_any_step_gets_its_job_back(aws, tmp_path, step, store):
    aws.settings.duration = FOREVER
    kept = tmp_path / "store.json"
    ended = subprocess.run(
        [sys.executable, "-m", "tests.identity.worker", step, str(kept)],
        cwd=ROOT,
        env={**os.environ, **aws.environ()},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert ended.returncode == 9, ended.stderr[-2000:]
    assert len(aws.jobs()) == 1
    life = Life(aws, store=store)
    if store:
        life.run.store = FakeStateStore(json.loads(kept.read_text()))
    life.run.tries = 1
    life.submits_only()
    assert [job.arn for job in aws.jobs()] == [life.run.ti.xcoms["bda_job"]["handle"]["invocationArn"]]
