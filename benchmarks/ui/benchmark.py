"""The monitor with 200 batches and one of 10,000 documents: each route's first answer. The goals are issue 6's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Report, Row

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

FULL = {"batches": 200, "documents": 10_000, "rounds": 9}
QUICK = {"batches": 6, "documents": 300, "rounds": 2}
GOAL_SECONDS = 0.3
GOAL_BYTES = 100_000
ROOT = Path(__file__).parents[2]
#: Seconds the worker may take: it writes 10,000 documents first.
LIMIT = 900.0


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark: S3 is the emulator's, in a process of its own, as the real one is on machines of its own."""
    sizes = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory(prefix="bda-ui-") as home, _emulator() as endpoint:
        out = Path(home) / "measured.json"
        command = [sys.executable, "-m", "benchmarks.ui.worker", endpoint, home, str(out), json.dumps(sizes)]
        environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=LIMIT)
        measured: dict[str, Any] = json.loads(out.read_text())
    rows = []
    for name, told in measured["routes"].items():
        first = told["first"]
        goal = (f"{GOAL_SECONDS:g} s", first <= GOAL_SECONDS)
        rows.append(Row(f"{name}: first answer, median", "s", first, None, *goal, 3))
        rows.append(Row(f"{name}: CPU of the server for it", "s", told["cpu"], None, digits=3))
        rows.append(Row(f"{name}: once it was read", "s", told["again"], None, digits=3))
    whole = measured["first_view"]
    rows.append(
        Row(
            "first view: page, modules, style, data",
            "bytes",
            whole,
            None,
            f"{GOAL_BYTES:,}",
            whole <= GOAL_BYTES,
            0,
        )
    )
    return Report(
        name="ui",
        title=f"the monitor with {sizes['batches']} batches, half of them running, one of {sizes['documents']:,} documents",
        rows=rows,
        faults=[],
        notes=[
            f"median of {sizes['rounds']}; for a first answer all that was read, each connection and client is forgotten",
            "the whole api-server in one process on SQLite; S3 is moto, which answers some 300 calls a second",
        ],
        raw=measured,
    )


@contextmanager
def _emulator() -> Iterator[str]:
    """Run an emulator; answer its address."""
    command = [sys.executable, "-m", "airflow_provider_bda.emulator", "--seconds", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"AWS_ENDPOINT_URL=\W?(http://[^\s'\"]+)", line):
                    yield found[1]
                    break
            else:
                raise RuntimeError("the emulator did not start")
        finally:
            process.terminate()
