"""What a Dag file pays for naming our operators: CPU of each module's import, in a fresh process that has the peer's base.

The peer is the Amazon provider's module of Bedrock operators, over the same base. The goal is issue 8's.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.report import Report, Row

if TYPE_CHECKING:
    import argparse

GOAL = 60.0
RUNS = 5
PEER = "airflow.providers.amazon.aws.operators.bedrock"
BASE = "airflow.providers.amazon.aws.operators.base_aws"
PACKAGE = Path(__file__).parents[1] / "airflow_provider_bda"
SCRIPT = f"""
import importlib, sys, time
import {BASE}
began = time.process_time()
importlib.import_module(sys.argv[1])
print(1000 * (time.process_time() - began))
"""


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark."""
    print("imports: every module of operators and sensors ...", file=sys.stderr, flush=True)
    runs = 1 if options.quick else RUNS
    modules = sorted(
        f"airflow_provider_bda.{folder}.{path.stem}"
        for folder in ("operators", "sensors")
        for path in (PACKAGE / folder).glob("[!_]*.py")
    )
    with tempfile.TemporaryDirectory(prefix="bda-benchmark-") as home:
        cost = {name: median(_measure(name, home) for _ in range(runs)) for name in (PEER, *modules)}
    peer = cost.pop(PEER)
    return Report(
        name="imports",
        title=f"CPU of an import over {BASE}",
        rows=[
            Row(name, "ms", cpu, peer, f"{GOAL:.0f} ms", reached=cpu <= GOAL, digits=0)
            for name, cpu in sorted(cost.items(), key=lambda item: -item[1])
        ],
        faults=[],
        notes=[f"median of {runs} processes each, compiled files there; the peer is {PEER}"],
        raw={**cost, PEER: peer},
    )


def _measure(module: str, home: str) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["AIRFLOW_HOME"] = home
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, module], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1])
