"""A real Airflow and the emulator, each in processes of its own, and the CPU time of Airflow's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from demo.airflow_process import COMPONENTS, RealAirflow

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DAGS = Path(__file__).parent / "dags"
DAG_IDS = ("ours", "peer", "witness")
#: A machine so busy that Airflow answers late is told by the figures, not by a task that fails.
PATIENT = {
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "100",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "1800",
}
#: What a user pays for, beside the Dag files being read.
COUNTED = ("scheduler", "triggerer", "api-server")


@dataclass(frozen=True)
class Ready:
    """Airflow and service."""

    airflow: RealAirflow
    service: dict[str, Any]

    def asked(self, what: str) -> list[dict[str, Any]]:
        """Answer the emulator's "jobs" or "calls"."""
        with httpx.Client(trust_env=False, timeout=120) as client:
            return list(client.get(f"{self.service['endpoint_url']}/_bda/{what}").raise_for_status().json())

    def cpu(self) -> dict[str, float]:
        """Answer the CPU seconds of each component and of all it ever started: the scheduler's are its workers' too."""
        return {name: sum(map(_cpu, self._tree(name))) for name in COMPONENTS}

    def _tree(self, name: str) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            (process,) = map(psutil.Process, self.airflow.pids(name))
            return [process, *process.children(recursive=True)]
        return []

    def run(self, dag_id: str, conf: dict[str, Any], timeout: float) -> str:
        """Run a Dag to its end; answer the run's id.

        :raises RuntimeError: it failed; the message has the logs of the tasks that did.
        """
        run_id = self.airflow.rest.trigger(dag_id, conf)
        state = self.airflow.rest.wait_for_run(dag_id, run_id, timeout=timeout)
        if state != "success":
            tasks = self.airflow.rest.task_instances(dag_id, run_id)
            logs = [self.airflow.rest.log(task)[-3000:] for task in tasks if task["state"] == "failed"]
            raise RuntimeError("\n\n".join([f"the run of {dag_id} is {state}", *logs[:3]]))
        return run_id


def _cpu(process: psutil.Process) -> float:
    # With children that ended; those that live are asked themselves.
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:4]))
    return 0.0


@contextmanager
def ready(
    home: Path, *, documents: int, slots: int, seconds: tuple[float, float], **env: str
) -> Iterator[Ready]:
    """Start both and wait until Airflow is idle.

    :param seconds: the shortest and the longest job.
    :param env: more environment variables for Airflow.
    """
    command = [sys.executable, "-m", "benchmarks.in_airflow.service", "--documents", documents]
    command += ["--slots", slots, "--seconds", *seconds]
    with subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        try:
            assert service.stdout is not None
            told = next(json.loads(line) for line in service.stdout if line.startswith('{"endpoint_url"'))
            with RealAirflow(home, DAGS, env={"PYTHONPATH": str(ROOT), **PATIENT, **env}) as airflow:
                airflow.rest.add_connection("aws_default", **told["connection"])
                for dag_id in DAG_IDS:
                    airflow.rest.wait_for_dag(dag_id)
                yield Ready(airflow, told)
        finally:
            service.terminate()


def say(text: str) -> None:
    """Tell whoever watches what goes on."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
