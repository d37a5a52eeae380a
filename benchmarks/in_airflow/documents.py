"""10,000 documents in one batch in a real Airflow: are all done, what does the triggerer grow by, is its loop blocked?

The goals are issue 5's. Memory and blocks are seen from inside: a trigger of ours runs in the same triggerer.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.in_airflow.setup import Ready, ready, say
from benchmarks.report import Report, Row

if TYPE_CHECKING:
    import argparse

FULL, QUICK = 10_000, 300
SECONDS = (2.0, 6.0)
SLOTS = 200
GOAL_MEMORY = 100.0
GOAL_BLOCK = 0.2
#: Seconds a run may take for each document, on a slow machine.
PATIENCE = 0.4
#: Seconds in which the triggerer is watched before the batch.
BEFORE = 10.0


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark."""
    documents = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory(prefix="bda-benchmark-") as folder:
        out = Path(folder) / "witness.jsonl"
        with ready(Path(folder) / "airflow", documents=documents, slots=SLOTS, seconds=SECONDS) as both:
            witness = both.airflow.rest.trigger("witness", {"out": str(out)})
            _wait_for(out)
            time.sleep(BEFORE)
            say(f"{documents:,} documents ...")
            began = time.time()
            run_id = both.run("ours", {"source": "s3://benchmark/in/"}, timeout=300 + documents * PATIENCE)
            ended = time.time()
            (task,) = both.airflow.rest.task_instances("ours", run_id, "extract")
            result = both.airflow.rest.xcom(task)
            jobs = both.asked("jobs")
            calls = Counter(call["operation"] for call in both.asked("calls"))
            out.with_name(f"{out.name}.end").touch()
            both.airflow.rest.wait_for_run("witness", witness, timeout=60)
            own = _own_watchdog(both)
        lines = [json.loads(line) for line in out.read_text().splitlines()]
    return _report(documents, lines, (began, ended), result, jobs, calls, own)


def _wait_for(out: Path) -> None:
    give_up = time.monotonic() + 120
    while not out.exists() or not out.read_text():
        if time.monotonic() > give_up:
            raise RuntimeError("no trigger ran within two minutes")
        time.sleep(0.5)


def _own_watchdog(both: Ready) -> int:
    """Count how often Airflow itself found its loop blocked (by its default, above 0.2 s)."""
    log = both.airflow.output_folder / "triggerer.log"
    return log.read_text(errors="replace").count("async thread was blocked")


def _report(
    documents: int,
    lines: list[dict[str, Any]],
    when: tuple[float, float],
    result: dict[str, Any],
    jobs: list[dict[str, Any]],
    calls: Counter[str],
    own: int,
) -> Report:
    before = max(line["rss"] for line in lines if line["at"] < when[0])
    under_way = [line for line in lines if when[0] <= line["at"] <= when[1]]
    grown = (max(line["rss"] for line in under_way) - before) / 1e6
    block = max(line["block"] for line in under_way)
    long_ones = [line["block"] for line in under_way if line["block"][0] > GOAL_BLOCK]
    seconds = when[1] - when[0]
    faults = []
    if (result["succeeded"], result["total"], result["jobs_submitted"], len(jobs)) != (documents,) * 4:
        faults.append(f"{documents:,} documents, {len(jobs):,} jobs: {result}")
    if len({job["input_uri"] for job in jobs}) != documents:
        faults.append("not every document has a job")
    return Report(
        name="batch_documents",
        title=f"a batch of {documents:,} documents in a real Airflow",
        rows=[
            Row(
                "triggerer's memory, growth at most",
                "MB",
                grown,
                None,
                f"{GOAL_MEMORY:g} MB",
                grown <= GOAL_MEMORY,
                0,
            ),
            Row(
                "longest block of its loop",
                "s",
                block[0],
                None,
                f"{GOAL_BLOCK:g} s",
                block[0] <= GOAL_BLOCK,
                3,
            ),
            Row("own CPU in that block", "s", block[1], None, digits=3),
            Row("garbage collection in that block", "s", block[2], None, digits=3),
            Row("seconds with a block above the goal", "", len(long_ones), None, digits=0),
            Row(
                "of those, with as much CPU of its own",
                "",
                sum(one[1] > GOAL_BLOCK for one in long_ones),
                None,
                digits=0,
            ),
            Row("blocks that Airflow's own watchdog told of", "", own, None, digits=0),
            Row("from start to end", "s", seconds, None, digits=0),
            Row("documents a second", "", documents / seconds, None, digits=1),
            Row(
                "status calls for a document",
                "",
                calls["GetDataAutomationStatus"] / documents,
                None,
                digits=1,
            ),
        ],
        faults=faults,
        notes=[
            f"jobs of {SECONDS[0]:g} to {SECONDS[1]:g} s on {SLOTS} slots; the emulator (a process of its own) sets the pace",
            "growth is from a triggerer that has run nothing but the witness: clients and their modules are in it",
            "where own CPU is far below a block, others used the machine",
        ],
        raw={"witness": lines, "result": result, "calls": dict(calls)},
    )
