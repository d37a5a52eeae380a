"""A real Airflow in a folder of its own: scheduler, dag-processor, api-server and triggerer.

Each component is a process of its own, so that one can be killed and started again, which ``airflow
standalone`` cannot do. Nothing here touches an Airflow the user may have: home, database, ports and
secrets are the run's own, and nothing of the run outlives it (see ``guard``).
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import psutil

from demo import guard
from demo.airflow_rest import AirflowApiError, AirflowRest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
#: Component -> the words for it in the answer of ``/monitor/health``. The api-server is the one who answers.
HEALTH_KEYS = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
#: Below the ports that systems give to outgoing connections, so that none is taken between choice and use.
PORTS = range(18_000, 32_000)


@dataclass(frozen=True)
class Component:
    """A process beside the four, or one of the four started in another way.

    :param command: the arguments of ``airflow``.
    :param env: environment variables of its own.
    :param ready: words that its output has when it works. None for a triggerer: the database knows.
    """

    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str | None = None


class AirflowProcessError(RuntimeError):
    """Airflow did not start, or did not stop; the message ends with the tail of the log."""


class RealAirflow:
    """A real Airflow while the ``with`` block lasts.

    :param home: folder for ``AIRFLOW_HOME``: database, logs and the components' output. Made if missing.
    :param dags_folder: folder with the Dag files.
    :param parallelism: worker slots, each an idle process of about 45 MB.
    :param users: user name -> role of SimpleAuthManager (the password is the name). None lets everybody in
        as an administrator, which is for this machine alone.
    :param env: more environment variables for every component.
    :param more: further components, for who starts them: name -> how. A name of the four says how that one is started.
        More than one triggerer needs a database that locks rows.
    :param start_timeout: seconds for all components to be healthy.
    :param progress: called with one line at each step.
    """

    def __init__(
        self,
        home: Path,
        dags_folder: Path,
        *,
        parallelism: int = 4,
        users: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        more: Mapping[str, Component] | None = None,
        start_timeout: float = 240.0,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.home = home.resolve()
        self.dags_folder = dags_folder.resolve()
        self.parallelism = parallelism
        self.users = users
        self.start_timeout = start_timeout
        self.progress = progress
        self.mark = f"airflow-{secrets.token_hex(8)}"
        self.api_port, self._worker_port, self._trigger_port = free_ports(3)
        self._how = {name: Component((name,)) for name in COMPONENTS} | dict(more or {})
        self.url = f"http://127.0.0.1:{self.api_port}"
        self.logs_folder = self.home / "logs"
        self.output_folder = self.home / "components"
        self.rest = AirflowRest(self.url, user=next(iter(users)) if users else None)
        self._env = self._environment(env or {})
        self._components: dict[str, subprocess.Popen[bytes]] = {}
        self._started_at: dict[str, float] = {}
        self._read_from: dict[str, int] = {}
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start Airflow and wait until every component is healthy."""
        try:
            self._start_all()
        except BaseException:  # Ctrl-C too: what was started is ended
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop Airflow."""
        self.stop()

    # --- start -------------------------------------------------------------------------------

    def _start_all(self) -> None:
        self.output_folder.mkdir(parents=True, exist_ok=True)
        if self.users:
            # Without this file SimpleAuthManager makes up passwords that nobody here would know.
            passwords = self.home / "simple_auth_manager_passwords.json.generated"
            passwords.write_text(json.dumps({name: name for name in self.users}))
        self._guard = guard.start(self.mark)
        began = time.monotonic()
        self.progress("Airflow: creating its database")
        self._run_to_end("db", "migrate")
        self.progress(f"Airflow: starting {', '.join(COMPONENTS)}")
        self.start(*COMPONENTS)
        self.progress(f"Airflow: all components healthy after {time.monotonic() - began:.0f} s")

    def start(self, *names: str) -> None:
        """Start components, all at once, and wait until each is healthy.

        :raises AirflowProcessError: one ended or did not become healthy in time.
        """
        for name in names:
            if name in self._components and self._components[name].poll() is None:
                raise AirflowProcessError(f"the {name} already runs; kill it first")
            self._started_at[name] = time.time()
            log = self._log(name)
            self._read_from[name] = log.stat().st_size if log.exists() else 0
            self._components[name] = self._spawn(name, *self._how[name].command, env=self._how[name].env)
        self._wait_healthy(names)

    def _spawn(
        self, log_name: str, *arguments: str, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        with self._log(log_name).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env={**self._env, **(env or {})},
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's Ctrl-C goes to us alone; we stop them in order
            )

    def _run_to_end(self, *arguments: str) -> None:
        name = "-".join(arguments)
        process = self._components[name] = self._spawn(name, *arguments)
        try:
            code = process.wait(timeout=self.start_timeout)
        except subprocess.TimeoutExpired:
            code = None
        if code != 0:
            limit = (
                f"did not end in {self.start_timeout:.0f} s" if code is None else f"ended with code {code}"
            )
            raise AirflowProcessError(f"airflow {' '.join(arguments)} {limit}:\n{self.tail(name)}")

    def _wait_healthy(self, names: tuple[str, ...]) -> None:
        deadline = time.monotonic() + self.start_timeout
        waiting = set(names)
        while waiting:
            for name in names:
                if (code := self._components[name].poll()) is not None:
                    raise AirflowProcessError(f"the {name} ended with code {code}:\n{self.tail(name)}")
            for name in sorted(waiting & self._healthy()):
                waiting.remove(name)
                self.progress(f"Airflow: {name} is healthy")
            if waiting and time.monotonic() > deadline:
                tails = "\n".join(f"--- {name}\n{self.tail(name)}" for name in sorted(waiting))
                limit = f"{self.start_timeout:.0f} s"
                raise AirflowProcessError(f"{', '.join(sorted(waiting))} not healthy after {limit}:\n{tails}")
            time.sleep(0.25)

    def _healthy(self) -> set[str]:
        """Answer the components that are healthy and, by their heartbeat, not their predecessors."""
        answer = self.rest.health()
        if answer is None:
            return set()
        beats = {
            name: part.get(f"latest_{key}_heartbeat")
            for name, key in HEALTH_KEYS.items()
            if (part := answer.get(key) or {}).get("status") == "healthy"
        }
        fresh = {
            name for name, beat in beats.items() if beat and _epoch(beat) >= self._started_at.get(name, 0)
        }
        for name in self._components.keys() & self._how.keys() - set(COMPONENTS):
            if (words := self._how[name].ready) is not None:
                healthy = words in self._output_since_start(name)
            else:
                healthy = any(moment >= self._started_at[name] for moment in self._triggerers())
            fresh |= {name} if healthy else set()
        return fresh | {"api-server"}

    def _triggerers(self) -> list[float]:
        """Answer when the living triggerers started; none while the database is away."""
        with suppress(AirflowApiError, httpx.HTTPError):
            return [_epoch(job["start_date"]) for job in self.rest.living("TriggererJob")]
        return []

    def _output_since_start(self, name: str) -> str:
        return self._log(name).read_bytes()[self._read_from[name] :].decode(errors="replace")

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Build the components' environment: ours, without a trace of another Airflow or AWS account."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.upper().startswith(("AIRFLOW", "AWS_"))
        }
        users = ",".join(f"{name}:{role}" for name, role in (self.users or {}).items())
        local = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost")))
        return {
            **kept,
            guard.MARK: self.mark,
            # setproctitle would write over the memory in which the mark is read.
            "SPT_NOENV": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "NO_PROXY": local,
            "no_proxy": local,
            "PYTHONUNBUFFERED": "1",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags_folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            # Nothing starts by itself: an example with a schedule would run beside what is asked for.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": str(self.parallelism),
            # Nothing listens on the network, and nobody else's secrets are used.
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.api_port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": str(not self.users),
            **({"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users} if users else {}),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self._worker_port),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._trigger_port),
            # Airflow's worker often overlooks the end of a task until its next heartbeat, 5 s by default: so
            # long the slot stays taken and, worse, a task whose trigger fires meanwhile is marked failed.
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # A Dag file that changes is seen within seconds.
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            **more,
        }

    # --- while it runs -----------------------------------------------------------------------

    def pids(self, name: str) -> list[int]:
        """Answer the processes of a component, of the executor's "worker"s or of the running "task"s."""
        if name in self._how:
            process = self._components.get(name)
            return [process.pid] if process and process.poll() is None else []
        workers = [child for pid in self.pids("scheduler") for child in _children(pid) if _is_worker(child)]
        if name == "worker":
            return [worker.pid for worker in workers]
        if name == "task":
            return [task.pid for worker in workers for task in _children(worker.pid)]
        raise ValueError(f"{name!r}: not one of {', '.join(self._how)}, worker, task")

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> list[int]:
        """Send a signal, SIGKILL unless told otherwise, to a component and all it forked, or to the workers.

        :returns: the processes it was sent to.
        """
        victims = [psutil.Process(pid) for pid in self.pids(name)]
        victims += [child for victim in victims for child in victim.children(recursive=True)]
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.send_signal(number)
        if number == signal.SIGKILL:
            psutil.wait_procs(victims, timeout=10)
            if name in self._components:
                self._components[name].wait(timeout=10)
        return [victim.pid for victim in victims]

    def processes(self) -> list[psutil.Process]:
        """Find every living process of this Airflow."""
        return guard.marked(self.mark)

    def tail(self, name: str, lines: int = 25) -> str:
        """Read the end of a component's output."""
        log = self._log(name)
        text = log.read_text(errors="replace") if log.exists() else ""
        return "\n".join([*text.splitlines()[-lines:], f"(all of it: {log})"])

    def _log(self, name: str) -> Path:
        return self.output_folder / f"{name}.log"

    # --- stop --------------------------------------------------------------------------------

    def stop(self, *, grace: float = 8.0) -> None:
        """Stop every component: SIGINT, then SIGTERM, then SIGKILL, until no process is left.

        :param grace: seconds for an orderly end after SIGINT.
        :raises AirflowProcessError: a process is still there.
        """
        self.rest.close()
        for process in self._components.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        psutil.wait_procs(self.processes(), timeout=grace)
        left = guard.end(self.mark)
        for process in self._components.values():
            process.wait(timeout=10)
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait(timeout=30)
            self._guard = None
        if left:
            raise AirflowProcessError(f"could not end {', '.join(map(str, left))}")


def free_ports(count: int) -> list[int]:
    """Find ports that nothing listens on, neither on this machine's loopback nor on its network."""
    found: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate, suppress(OSError):
            candidate.bind(("", port))
            found.append(port)
        if len(found) == count:
            return found
    raise AirflowProcessError(f"no {count} free ports between {PORTS.start} and {PORTS.stop}")


def _children(pid: int) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children()
    return []


def _is_worker(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "airflow worker -- LocalExecutor" in " ".join(process.cmdline())
    return False


def _epoch(moment: Any) -> float:
    return datetime.fromisoformat(str(moment)).timestamp()
