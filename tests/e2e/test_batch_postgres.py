"""Two triggerers on one batch at once, on PostgreSQL: the same result, and nothing is bought twice.

Airflow gives a triggerer's work to another when its heartbeat is missed. The first may still be at it: its supervisor
hangs while its triggers run, or all of it was held up and goes on where it was.
"""

from __future__ import annotations

import json
import signal
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from airflow_provider_bda.aws import split_s3_uri
from tests.e2e.batches import Batch
from tests.e2e.conftest import QUICK_TO_MISS, Jobs
from tests.e2e.postgres import postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

#: The service's, which the window is twice of.
SLOTS = 25
#: The last of them are left when all has been stopped and taken up again.
DOCUMENTS = 7 * SLOTS
FIRST, SECOND = "triggerer", "triggerer-2"


@pytest.fixture(scope="module")
def on_postgres(aws: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    """A real Airflow whose database is PostgreSQL."""
    from demo.airflow_process import Component, RealAirflow, free_ports

    spare = {"AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_ports(1)[0])}
    with postgres() as database:
        env = {**QUICK_TO_MISS, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url}
        home = tmp_path_factory.mktemp("airflow-pg")
        dags = Path(__file__).parent / "dags"
        more = {SECOND: Component(("triggerer",), spare)}
        with RealAirflow(home, dags, parallelism=1, env=env, more=more, progress=print) as running:
            running.rest.add_connection("aws_default", **aws.connection())
            running.rest.wait_for_dag("e2e_batch")
            yield running
        assert running.processes() == []


def writers(batch: Batch) -> dict[str, list[int]]:
    """Answer the engines that wrote to the batch's ledger, and when (milliseconds)."""
    bucket, prefix = split_s3_uri(f"{batch.conf['output_s3_uri']}/_batches/")
    pages = batch.aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = defaultdict(list)
    for key in (entry["Key"] for page in pages for entry in page.get("Contents", ())):
        if "/ledger/" in key:
            moment, writer, _ = key.rsplit("/", 1)[-1].split("-")
            found[writer].append(int(moment))
    return found


def overlaps(moments: dict[str, list[int]]) -> int:
    """Count the pairs of engines of which each wrote before the other was through."""
    spans = [(min(times), max(times)) for times in moments.values()]
    return sum(
        one[0] <= other[1] and other[0] <= one[1]
        for number, one in enumerate(spans)
        for other in spans[:number]
    )


@pytest.fixture
def still(rough: Emulator) -> Emulator:
    """The emulator, whose time stands still again: jobs end when the test says so."""
    rough.settings.duration = 8.0
    return rough


def test_two_triggerers_on_one_batch_buy_every_document_once(
    on_postgres: RealAirflow, still: Emulator, until: Callable[..., None], say: Callable[[str], None]
):
    airflow = on_postgres
    batch = Batch(Jobs(airflow, still), "e2e_batch", DOCUMENTS)

    def holder() -> Any:
        return (batch.task["triggerer_job"] or {}).get("id")

    def works(triggerer: int) -> bool:
        """Tell whether an engine of a triggerer's has told of itself since its trigger started last."""
        logs = airflow.logs_folder.rglob(f"*.trigger.{triggerer}.log")
        return any("documents done" in log.read_text().rpartition(" starting")[2] for log in logs)

    def takes_over(before: int) -> int:
        until(lambda: holder() not in {None, before}, wanted=True)
        after = int(holder())
        until(lambda: works(after), wanted=True)
        say(f"triggerer {after} works, {len(batch.bought())} jobs bought")
        return after

    def a_slotful_ends() -> None:
        bought = len(batch.bought())
        still.clock.advance(9.0)
        until(lambda: len(batch.bought()) >= bought + SLOTS, wanted=True)

    until(lambda: len(batch.bought()), wanted=2 * SLOTS)
    first = holder()
    # Its heart stops, but its triggers run: from here on nobody can tell it to stop.
    supervisor = psutil.Process(*airflow.pids(FIRST))
    supervisor.suspend()
    try:
        airflow.start(SECOND)
        second = takes_over(first)
        # Both wait for the same jobs, see them end, and go for the same documents.
        a_slotful_ends()
        until(lambda: overlaps(writers(batch)), wanted=1)
        a_slotful_ends()
    finally:
        supervisor.resume()
    # All of it is held up, in the midst of whatever it does, and wakes when the other has gone on without it.
    airflow.kill(SECOND, signal.SIGSTOP)
    try:
        assert takes_over(second) == first
        a_slotful_ends()
    finally:
        airflow.kill(SECOND, signal.SIGCONT)
    result = batch.succeed()
    batch.assert_each_once(result)
    seen = writers(batch)
    say(f"{len(seen)} engines wrote, {overlaps(seen)} pairs of them at once")
    assert len(seen) == 3
    bucket, key = split_s3_uri(f"{result['batch_s3_uri']}/summary.json")
    summary = json.loads(still.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    told = {name: summary[name] for name in ("succeeded", "failed", "rejected", "jobs_submitted")}
    assert told == {"succeeded": DOCUMENTS, "failed": 0, "rejected": 0, "jobs_submitted": DOCUMENTS}
