"""An Airflow of more than one machine's parts, on this one: CeleryExecutor over Redis, PostgreSQL, two workers, two triggerers.

Each part can be killed; somebody then starts it again, as Kubernetes or systemd would.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from demo.airflow_process import COMPONENTS, AirflowProcessError, Component, RealAirflow, free_ports
from tests.e2e.conftest import QUICK_TO_MISS
from tests.e2e.postgres import Postgres, missing, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS = ("worker-1", "worker-2")
TRIGGERERS = ("triggerer", "triggerer-2")
#: Where a task's queue is this, its trigger belongs to the second triggerer alone.
QUEUE = "documents"
SLOTS_OF_A_WORKER = 2
#: Airflow's own pauses before it misses what a killed worker had been given, ten minutes and a day by default.
QUICK_TO_GIVE_AGAIN = {
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "60",
}


@dataclass
class Cluster:
    """What runs.

    :param triggerer_ids: the ids that Airflow has given to each triggerer, one for each of its lives.
    """

    airflow: RealAirflow
    database: Postgres
    triggerer_ids: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in TRIGGERERS})

    def start(self, *names: str) -> None:
        """Start parts, one after another, and take down who they are."""
        for name in names:
            before = self._living()
            self.airflow.start(name)
            if name in TRIGGERERS:
                self.triggerer_ids[name] |= self._living() - before

    def revive(self) -> list[str]:
        """Start again what has ended by itself; answer what that was."""
        dead = [name for name in (*COMPONENTS, *TRIGGERERS[1:], *WORKERS) if not self.airflow.pids(name)]
        self.start(*dead)
        return dead

    def _living(self) -> set[int]:
        with suppress(Exception):  # before the api-server answers there is nobody to ask, nor any triggerer
            return {int(job["id"]) for job in self.airflow.rest.living("TriggererJob")}
        return set()


@contextmanager
def cluster(home: Path, dags: Path) -> Iterator[Cluster]:
    """Run it while the ``with`` block lasts; without the programs for it, skip."""
    with postgres() as database, _redis(home / "redis") as broker:
        env = {
            **QUICK_TO_MISS,
            **QUICK_TO_GIVE_AGAIN,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.url,
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(SLOTS_OF_A_WORKER),
            "AIRFLOW__TRIGGERER__QUEUES_ENABLED": "True",
        }
        queues = {"triggerer": "default", "triggerer-2": f"default,{QUEUE}"}
        more = {name: _triggerer(served) for name, served in queues.items()}
        more |= {name: _worker(name, home) for name in WORKERS}
        running = RealAirflow(home, dags, parallelism=32, env=env, more=more, progress=print)
        with running:
            found = Cluster(running, database)
            found.triggerer_ids["triggerer"] |= found._living()
            found.start("triggerer-2", *WORKERS)
            yield found
        if left := running.processes():
            raise AirflowProcessError(f"still there: {left}")


def _triggerer(queues: str) -> Component:
    port = free_ports(1)[0]
    return Component(
        ("triggerer", "--queues", queues), {"AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(port)}
    )


def _worker(name: str, home: Path) -> Component:
    # Without a line to each other they cannot wait for each other when one has been killed.
    quiet = ("--skip-serve-logs", "--without-gossip", "--without-mingle")
    who = ("--celery-hostname", f"{name}@%h", "--pid", str(home / f"{name}.pid"))
    return Component(("celery", "worker", "--queues", f"default,{QUEUE}", *quiet, *who), ready=" ready.")


@contextmanager
def _redis(home: Path) -> Iterator[str]:
    """Run a Redis of our own; answer its URL."""
    if (program := shutil.which("redis-server")) is None:
        missing("Redis", "redis-server")
    home.mkdir(parents=True)
    (port,) = free_ports(1)
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    with (home / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def _wait_for(port: int, timeout: float = 30.0) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
