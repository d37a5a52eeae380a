"""Runs both contestants one after the other, each with a fresh service and process, and judges.

Ratios are of one run on one machine. The goals are issue 2's.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from benchmarks.report import Report, Row
from benchmarks.waiting.service import LATENCY, arn_of, fails

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL_CPU = 0.1
GOAL_MEMORY = 0.05
GOAL_BLOCK = 0.2
GOAL_LATE = 1.5
#: Seconds of grace for a start on a busy machine: 1,000 triggers of the peer took 40 on a quiet one.
START_GRACE = 120.0
START_GRACE_PER_JOB = 0.3
FULL = {"jobs": 1000, "seconds": 60.0, "poll_interval": 10}
QUICK = {"jobs": 100, "seconds": 4.0, "poll_interval": 1}
ROOT = Path(__file__).parents[2]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this benchmark takes."""
    group = parser.add_argument_group("waiting")
    group.add_argument("--jobs", type=int, help="waiting jobs (1000; quick: 100)")
    group.add_argument(
        "--seconds",
        type=float,
        help="what the longest job takes, the shortest takes half of it (60; quick: 4)",
    )
    group.add_argument("--poll-interval", type=int, help="seconds between two calls for a job (10; quick: 1)")
    group.add_argument("--only", choices=["ours", "peer"], help="leave the other out")


def _with_defaults(options: argparse.Namespace) -> argparse.Namespace:
    sizes = QUICK if options.quick else FULL
    given = {name: value for name, value in vars(options).items() if value is not None}
    return argparse.Namespace(**{"only": None, **sizes, **given})


