"""What Airflow costs for a document: one batch against mapped deferrable tasks written the Amazon provider's way.

Both in the same Airflow, one after the other, on the same service. The goal is issue 5's.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.in_airflow.setup import COUNTED, Ready, ready, say
from benchmarks.report import Report, Row

if TYPE_CHECKING:
    import argparse

FULL = {"ours": 1_000, "peer": 100}
QUICK = {"ours": 60, "peer": 6}
#: Seconds a job takes. From 16 s on, our status calls come in the same number for a document however long it takes.
SECONDS = (8.0, 24.0)
SLOTS = 200
#: Seconds in which Airflow is watched doing nothing, and allowed before that to come to rest.
IDLE, REST = 40.0, 15.0
GOAL = 1 / 50


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark."""
    sizes = QUICK if options.quick else FULL
    with (
        tempfile.TemporaryDirectory(prefix="bda-benchmark-") as home,
        ready(Path(home), documents=sizes["ours"], slots=SLOTS, seconds=SECONDS) as both,
    ):
        # What is loaded on first use is nobody's document.
        _ours(both, "warm")
        _peer(both, 1)
        time.sleep(REST)
        say(f"idle for {IDLE:g} s ...")
        idle = _measured(both, lambda: time.sleep(IDLE))
        say(f"ours: {sizes['ours']:,} documents ...")
        before = len(both.asked("jobs"))
        ours = _measured(both, lambda: _ours(both, "in"))
        bought = len(both.asked("jobs")) - before
        time.sleep(REST)
        say(f"peer: {sizes['peer']:,} documents ...")
        peer = _measured(both, lambda: _peer(both, sizes["peer"]))
        jobs = both.asked("jobs")
    faults = [] if bought == sizes["ours"] else [f"ours: {bought:,} jobs for {sizes['ours']:,} documents"]
    if len(jobs) - before - bought != sizes["peer"]:
        faults.append(f"peer: {len(jobs) - before - bought:,} jobs for {sizes['peer']:,} documents")
    faults += [f"{job['input_uri']}: {job['status']}" for job in jobs if job["status"] != "Success"][:5]
    return _report(sizes, {"idle": idle, "ours": ours, "peer": peer}, faults)


def _ours(both: Ready, folder: str) -> None:
    source = f"s3://benchmark/{folder}/"
    both.run("ours", {"source": source, "output_s3_uri": f"s3://benchmark/out/{folder}"}, timeout=1800)


def _peer(both: Ready, count: int) -> None:
    conf = {
        "documents": [f"s3://benchmark/in/{number:05d}.pdf" for number in range(count)],
        "output_s3_uri": "s3://benchmark/peer",
        "project": both.service["project_arn"],
        "profile_arn": both.service["profile_arn"],
    }
    both.run("peer", conf, timeout=3600)


def _measured(both: Ready, act: Any) -> dict[str, Any]:
    before, began = both.cpu(), time.monotonic()
    act()
    seconds, after = time.monotonic() - began, both.cpu()
    return {"seconds": seconds, "cpu": {name: after[name] - before[name] for name in after}}


def _report(sizes: dict[str, int], raw: dict[str, Any], faults: list[str]) -> Report:
    idle = raw["idle"]["seconds"]

    def cost(name: str, *components: str, all_of_it: bool = False) -> float:
        """Answer CPU seconds a document."""
        measured = raw[name]
        mine = sum(measured["cpu"][one] for one in components)
        rest = sum(raw["idle"]["cpu"][one] for one in components) / idle * measured["seconds"]
        return float(mine - (0 if all_of_it else rest)) / sizes[name]

    def row(what: str, *components: str, goal: bool = False, all_of_it: bool = False) -> Row:
        figures = [cost(name, *components, all_of_it=all_of_it) for name in ("ours", "peer")]
        reached = figures[0] <= figures[1] * GOAL if goal else None
        return Row(what, "s", *figures, "a fiftieth" if goal else "", reached, 4)

    rate = sum(raw["idle"]["cpu"][one] for one in COUNTED) / idle
    return Report(
        name="airflow_cost",
        title=f"a batch of {sizes['ours']:,} documents against {sizes['peer']:,} mapped deferrable tasks, in one Airflow",
        rows=[
            row("CPU of Airflow for a document, above idle", *COUNTED, goal=True),
            row("of that: scheduler and workers", "scheduler"),
            row("of that: triggerer", "triggerer"),
            row("of that: api-server", "api-server"),
            row("with what it costs idle", *COUNTED, all_of_it=True),
            Row("from start to end", "s", raw["ours"]["seconds"], raw["peer"]["seconds"], digits=0),
        ],
        faults=faults,
        notes=[
            f"jobs of {SECONDS[0]:g} to {SECONDS[1]:g} s on {SLOTS} slots; the peer asks every 10 s, on four worker slots",
            f"idle, scheduler, triggerer and api-server take {rate:.3f} CPU seconds a second; the dag-processor is left out",
            "for a document: CPU time over documents; the peer does fewer, for its cost does not fall with their number",
            "ours includes listing, manifest, ledger and reading every output at the end; the peer's reads nothing",
        ],
        raw=raw,
    )
