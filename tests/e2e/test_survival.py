"""Twenty documents through a real Airflow whose triggerer and workers are killed: each is bought once, none is lost."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from airflow_provider_bda.emulator import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

DOCUMENTS = 20
TRIGGERERS_KILLED = 5
#: Tasks whose worker is killed while the answer of its submit is on its way.
WORKERS_KILLED = 4
SUBMIT = "InvokeDataAutomationAsync"
#: Seconds such an answer takes: the kill must come before it, on a slow machine too.
ANSWER_TAKES = 20.0


@pytest.fixture
def pace(aws: Emulator) -> Iterator[Emulator]:
    """The emulator, whose settings and faults a test may change."""
    duration = aws.settings.duration
    yield aws
    aws.settings.duration = duration
    aws.clear_faults()


def number_of(job: Any) -> int:
    """Answer which document a job is about."""
    return int(job.input_uri.rsplit("/", 1)[-1].removesuffix(".txt"))


def kill_worker_of(task: dict[str, Any], *, with_supervisor: bool) -> None:
    """Kill the process that runs a task instance and, if asked, the executor's process that watches over it."""
    running = psutil.Process(task["pid"])
    victims = [running.parent(), running] if with_supervisor else [running]
    for victim in victims:
        victim.kill()
    psutil.wait_procs([running], timeout=10)


def test_every_document_is_bought_once_whatever_is_killed(
    jobs: Any, airflow: RealAirflow, pace: Emulator, until: Callable[..., None], say: Callable[[str], None]
):
    seed = random.randrange(1_000_000)
    say(f"seed {seed}")
    chance = random.Random(seed)
    victims = chance.sample(range(DOCUMENTS), WORKERS_KILLED)
    # Some jobs end before each death of the triggerer, and some after the last.
    pace.settings.duration = lambda job: (
        60.0 * (number_of(job) % (TRIGGERERS_KILLED + 1)) + chance.uniform(1, 59)
    )
    for number in victims:
        uri = f"*/{jobs.prefix}/{number}.txt"
        pace.fault(Fault(operation=SUBMIT, input_uri=uri, latency=ANSWER_TAKES, times=1))
    run = jobs.start("e2e_survive", DOCUMENTS)

    left = list(victims)

    def waiting() -> int:
        return run.states().count("deferred")

    def kill_those_that_submitted() -> list[int]:
        bought = {number_of(job) for job in jobs.submitted()}
        for number in bought.intersection(left):
            # The first as if its machine died, the others as if it were out of memory.
            kill_worker_of(run.tasks()[number], with_supervisor=len(left) == WORKERS_KILLED)
            left.remove(number)
            say(f"document {number}: its worker was killed")
        return left

    until(kill_those_that_submitted, [], timeout=300.0)
    until(waiting, DOCUMENTS, timeout=300.0)
    assert len(jobs.submitted()) == DOCUMENTS

    for death in range(TRIGGERERS_KILLED):
        before = waiting()
        pace.clock.advance(60.0)
        busy = (
            death % 2 == 0
        )  # it is killed while it answers; else at any moment, perhaps before it has taken over
        if busy:
            until(lambda before=before: waiting() < before, wanted=True)
        pause = chance.uniform(0.0, 1.0 if busy else 8.0)
        time.sleep(pause)
        assert airflow.kill("triggerer") != []
        say(f"the triggerer was killed after {pause:.1f} s: {Counter(run.states())}")
        airflow.start("triggerer")

    pace.clock.advance(120.0)
    run.succeed()
    bought = {job.input_uri: job.arn for job in jobs.submitted()}
    assert len(jobs.submitted()) == len(bought) == DOCUMENTS
    found = {airflow.rest.xcom(task)["invocation_arn"] for task in run.tasks()}
    assert found == set(bought.values())
    submits = Counter(call.parameters["inputConfiguration"]["s3Uri"] for call in pace.calls(SUBMIT))
    # No killed worker heard of its job, so each asked for it again.
    prefix = next(iter(bought)).rsplit("/", 1)[0]
    assert all(submits[f"{prefix}/{number}.txt"] > 1 for number in victims)
