"""Writes a manifest, runs the engine, kills it in the middle, runs it again, and judges. The goals are issue 5's."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.layout import SEGMENT, BatchLayout
from airflow_provider_bda.batch.plan import Plan, Policy, Run
from benchmarks.report import Report, Row

if TYPE_CHECKING:
    import argparse

FULL, QUICK = 2_000_000, 20_000
GOAL_MEMORY = 150.0
GOAL_RESUME = 30.0
GOAL_CALLS = 0.2
#: Seconds a run may take: what a slow machine needs for each document, and some.
PATIENCE_PER_DOCUMENT = 0.005
BATCH = "s3://bench/out/_batches/b"
ROOT = Path(__file__).parents[2]


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark."""
    documents = QUICK if options.quick else FULL
    limit = 120 + documents * PATIENCE_PER_DOCUMENT
    with tempfile.TemporaryDirectory(prefix="bda-scale-") as home:
        root = Path(home)
        _write_batch(root, documents)
        killed_at = _killed_in_the_middle(root, documents, limit)
        killed = _said(root / "killed.jsonl")
        command = _command(root, "resumed")
        subprocess.run(command, cwd=ROOT, env=_environment(home), check=True, timeout=limit)
        said = _said(root / "resumed.jsonl")
        rows = sum(
            body.count(b"\n")
            for body in (path.read_bytes() for path in (root / "bench").rglob("part-*.jsonl"))
        )
    faults = [] if (said["state"], rows) == ("done", documents) else [f"{said['state']}: {rows:,} rows"]
    again = said["submits"] + killed_at - documents
    grown = max(killed["grown"], said["grown"]) / 1e6
    block, block_cpu, block_collecting = said["block"]
    return Report(
        name="batch_scale",
        title=f"a batch of {documents:,} documents on a service that answers at once, killed after {killed_at:,} submits",
        rows=[
            Row("memory, growth at most", "MB", grown, None, f"{GOAL_MEMORY:g} MB", grown <= GOAL_MEMORY, 0),
            Row(
                "from start to the first submit, after SIGKILL",
                "s",
                said["first_submit"],
                None,
                f"{GOAL_RESUME:g} s",
                said["first_submit"] <= GOAL_RESUME,
            ),
            Row("submits done again after SIGKILL, under the same tokens", "", again, None, digits=0),
            Row("documents a second", "", (documents - killed_at) / said["seconds"], None, digits=0),
            Row(
                "calls for the ledger per document",
                "",
                said["ledger_calls"] / said["submits"],
                None,
                f"{GOAL_CALLS:g}",
                said["ledger_calls"] / said["submits"] <= GOAL_CALLS,
            ),
            Row("longest block of the loop", "s", block, None, digits=3),
            Row("own CPU in that block", "s", block_cpu, None, digits=3),
            Row("garbage collection in that block", "s", block_collecting, None, digits=3),
        ],
        faults=faults,
        notes=[
            "files in a folder stand for S3; the service is a fake in the engine's own process",
            "memory: of the engine that was killed and of the one that went on, the higher; the rest is of the latter",
            "no peer: nothing else there is takes a batch",
        ],
        raw={"killed": killed, "resumed": said},
    )


def _write_batch(root: Path, documents: int) -> None:
    layout = BatchLayout(BATCH)

    def put(uri: str, body: str) -> None:
        path = root / uri.removeprefix("s3://")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)

    segments = -(-documents // SEGMENT)
    for number in range(segments):
        places = range(number * SEGMENT, min((number + 1) * SEGMENT, documents))
        lines = (
            Document(
                document_id=f"document-{place:08d}",
                input_s3_uri=f"s3://bench/in/{place % 1000:03d}/document-{place:08d}.pdf",
                etag=f"{place:032x}",
                size=123_456,
                extra={"customer": f"c{place % 977}"},
            ).to_json()
            for place in places
        )
        put(layout.manifest(number), "\n".join(json.dumps(line) for line in lines))
    plan = Plan(batch_id="b", documents=documents, segments=segments)
    put(layout.plan, json.dumps(plan.to_json()))
    now = time.time()
    orders = Run(
        number=0,
        began=0,
        max_tries=0,
        try_number=1,
        started_at=now,
        deadline=now + 86400,
        request={"dataAutomationProfileArn": "arn:profile"},
        output_s3_uri="s3://bench/out",
        max_open_jobs={"document": 50},
        submit_rate=1e6,
        policy=Policy().to_json(),
    )
    put(layout.run(0), json.dumps(orders.to_json()))


def _killed_in_the_middle(root: Path, documents: int, limit: float) -> int:
    """Run an engine and kill it at a random place of the middle; answer after how many submits."""
    place = documents * random.uniform(0.3, 0.6)  # noqa: S311 - any place will do
    with subprocess.Popen(_command(root, "killed"), cwd=ROOT, env=_environment(str(root))) as process:
        try:
            give_up = time.monotonic() + limit
            while time.monotonic() < give_up and process.poll() is None:
                if _submits(root / "killed.count") >= place:
                    process.kill()
                    process.wait()
                    return _submits(root / "killed.count")
                time.sleep(0.05)
            raise RuntimeError(f"the engine ended or hung after {_submits(root / 'killed.count'):,} submits")
        finally:
            process.kill()


def _submits(count: Path) -> int:
    body = count.read_bytes() if count.exists() else b""
    return int(struct.unpack("q", body)[0]) if len(body) == 8 else 0


def _said(out: Path) -> dict[str, Any]:
    """Answer the last word on everything an engine said; the last line of one that was killed may be half a line."""
    said: dict[str, Any] = {}
    for line in out.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            said |= json.loads(line)
    return said


def _command(root: Path, name: str) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.batch_scale.worker", "--root", str(root), "--batch", BATCH]
    return [*command, "--out", str(root / f"{name}.jsonl"), "--count", str(root / f"{name}.count")]


def _environment(home: str) -> dict[str, str]:
    return {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
