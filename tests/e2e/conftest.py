"""One emulator and one real Airflow for all end-to-end tests of a session."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

BUCKET = "bda-e2e"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
#: Fewer worker slots than any test defers tasks.
PARALLELISM = 2
#: A component that was killed is missed within seconds, not after Airflow's half a minute or five.
QUICK_TO_MISS = {
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}


@pytest.fixture(scope="session")
def aws() -> Iterator[Emulator]:
    """An emulator whose time stands still: its jobs end when a test says so."""
    from airflow_provider_bda.emulator import Emulator, ManualClock, Settings

    with Emulator(Settings(duration=60.0), clock=ManualClock()) as emulator:
        emulator.client("s3").create_bucket(Bucket=BUCKET)
        bda = emulator.client("bedrock-data-automation")
        bda.create_data_automation_project(projectName="e2e", standardOutputConfiguration={})
        yield emulator


@pytest.fixture(scope="session")
def airflow(aws: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    """A real Airflow with the Dags beside this file, connected to the emulator through its database."""
    from demo.airflow_process import RealAirflow

    home = tmp_path_factory.mktemp("airflow")
    with RealAirflow(
        home, Path(__file__).parent / "dags", parallelism=PARALLELISM, env=QUICK_TO_MISS, progress=print
    ) as running:
        running.rest.add_connection("aws_default", **aws.connection())
        running.rest.add_pool("bda_small", 3)
        for dag_id in (
            "e2e_wait",
            "e2e_pool",
            "e2e_survive",
            "e2e_batch",
            "e2e_batch_on_worker",
            "e2e_sensor",
            "e2e_quick",
        ):
            running.rest.wait_for_dag(dag_id)
        yield running
    assert running.processes() == []


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        reason = "there is no chromium (apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield running
        running.close()


class Jobs:
    """Runs of an end-to-end Dag on documents of their own."""

    def __init__(self, airflow: RealAirflow, aws: Emulator) -> None:
        self.airflow = airflow
        self.aws = aws
        self.prefix = uuid.uuid4().hex[:8]

    def start(self, dag_id: str, count: int) -> Run:
        """Start a run with ``count`` text documents."""
        documents = [self._put(number) for number in range(count)]
        conf = {"documents": documents, "output_s3_uri": f"s3://{BUCKET}/out/{self.prefix}"}
        return Run(self, dag_id, self.airflow.rest.trigger(dag_id, conf))

    def submit(self, number: int) -> str:
        """Submit a job without Airflow and answer its ARN."""
        project = f"arn:aws:bedrock:{self.aws.region}:aws:data-automation-project/public-default"
        answer = self.aws.client("bedrock-data-automation-runtime").invoke_data_automation_async(
            inputConfiguration={"s3Uri": self._put(number)},
            outputConfiguration={"s3Uri": f"s3://{BUCKET}/out/{self.prefix}"},
            dataAutomationConfiguration={"dataAutomationProjectArn": project},
            dataAutomationProfileArn=self.aws.profile_arn,
        )
        return str(answer["invocationArn"])

    def _put(self, number: int) -> str:
        key, text = f"in/{self.prefix}/{number}.txt", f"Document {number} of {self.prefix}"
        self.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=text.encode())
        return f"s3://{BUCKET}/{key}"

    def submitted(self) -> list[Any]:
        """Answer the jobs the emulator has of this test's documents."""
        return [job for job in self.aws.jobs() if f"/{self.prefix}/" in job.input_uri]

    def finish(self) -> None:
        """Let time pass at the service: every job that runs ends."""
        self.aws.clock.advance(61.0)


class Run:
    """One run."""

    def __init__(self, jobs: Jobs, dag_id: str, run_id: str) -> None:
        self.jobs = jobs
        self.dag_id = dag_id
        self.run_id = run_id
        self.rest = jobs.airflow.rest

    def tasks(self) -> list[dict[str, Any]]:
        """Answer the mapped task instances."""
        found = self.rest.task_instances(self.dag_id, self.run_id, "extract")
        return [task for task in found if task["map_index"] >= 0]

    def deferred(self) -> int:
        """Count the tasks that are deferred and done with their worker, also in the scheduler's eyes.

        Airflow (3.1.8, 3.3.2) marks a task failed when its trigger fires before the scheduler has read that the
        worker is through with it, which takes seconds. No test of ours is about that, so none walks into it.
        """
        ended = re.compile(rf"Received executor event .*task_id='extract', run_id='{re.escape(self.run_id)}'")
        log = (self.jobs.airflow.output_folder / "scheduler.log").read_text(errors="replace")
        states = self.states()
        # Twice for each that succeeded: its worker ended when it deferred and when it was resumed.
        through = len(ended.findall(log)) - 2 * states.count("success")
        return min(states.count("deferred"), through)

    def states(self) -> list[str | None]:
        """Answer the states of the mapped task instances."""
        return [task["state"] for task in self.tasks()]

    def wait(self) -> str:
        """Wait for the run's end."""
        return self.rest.wait_for_run(self.dag_id, self.run_id, timeout=240.0)

    def succeed(self) -> None:
        """Wait for the run's success; what failed shows with its log."""
        if (state := self.wait()) != "success":
            logs = [self.rest.log(task) for task in self.tasks() if task["state"] == "failed"]
            pytest.fail("\n\n".join([f"the run is {state}: {self.states()}", *logs]))


@pytest.fixture
def jobs(airflow: RealAirflow, aws: Emulator) -> Jobs:
    return Jobs(airflow, aws)


@pytest.fixture
def rough(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """The emulator on a bad day: throttling 10 %, lost answers 2 %, 5xx 2 %, S3 errors 1 %; jobs of uneven length."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_E2E", json.dumps(aws.connection()))
    before = aws.settings.duration
    dice = random.Random(5)
    aws.settings.duration = lambda job: dice.uniform(4.0, 16.0)
    yield aws
    aws.settings.duration = before
    aws.clear_faults()


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait for a condition, with a deadline and the last look in the failure."""

    def wait(look: Callable[[], Any], wanted: Any, timeout: float = 180.0) -> None:
        deadline = time.monotonic() + timeout
        while (seen := look()) != wanted:
            if time.monotonic() > deadline:
                pytest.fail(f"after {timeout:.0f} s: {seen!r}, wanted {wanted!r}")
            time.sleep(0.3)

    return wait


@pytest.fixture
def say() -> Callable[[str], None]:
    """Print a line that pytest shows when the test fails."""
    return print
