"""A batch in a real Airflow: every document is bought once, whatever is killed; marked failed, it stops, and goes on."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from airflow_provider_bda.batch import iter_results
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.hooks.base import BdaBaseHook
from tests.e2e.conftest import BUCKET
from tests.pdf import a_pdf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

#: The whole of it takes a quarter of an hour: BDA_KILLS=20 BDA_DOCUMENTS=200.
DOCUMENTS = int(os.environ.get("BDA_DOCUMENTS", "40"))
KILLS = int(os.environ.get("BDA_KILLS", "3"))
SUBMIT = "InvokeDataAutomationAsync"
LIMIT = 600.0


class Batch:
    """One run of a batch Dag on documents of its own."""

    def __init__(self, jobs: Any, dag_id: str, documents: int) -> None:
        self.jobs, self.dag_id, self.documents = jobs, dag_id, documents
        self.aws, self.rest = jobs.aws, jobs.airflow.rest
        s3 = self.aws.client("s3")
        for number in range(documents):
            s3.put_object(Bucket=BUCKET, Key=f"in/{jobs.prefix}/{number:04d}.pdf", Body=a_pdf(number))
        self.conf = {
            "source": f"s3://{BUCKET}/in/{jobs.prefix}/",
            "output_s3_uri": f"s3://{BUCKET}/out/{jobs.prefix}",
        }
        self.run_id = self.rest.trigger(dag_id, self.conf)

    @property
    def task(self) -> dict[str, Any]:
        (task,) = self.rest.task_instances(self.dag_id, self.run_id, "extract")
        return dict(task)

    def bought(self) -> list[Any]:
        """Answer the jobs of this batch."""
        return list(self.jobs.submitted())

    def let_time_pass(self, seconds: float) -> None:
        """Let the service's time pass with ours, only faster."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.aws.clock.advance(1.0)
            time.sleep(0.25)

    def wait_until(self, look: Callable[[], bool], what: str) -> None:
        """Wait for something while the service works."""
        end = time.monotonic() + LIMIT
        while not look():
            if time.monotonic() > end:
                pytest.fail(
                    f"after {LIMIT:.0f} s not {what}: {self.task['state']}, {len(self.bought())} jobs"
                )
            self.let_time_pass(0.5)

    def succeed(self) -> dict[str, Any]:
        """Wait for the task's success; answer what it returned."""
        self.wait_until(lambda: self.task["state"] in {"success", "failed"}, "ended")
        if self.task["state"] != "success":
            pytest.fail(str(self.rest.log(self.task)))
        return dict(self.rest.xcom(self.task, "return_value"))

    def assert_each_once(self, result: dict[str, Any]) -> None:
        """Every document has one job that succeeded, and no other but what the service broke on."""
        broken = [job for job in self.bought() if job.status == "ServiceError"]
        assert result["succeeded"] == result["total"] == self.documents
        assert result["jobs_submitted"] == len(self.bought()) == self.documents + len(broken)
        hook = BdaBaseHook(aws_conn_id="aws_e2e")
        rows = list(iter_results(result["batch_s3_uri"], hook=hook))
        assert Counter(row.status for row in rows) == {"succeeded": self.documents}
        by_arn = {job.arn: job for job in self.bought()}
        assert all(by_arn[row.invocation_arn].input_uri == row.input_s3_uri for row in rows)
        assert len({row.document_id for row in rows}) == self.documents


@pytest.fixture
def rough(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The emulator on a bad day: throttling 10 %, lost answers 2 %, 5xx 2 %, S3 errors 1 %; jobs of uneven length."""
    import json

    monkeypatch.setenv("AIRFLOW_CONN_AWS_E2E", json.dumps(aws.connection()))
    before = aws.settings.duration
    dice = random.Random(5)
    aws.settings.duration = lambda job: dice.uniform(4.0, 16.0)
    yield aws
    aws.settings.duration = before
    aws.clear_faults()


def spoil(aws: Emulator, prefix: str) -> None:
    aws.fault(Fault(operation=SUBMIT, error="ThrottlingException", probability=0.1, seed=1))
    aws.fault(Fault(operation=SUBMIT, lose_answer=True, probability=0.02, seed=2))
    aws.fault(Fault(operation="*DataAutomation*", error="InternalServerException", probability=0.02, seed=3))
    aws.fault(Fault(operation="s3:*", error="InternalError", status=500, probability=0.01, seed=4))
    aws.fault(Fault(input_uri=f"*/{prefix}/*", job_status="ServiceError", probability=0.02, seed=5))


def test_the_triggerer_is_killed_at_random_and_every_document_is_bought_once(
    jobs: Any, airflow: RealAirflow, rough: Emulator, say: Callable[[str], None]
):
    seed = random.randrange(1_000_000)
    say(f"seed {seed}")
    chance = random.Random(seed)
    batch = Batch(jobs, "e2e_batch", DOCUMENTS)
    spoil(rough, jobs.prefix)
    batch.wait_until(lambda: len(batch.bought()) > 0, "submitting")
    for number in range(KILLS):
        batch.let_time_pass(chance.uniform(0.0, 6.0))
        if batch.task["state"] != "deferred":
            say(f"the batch was through after {number} kills")
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
    batch = Batch(jobs, "e2e_batch_on_worker", DOCUMENTS // 2)
    spoil(rough, jobs.prefix)
    for number in range(max(KILLS // 2, 1)):
        bought = len(batch.bought())
        batch.wait_until(
            lambda bought=bought: len(batch.bought()) > bought or batch.task["state"] == "success",
            "submitting",
        )
        batch.let_time_pass(chance.uniform(0.0, 3.0))
        task = batch.task
        if task["state"] != "running" or not task["pid"]:
            say(f"the batch was {task['state']} after {number} kills")
            break
        worker = psutil.Process(task["pid"])
        worker.kill()
        psutil.wait_procs([worker], timeout=10)
        say(f"kill {number + 1}: {len(batch.bought())} jobs bought")
    batch.assert_each_once(batch.succeed())


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
