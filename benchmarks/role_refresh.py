"""Jobs that wait through a connection with ``role_arn``, while the role's session is refreshed under way.

Ours and the Amazon provider's waiter trigger one after the other, each in a process of its own against the same
service. STS answers with sessions that end soon, after a pause as over a real network. The goals are issue 3's.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Report, Row
from benchmarks.waiting import benchmark as waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

GOAL_MEMORY = 0.05
GOAL_BLOCK = 0.1
#: Seconds STS takes, about what a call to a Region nearby takes with TLS.
STS_LATENCY = 0.3
#: A trigger of the peer costs half a second of start, 8 MB, and a blocked loop at each refresh: a thousand would
#: need 8 GB, and a hundred that refresh every 10 s never end. So it gets fewer, and longer sessions.
PEER_JOBS = 30
FULL = {"jobs": 1000, "seconds": 60.0, "poll_interval": 10}
QUICK = {"jobs": 50, "seconds": 8.0, "poll_interval": 1}
ROOT = Path(__file__).parents[1]
CONNECTION = "aws_benchmark"
ROLE = "arn:aws:iam::123456789012:role/bda-benchmark"


class Sts(ThreadingHTTPServer):
    """AssumeRole, whose sessions are such that ours are refreshed ``refresh_after`` seconds later, the peer's thrice that.

    boto refreshes when less than 15 minutes are left, so the peer gets 15 minutes and a bit. Ours does when half
    of so short a session is over.
    """

    daemon_threads = True

    def __init__(self, name: str, refresh_after: float) -> None:
        super().__init__(("127.0.0.1", 0), _AssumeRole)
        self.lifetime = {"ours": 2 * refresh_after, "peer": 900 + 3 * refresh_after}[name]
        self.moments: list[float] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _AssumeRole(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: Sts

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(STS_LATENCY)
        self.server.moments.append(time.time())
        number = len(self.server.moments)
        end = datetime.now(UTC) + timedelta(seconds=self.server.lifetime)
        body = (
            '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
            f"<AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId><Arn>{ROLE}/b</Arn></AssumedRoleUser>"
            f"<Credentials><AccessKeyId>ASIA{number:012d}</AccessKeyId><SecretAccessKey>made-up</SecretAccessKey>"
            f"<SessionToken>token{number}</SessionToken><Expiration>{end.isoformat()}</Expiration></Credentials>"
            "</AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this benchmark takes; the names of ``waiting`` are taken as they are."""
    group = parser.add_argument_group("role_refresh")
    group.add_argument("--peer-jobs", type=int, help=f"waiting jobs of the peer ({PEER_JOBS}; quick: 20)")


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark."""
    sizes = QUICK if options.quick else FULL
    given = {name: value for name, value in vars(options).items() if value is not None}
    options = argparse.Namespace(**{"peer_jobs": 20 if options.quick else PEER_JOBS, **sizes, **given})
    jobs = {"ours": options.jobs, "peer": min(options.peer_jobs, options.jobs)}
    raw: dict[str, Any] = {}
    figures, faults = {}, []
    with tempfile.TemporaryDirectory(prefix="bda-benchmark-") as home:
        waiting._compile(home)
        for name, count in jobs.items():
            print(f"role_refresh: {count} triggers, {name} ...", file=sys.stderr, flush=True)
            raw[name] = _contest(name, count, options, home)
    for name, count in jobs.items():
        measured = raw[name]
        figures[name] = _figures(measured, count)
        faults += [f"{name}: {error}" for error in measured["errors"][:5]]
        if len({handle for handle, *_ in measured["events"]}) != count:
            faults.append(f"{name}: {count} jobs, {len(measured['events'])} events")
        if not measured["refreshed"]:
            faults.append(f"{name}: no refresh happened while waiting, so nothing was measured")
    return Report(
        name="role_refresh",
        title=f"{jobs['ours']:,} jobs (the peer {jobs['peer']:,}) through a connection with role_arn, asked every "
        f"{options.poll_interval} s, sessions refreshed every {_refresh_after(options):g} s (the peer's a third as often)",
        rows=_rows(figures["ours"], figures["peer"]),
        faults=faults,
        notes=[
            f"each in a fresh process after one trigger as warm-up; STS answers after {STS_LATENCY * 1000:g} ms",
            "block through a refresh: the longest while waiting, when every trigger has its client",
            "where own CPU is far below a block, others used the machine",
            "block while starting: the longest from the first trigger's start until every job was asked for",
        ],
        raw=raw,
    )


def _refresh_after(options: argparse.Namespace) -> float:
    return float(options.seconds) / 6


def _contest(name: str, jobs: int, options: argparse.Namespace, home: str) -> dict[str, Any]:
    sizes = argparse.Namespace(jobs=jobs, seconds=options.seconds)
    grace = waiting.START_GRACE + waiting.START_GRACE_PER_JOB * jobs
    give_up = grace + options.seconds + 4 * options.poll_interval
    with _sts(name, options) as sts, waiting._service(sizes) as port:
        out = Path(home) / f"{name}.json"
        arguments = [name, "--port", port, "--jobs", jobs, "--poll-interval", options.poll_interval]
        command = [sys.executable, "-m", "benchmarks.role_refresh", *arguments]
        subprocess.run(
            [*map(str, command), "--give-up", str(give_up), "--out", str(out)],
            cwd=ROOT,
            env=_environment(home, port, sts.url),
            check=True,
            timeout=give_up + 60,
        )
        measured: dict[str, Any] = json.loads(out.read_text())
        began, end = (measured["samples"][sample]["at"] for sample in ("waiting", "end"))
        measured["assumed"] = len(sts.moments)
        measured["refreshed"] = sum(began < moment < end for moment in sts.moments)
    return measured


@contextlib.contextmanager
def _sts(name: str, options: argparse.Namespace) -> Iterator[Sts]:
    with Sts(name, _refresh_after(options)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def _environment(home: str, port: int, sts: str) -> dict[str, str]:
    environment = waiting._environment(home, port)
    connection = json.loads(environment["AIRFLOW_CONN_AWS_BENCHMARK"])
    connection["extra"] |= {"role_arn": ROLE, "service_config": {"sts": {"endpoint_url": sts}}}
    return environment | {"AIRFLOW_CONN_AWS_BENCHMARK": json.dumps(connection)}


def _figures(measured: dict[str, Any], jobs: int) -> dict[str, float]:
    warm, asked, end = (measured["samples"][name] for name in ("warm", "waiting", "end"))
    longest = measured["longest"]
    return {
        "memory": (asked["rss"] - warm["rss"]) / jobs / 1e6,
        "refresh_block": longest["waiting"][0],
        "refresh_block_cpu": longest["waiting"][1],
        "start_block": max(longest["start-up"][0], longest["warm-up"][0]),
        "starting": asked["at"] - warm["at"],
        "cpu": (end["cpu"] - warm["cpu"]) / jobs,
        "assumed": measured["assumed"],
        "refreshed": measured["refreshed"],
    }


def _rows(ours: dict[str, float], peer: dict[str, float]) -> list[Row]:
    def row(what: str, unit: str, name: str, goal: float | None = None, digits: int = 2) -> Row:
        reached = None if goal is None else ours[name] <= goal
        return Row(what, unit, ours[name], peer[name], f"{goal} {unit}" if goal else "", reached, digits)

    return [
        row("memory per waiting job", "MB", "memory", GOAL_MEMORY, 3),
        row("longest block of the loop through a refresh", "s", "refresh_block", GOAL_BLOCK),
        row("own CPU in that block", "s", "refresh_block_cpu"),
        row("longest block of the loop while starting", "s", "start_block"),
        row("until every job was asked for once", "s", "starting", digits=1),
        row("CPU per job, start to event", "s", "cpu", digits=3),
        row("calls to assume the role", "", "assumed", digits=0),
        row("of them while waiting", "", "refreshed", digits=0),
    ]


def _be_a_contestant(arguments: list[str]) -> None:
    """Measure one side, in a process of its own: the contest of ``waiting``, whose connection now has a role."""
    contestant = importlib.import_module("benchmarks.waiting.contestant")
    parser = argparse.ArgumentParser()
    parser.add_argument("contestant")
    for name, kind in {"port": int, "jobs": int, "poll-interval": int, "give-up": float, "out": Path}.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args(arguments)
    with Path(os.devnull).open("wb") as nowhere:
        contestant.configure_logging(json_output=True, output=nowhere, sending_to_supervisor=True)
        options.out.write_text(json.dumps(asyncio.run(contestant.Contest(options).run())))
        os._exit(0)


if __name__ == "__main__":
    _be_a_contestant(sys.argv[1:])
