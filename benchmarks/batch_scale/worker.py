"""The engine in a process of its own, on files in a folder and a service that answers at once.

It writes what it measures as JSON lines, so that a process that is killed has said all it knew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mmap
import os
import struct
import time
from pathlib import Path
from typing import Any

import psutil

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.batch.budget import budget_for
from airflow_provider_bda.batch.engine import Engine
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import Outcome
from benchmarks.watchdog import NAP, Watchdog


class FolderStore:
    """S3 as a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.ledger_calls = 0

    def _path(self, uri: str) -> Path:
        return self._root / uri.removeprefix("s3://")

    async def get(self, uri: str, most: int | None = None) -> bytes:
        self.ledger_calls += "/ledger/" in uri
        return self._path(uri).read_bytes()[:most]

    async def put(self, uri: str, body: bytes, *, if_absent: bool = False) -> bool:
        self.ledger_calls += "/ledger/" in uri
        path = self._path(uri)
        path.parent.mkdir(parents=True, exist_ok=True)
        if if_absent and path.exists():
            return False
        # Whole or not at all, as on S3.
        new = path.with_name(f".{path.name}")
        new.write_bytes(body)
        new.rename(path)
        return True

    async def list(self, prefix_uri: str, after: str = "") -> list[str]:
        self.ledger_calls += "/ledger/" in prefix_uri
        folder = self._path(prefix_uri)
        if not folder.is_dir():
            return []
        return sorted(
            f"{prefix_uri}{entry.name}"
            for entry in os.scandir(folder)
            if not entry.name.startswith(".") and entry.name > after
        )


class FastService:
    """A service whose jobs end at once; a job's ARN is made of its token, as the service's memory of it would.

    :param count: a file that knows the number of submits also when this process is killed.
    """

    def __init__(self, count: Path) -> None:
        self.submits = 0
        self.first_submit: float | None = None
        count.write_bytes(bytes(8))
        with count.open("r+b") as file:
            self._count = mmap.mmap(file.fileno(), 8)

    async def submit(self, request: dict[str, Any]) -> str:
        self.submits += 1
        struct.pack_into("q", self._count, 0, self.submits)
        self.first_submit = self.first_submit or time.monotonic()
        return (
            f"arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/{request['clientToken'][:32]}"
        )

    async def wait(self, arn: str, *, deadline: float, interval: float) -> JobEvent:
        await asyncio.sleep(0)
        uri = f"s3://bench/out/{arn.rsplit('/', 1)[-1]}/job_metadata.json"
        answer = {"outputConfiguration": {"s3Uri": uri}, "jobDurationInSeconds": 1}
        return JobEvent(
            kind="data_automation", handle={"invocationArn": arn}, outcome=Outcome.SUCCEEDED, answer=answer
        )

    async def custom_output_status(self, metadata_uri: str) -> list[str]:
        return ["MATCH"]


async def run(options: argparse.Namespace) -> None:
    said = options.out.open("a")
    process = psutil.Process()

    def say(**facts: Any) -> None:
        said.write(json.dumps(facts) + "\n")
        said.flush()

    service, store = FastService(options.count), FolderStore(options.root)
    engine = Engine(
        BatchLayout(options.batch),
        store=store,
        service=service,
        budget_for=lambda modality, limit: budget_for(AwsTarget.of(None), modality, limit),
        say=lambda text, warning=False: None,
        log_interval=5.0,
    )
    began, before = time.monotonic(), process.memory_info().rss
    watchdog = Watchdog()
    watching = asyncio.create_task(watchdog.run())
    task = asyncio.create_task(engine.run())
    grown, told = 0, False
    while not task.done():
        await asyncio.sleep(NAP)
        grown = max(grown, process.memory_info().rss - before)
        if not told and service.first_submit is not None:
            told = True
            say(first_submit=service.first_submit - began)
        say(grown=grown)
    watching.cancel()
    say(
        state=task.result().state,
        submits=service.submits,
        seconds=time.monotonic() - began,
        block=watchdog.longest[""],
        ledger_calls=store.ledger_calls,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--batch", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=Path, required=True)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