@dataclass(frozen=True)
class Figures:
    """What one contestant came to."""

    cpu_per_call: float
    cpu_per_later_call: float
    cpu_starting: float
    calls: int
    calls_per_job: float
    cpu_per_job: float
    memory: float
    waiting_at_once: int
    block: float
    block_cpu: float
    block_collecting: float
    imported: float
    starting: float
    late_median: float
    late_p99: float
    service_load: float


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark."""
    options = _with_defaults(options)
    raw: dict[str, Any] = {}
    faults: list[str] = []
    figures: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="bda-benchmark-") as home:
        _compile(home)
        for name in [options.only] if options.only else ["ours", "peer"]:
            print(f"waiting: {options.jobs} triggers, {name} ...", file=sys.stderr, flush=True)
            raw[name] = _contest(name, options, home)
    for name, measured in raw.items():
        faults += [f"{name}: {fault}" for fault in _faults(measured, options.jobs)]
        if {handle for handle, *_ in measured["events"]} == measured["service"]["ends"].keys():
            figures[name] = _figures(measured, options.jobs)
    ours, peer = figures.get("ours"), figures.get("peer")
    return Report(
        name="waiting",
        title=f"{options.jobs:,} jobs in one event loop, asked for every {options.poll_interval} s, "
        f"ending {options.seconds / 2:g} to {options.seconds:g} s after the first call for them",
        rows=_rows(ours or peer, peer if ours else None, options.poll_interval) if figures else [],
        faults=faults,
        notes=_notes(figures),
        raw=raw,
    )


def _compile(home: str) -> None:
    """Import all once: what is measured later is the import, not the compiler."""
    modules = "benchmarks.waiting.contestant, benchmarks.waiting.peer, airflow_provider_bda.triggers.job"
    command = [sys.executable, "-c", f"import {modules}, aiobotocore.session"]
    subprocess.run(command, cwd=ROOT, env=_environment(home, 0), check=True)


def _contest(name: str, options: argparse.Namespace, home: str) -> dict[str, Any]:
    with _service(options) as port:
        out = Path(home) / f"{name}.json"
        give_up = (
            START_GRACE + START_GRACE_PER_JOB * options.jobs + options.seconds + 4 * options.poll_interval
        )
        sizes = ["--jobs", options.jobs, "--poll-interval", options.poll_interval, "--give-up", give_up]
        command = [
            sys.executable,
            "-m",
            "benchmarks.waiting.contestant",
            name,
            "--port",
            port,
            *sizes,
            "--out",
            out,
        ]
        subprocess.run(
            [str(word) for word in command],
            cwd=ROOT,
            env=_environment(home, port),
            check=True,
            timeout=give_up + 60,
        )
        measured: dict[str, Any] = json.loads(out.read_text())
        with urlopen(f"http://127.0.0.1:{port}/report", timeout=10) as answer:
            measured["service"] = json.load(answer)
    return measured


@contextmanager
def _service(options: argparse.Namespace) -> Iterator[int]:
    ends = ["--jobs", options.jobs, "--first", options.seconds / 2, "--last", options.seconds]
    command = [sys.executable, "-m", "benchmarks.waiting.service", *map(str, ends)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def _environment(home: str, port: int) -> dict[str, str]:
    """Answer a contestant's environment: no AWS credentials but those of the connection.

    There is no task supervisor here that could be asked for a connection in the database, so it stands in an
    environment variable: the one place both contestants find it in.
    """
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))}
    if plain.pop("PYTHONDONTWRITEBYTECODE", None):
        plain["PYTHONPYCACHEPREFIX"] = f"{home}/pycache"
    connection = {
        "conn_type": "aws",
        "login": "AKIABENCHMARK",
        "password": "no-secret",
        "extra": {"region_name": "us-east-1", "endpoint_url": f"http://127.0.0.1:{port}"},
    }
    return plain | {
        "AIRFLOW_CONN_AWS_BENCHMARK": json.dumps(connection),
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AWS_CONFIG_FILE": f"{home}/none",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": f"{home}/none",
    }


def _faults(measured: dict[str, Any], jobs: int) -> list[str]:
    """Answer what was lost, doubled or wrong."""
    expected = {arn_of(number): "error" if fails(number) else "success" for number in range(jobs)}
    seen: dict[str, list[str]] = {}
    for handle, _, outcome in measured["events"]:
        seen.setdefault(handle, []).append(outcome)
    wrong = {handle: outcomes for handle, outcomes in seen.items() if outcomes != [expected.get(handle)]}
    faults = [f"{handle}: {', '.join(outcomes)}" for handle, outcomes in sorted(wrong.items())[:5]]
    if len(wrong) > 5:
        faults.append(f"{len(wrong)} wrong events in all")
    if lost := sorted(expected.keys() - seen.keys()):
        faults.append(f"{len(lost)} events lost, the first of {lost[0]}")
    if measured["service"]["unknown"]:
        faults.append(f"{measured['service']['unknown']} calls for jobs that do not exist")
    return faults + measured["errors"][:5]


def _figures(measured: dict[str, Any], jobs: int) -> Figures:
    warm, waiting, end = (measured["samples"][name] for name in ("warm", "waiting", "end"))
    service = measured["service"]
    late = sorted(moment - service["ends"][handle] for handle, moment, _ in measured["events"])
    longest = dict(measured["longest"])
    imported = longest.pop("import")[0]
    block, block_cpu, block_collecting = max(longest.values())
    return Figures(
        cpu_per_call=(end["cpu"] - warm["cpu"]) / service["calls"],
        cpu_per_later_call=(end["cpu"] - waiting["cpu"])
        / max(service["calls"] - service["calls_before_started"], 1),
        cpu_starting=waiting["cpu"] - warm["cpu"],
        calls=service["calls"],
        calls_per_job=service["calls"] / jobs,
        cpu_per_job=(end["cpu"] - warm["cpu"]) / jobs,
        memory=(waiting["rss"] - warm["rss"]) / jobs / 1e6,
        waiting_at_once=waiting["jobs"],
        block=block,
        block_cpu=block_cpu,
        block_collecting=block_collecting,
        imported=imported,
        starting=waiting["at"] - warm["at"],
        late_median=late[len(late) // 2],
        late_p99=late[min(int(len(late) * 0.99), len(late) - 1)],
        service_load=service["service_cpu"] / (end["at"] - warm["at"]),
    )


def _rows(ours: Figures, peer: Figures | None, poll_interval: int) -> list[Row]:
    def row(what: str, unit: str, name: str, digits: int, goal: str = "", **more: Any) -> Row:
        scale = 1000 if unit == "ms" else 1
        theirs = None if peer is None else getattr(peer, name) * scale
        return Row(what, unit, getattr(ours, name) * scale, theirs, goal, digits=digits, **more)

    cheap = None if peer is None else ours.cpu_per_call <= GOAL_CPU * peer.cpu_per_call
    late = poll_interval + GOAL_LATE
    return [
        row("CPU per status call", "ms", "cpu_per_call", 2, "1/10 of the peer", reached=cheap),
        row(
            "memory per waiting job",
            "MB",
            "memory",
            3,
            f"{GOAL_MEMORY} MB",
            reached=ours.memory <= GOAL_MEMORY,
        ),
        row(
            "longest block of the loop", "s", "block", 2, f"{GOAL_BLOCK} s", reached=ours.block <= GOAL_BLOCK
        ),
        row("event after job end, p99", "s", "late_p99", 2, f"{late:g} s", reached=ours.late_p99 <= late),
        row("event after job end, median", "s", "late_median", 2),
        row("CPU per call once all are started", "ms", "cpu_per_later_call", 2),
        row("CPU per job, start to event", "ms", "cpu_per_job", 1),
        row("CPU of the start", "s", "cpu_starting", 2),
        row("until every job was asked for once", "s", "starting", 1),
        row("jobs waiting when the last was asked for", "", "waiting_at_once", 0),
        row("status calls", "", "calls", 0),
        row("status calls per job", "", "calls_per_job", 1),
        row("own CPU in the longest block", "s", "block_cpu", 2),
        row("garbage collection in the longest block", "s", "block_collecting", 2),
        row("block by the trigger's first import", "s", "imported", 2),
        row("load of the status service", "of a core", "service_load", 2),
    ]


def _notes(figures: dict[str, Figures]) -> list[str]:
    if not figures:
        return ["no figures: not every event came"]
    return [
        f"each in a fresh process after one trigger as warm-up; the status service answers after {LATENCY * 1000:g} ms",
        "the connection stands in an environment variable: there is no supervisor here to be asked for one",
        "CPU per status call: all CPU of the process from the first trigger's start to the last event, over all calls",
        "our trigger asks first at a random moment of the first interval, so its start takes that long by intent",
        "memory: growth of the process until then, over all jobs, though some may have ended by then",
        "longest block: warm-up and start included; where own CPU is far below it, others used the machine",
    ]
