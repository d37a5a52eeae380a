"""Runs both ways one after the other on the same durations, and judges. The goals are issue 5's.

A tenth of real time: jobs take 1 to 11 seconds instead of 10 to 110, and what is asked every 10 seconds is asked every
second. The lower bound is the sum of the durations over the slots.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from threading import Thread
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.plan import Plan, Policy, Run
from airflow_provider_bda.emulator import Emulator, Settings
from benchmarks.report import Report, Row

if TYPE_CHECKING:
    import argparse

FULL, QUICK = 1_000, 60
SLOTS = 25
#: Seconds a job takes, drawn per document: the same for both.
SHORTEST, LONGEST = 1.0, 11.0
#: Of real time.
SCALE = 0.1
POLL = (2.0 * SCALE, 10.0 * SCALE)
PEER_POLL = (10.0 * SCALE, 10.0 * SCALE)
#: Seconds a slow machine may take beside.
PATIENCE = 900.0
GOAL_MAKESPAN = 1.05
GOAL_BESIDE = 2.0
ROOT = Path(__file__).parents[2]


def run(options: argparse.Namespace) -> Report:
    """Run the benchmark."""
    documents = QUICK if options.quick else FULL
    ours = _contest(documents, 2 * SLOTS, POLL)
    peer = _contest(documents, SLOTS, PEER_POLL)
    faults = [f"{name}: {fault}" for name, one in (("ours", ours), ("peer", peer)) for fault in one["faults"]]
    reached = ours["ratio"] <= GOAL_MAKESPAN
    beside = ours["beside"] <= GOAL_BESIDE
    return Report(
        name="batch_slots",
        title=f"{documents:,} documents of {SHORTEST:g} to {LONGEST:g} s on {SLOTS} slots (a tenth of real time)",
        rows=[
            Row(
                "makespan over the lower bound",
                "",
                ours["ratio"],
                peer["ratio"],
                f"{GOAL_MAKESPAN:g}",
                reached,
                3,
            ),
            Row("makespan", "s", ours["makespan"], peer["makespan"], digits=1),
            Row("lower bound", "s", ours["bound"], peer["bound"], digits=1),
            Row(
                "a single document beside it starts after, in mean durations",
                "",
                ours["beside"],
                peer["beside"],
                f"{GOAL_BESIDE:g}",
                beside,
            ),
            Row("status calls per document", "", ours["calls"], peer["calls"], digits=1),
        ],
        faults=faults,
        notes=[
            "peer: the same engine with a window of 25 jobs, asking every 10 s (here 1 s) and nothing else",
            "the single document is submitted in the middle by a client of its own",
        ],
        raw={"ours": ours, "peer": peer},
    )


def _contest(documents: int, window: int, poll: tuple[float, float]) -> dict[str, Any]:
    dice = Random(1)  # noqa: S311 - the same durations for both
    seconds = {f"in/{n:05d}.txt": dice.uniform(SHORTEST, LONGEST) for n in range(documents)}
    mean = sum(seconds.values()) / documents

    def duration(job: Any) -> float:
        return seconds.get(job.input_uri.removeprefix("s3://bench/"), mean)

    settings = Settings(duration=duration, concurrent_jobs={"DOCUMENT": SLOTS})
    bound = max(sum(seconds.values()) / SLOTS, *seconds.values())
    with Emulator(settings) as aws, tempfile.TemporaryDirectory(prefix="bda-slots-") as home:
        batch = _write_batch(aws, list(seconds), window, bound)
        command = [sys.executable, "-m", "benchmarks.batch_slots.worker", "--batch", batch]
        command += ["--poll", *map(str, poll)]
        single: dict[str, Any] = {}
        later = Thread(target=_submit_beside, args=(aws, documents, single), daemon=True)
        later.start()
        ran = subprocess.run(
            command, cwd=ROOT, env=_environment(aws, home), check=False, timeout=bound * 3 + PATIENCE
        )
        later.join(30)
        jobs = {job.input_uri: job for job in aws.jobs() if job.arn != single.get("arn")}
        faults = [] if ran.returncode == 0 else [f"the engine ended with {ran.returncode}"]
        if len(jobs) != documents or len(aws.jobs()) != documents + 1:
            faults.append(f"{len(aws.jobs())} jobs for {documents} documents and a single one")
        calls = len(aws.calls("GetDataAutomationStatus"))
        alone = next((job for job in aws.jobs() if job.arn == single.get("arn")), None)
        begun = min((job.submitted for job in jobs.values()), default=0.0)
        makespan = max((job.ended or 0.0 for job in jobs.values()), default=0.0) - begun
        return {
            "makespan": makespan,
            "bound": bound,
            "ratio": makespan / bound,
            "beside": ((alone.started or 0.0) - alone.submitted) / mean if alone else float("nan"),
            "calls": calls / documents,
            "faults": faults,
        }


def _submit_beside(aws: Emulator, documents: int, single: dict[str, Any]) -> None:
    """Submit one document of somebody else's when a third of the batch has gone."""
    give_up = time.monotonic() + 600
    while len(aws.jobs()) < documents / 3 and time.monotonic() < give_up:
        time.sleep(0.1)
    answer = aws.client("bedrock-data-automation-runtime").invoke_data_automation_async(
        **_request(aws),
        inputConfiguration={"s3Uri": "s3://bench/single.txt"},
        outputConfiguration={"s3Uri": "s3://bench/other"},
    )
    single["arn"] = answer["invocationArn"]


def _request(aws: Emulator) -> dict[str, Any]:
    blueprint = f"arn:aws:bedrock:{aws.region}:aws:blueprint/bedrock-data-automation-public-invoice"
    return {"dataAutomationProfileArn": aws.profile_arn, "blueprints": [{"blueprintArn": blueprint}]}


def _write_batch(aws: Emulator, keys: list[str], window: int, bound: float) -> str:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bench")
    for key in [*keys, "single.txt"]:
        s3.put_object(Bucket="bench", Key=key, Body=b"Invoice number: 7\n")
    layout = BatchLayout("s3://bench/out/_batches/b")
    documents = [Document(document_id=key, input_s3_uri=f"s3://bench/{key}").to_json() for key in keys]
    now = time.time()
    orders = Run(
        number=0,
        began=0,
        max_tries=0,
        try_number=1,
        started_at=now,
        deadline=now + bound * 3 + PATIENCE,
        request=_request(aws),
        output_s3_uri="s3://bench/out",
        max_open_jobs={"document": window},
        policy=Policy().to_json(),
    )
    bodies = {
        layout.manifest(0): "\n".join(map(json.dumps, documents)),
        layout.plan: json.dumps(Plan(batch_id="b", documents=len(keys), segments=1).to_json()),
        layout.run(0): json.dumps(orders.to_json()),
    }
    for uri, body in bodies.items():
        s3.put_object(Bucket="bench", Key=uri.removeprefix("s3://bench/"), Body=body.encode())
    return layout.batch_s3_uri


def _environment(aws: Emulator, home: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))}
    return plain | {
        "AIRFLOW_CONN_AWS_BENCHMARK": json.dumps(aws.connection()),
        "AIRFLOW_HOME": home,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
