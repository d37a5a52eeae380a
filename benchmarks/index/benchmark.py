"""Claims and commits new documents in an index that knows millions, and judges. The goal is issue 5's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Report, Row

if TYPE_CHECKING:
    import argparse

GOAL_SECONDS = 60
GOAL_MEMORY = 200
GOAL_DOCUMENTS_PER_CALL = 5
FULL = {"known": 10_000_000, "new": 20_000}
QUICK = {"known": 100_000, "new": 2_000}
ROOT = Path(__file__).parents[2]
#: What a run does; the rest of the steps looks at what it left.
RUN = ("keys", "claim", "commit", "extend", "compact")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what this benchmark takes."""
    group = parser.add_argument_group("index")
    group.add_argument("--known", type=int, help="documents in the index (10,000,000; quick: 100,000)")
    group.add_argument("--new", type=int, help="documents that are not (20,000; quick: 2,000)")


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark."""
    sizes = QUICK if options.quick else FULL
    known, new = options.known or sizes["known"], options.new or sizes["new"]
    print(f"index: {new:,} new among {known:,} known ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="bda-benchmark-") as home:
        measured = _measure(Path(home), known, new)
    steps, memory = measured["steps"], measured["memory"]
    seconds = sum(steps[name]["seconds"] for name in RUN)
    calls = sum(steps[name]["calls"] for name in RUN)
    return Report(
        name="index",
        title=f"{new:,} new documents among {known:,} known: claimed, committed, compacted",
        rows=[
            Row("all of it", "s", seconds, None, f"{GOAL_SECONDS} s", reached=seconds <= GOAL_SECONDS),
            Row(
                "most memory, whole process",
                "MB",
                memory["after"],
                None,
                f"{GOAL_MEMORY} MB",
                reached=memory["after"] <= GOAL_MEMORY,
                digits=0,
            ),
            Row(
                "S3 calls",
                "",
                calls,
                None,
                f"{new // GOAL_DOCUMENTS_PER_CALL:,}",
                reached=calls * GOAL_DOCUMENTS_PER_CALL <= new,
                digits=0,
            ),
            Row("growth of the most memory", "MB", memory["after"] - memory["before"], None, digits=0),
            *(Row(f"{name}: time", "s", step["seconds"], None) for name, step in steps.items()),
            *(Row(f"{name}: own CPU", "s", step["cpu"], None) for name, step in steps.items()),
            *(Row(f"{name}: S3 calls", "", step["calls"], None, digits=0) for name, step in steps.items()),
        ],
        faults=measured["faults"],
        notes=[
            "S3 is the emulator in another process on this machine: moto behind HTTP, no network",
            "S3 itself takes longer for a call and answers many at once",
            "the known ones lie there as compaction leaves them; claims are of 10,000 documents, commits of 100",
            "not in the sum: the last two steps. Another batch claims the same; all deltas go into the shards",
        ],
        raw=measured,
    )


def _measure(home: Path, known: int, new: int) -> dict[str, Any]:
    out = home / "figures.json"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))}
    environment = plain | {
        "AIRFLOW_HOME": str(home),
        "AWS_CONFIG_FILE": str(home / "none"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "none"),
    }
    command = [sys.executable, "-m", "benchmarks.index.service", "--known", str(known)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        try:
            assert service.stdout is not None
            # What the server logs comes there, too.
            told = next(json.loads(line) for line in service.stdout if line.startswith('{"endpoint_url"'))
            command = [sys.executable, "-m", "benchmarks.index.contestant"]
            command += ["--endpoint-url", told["endpoint_url"], "--known", str(known), "--new", str(new)]
            subprocess.run([*command, "--out", str(out)], cwd=ROOT, env=environment, check=True, timeout=1800)
        finally:
            service.terminate()
    return dict(json.loads(out.read_text()))
