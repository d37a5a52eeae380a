"""One contestant in a process of its own: starts its triggers as Airflow's TriggerRunner does, and measures.

It only measures; the parent judges. What the measuring itself costs (collecting garbage before the memory is
read) is taken off the CPU time and is no block of the loop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib
import json
import os
import resource
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import greenback
import psutil
import structlog
from airflow.jobs import triggerer_job_runner  # noqa: F401 - what a triggerer has in memory before any trigger
from airflow.sdk.log import configure_logging

from benchmarks.waiting.service import WARM_UP, arn_of
from benchmarks.watchdog import NAP, Watchdog

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

CONNECTION = "aws_benchmark"


class Meter:
    """CPU seconds of this process, all threads, without those the measuring took."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._own = 0.0
        self.samples: dict[str, dict[str, float]] = {}

    def sample(self, name: str) -> None:
        """Note CPU, memory and moment."""
        began = time.process_time()
        cpu, moment = began - self._own, time.time()
        gc.collect()
        memory = psutil.Process().memory_full_info()
        threads = threading.active_count()
        self.samples[name] = {
            "cpu": cpu,
            "at": moment,
            "rss": memory.rss,
            "uss": memory.uss,
            "threads": threads,
        }
        self._own += time.process_time() - began
        self._watchdog.forgive()


#: The module Airflow imports on the loop when it first meets a trigger of the class.
MODULES = {"ours": "airflow_provider_bda.triggers.job", "peer": "benchmarks.waiting.peer"}


def build_ours(arn: str, poll_interval: int) -> BaseTrigger:
    """Build our trigger."""
    from airflow_provider_bda.triggers.job import JobTrigger

    return JobTrigger(
        kind="data_automation",
        handle={"invocationArn": arn},
        aws_conn_id=CONNECTION,
        poll_interval=poll_interval,
        deadline=time.time() + 86400,
    )


def read_ours(payload: dict[str, Any]) -> tuple[str, str]:
    """Answer handle and outcome of our event."""
    words = {"succeeded": "success", "rejected": "error"}
    return payload["handle"]["invocationArn"], words.get(payload["outcome"], payload["outcome"])


def build_peer(arn: str, poll_interval: int) -> BaseTrigger:
    """Build the peer's trigger."""
    from benchmarks.waiting.peer import PeerTrigger

    return PeerTrigger(invocation_arn=arn, waiter_delay=poll_interval, aws_conn_id=CONNECTION)


def read_peer(payload: dict[str, Any]) -> tuple[str, str]:
    """Answer handle and outcome of the peer's event."""
    return payload["invocation_arn"], payload["status"]


CONTESTANTS = {"ours": (build_ours, read_ours), "peer": (build_peer, read_peer)}


class Contest:
    """The triggers of one contestant in the running loop."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.build, self.read = CONTESTANTS[options.contestant]
        self.watchdog = Watchdog()
        self.meter = Meter(self.watchdog)
        #: (handle, epoch seconds, outcome) of every event.
        self.events: list[tuple[str, float, str]] = []
        self.errors: list[str] = []

    async def run(self) -> dict[str, Any]:
        """Run the phases and answer what was measured."""
        watching = asyncio.create_task(self.watchdog.run())
        self.watchdog.phase = "import"
        await asyncio.sleep(2 * NAP)
        importlib.import_module(MODULES[self.options.contestant])
        await asyncio.sleep(2 * NAP)
        self.watchdog.phase = "warm-up"
        await self._run_trigger(0, WARM_UP)
        self.events.clear()
        self.meter.sample("warm")
        self.watchdog.phase = "start-up"
        started = asyncio.create_task(_started(self.options.port))
        tasks = await self._start()
        everything = asyncio.gather(*tasks)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.options.give_up):
                await asyncio.wait({started, everything}, return_when=asyncio.FIRST_COMPLETED)
                self.meter.sample("waiting")
                self.meter.samples["waiting"]["jobs"] = self.options.jobs - len(self.events)
                self.watchdog.phase = "waiting"
                await asyncio.shield(everything)
        self.meter.sample("end")
        for task in [*tasks, started, watching]:
            task.cancel()
        await asyncio.gather(*tasks, started, watching, everything, return_exceptions=True)
        return {
            "samples": self.meter.samples,
            "longest": self.watchdog.longest,
            "events": self.events,
            "errors": self.errors,
        }

    async def _start(self) -> list[asyncio.Task[None]]:
        """Start all triggers in a row, as ``TriggerRunner.create_triggers`` does with what it has in hand."""
        tasks = []
        for number in range(self.options.jobs):
            await asyncio.sleep(0)
            tasks.append(asyncio.create_task(self._run_trigger(number + 1, arn_of(number))))
            await asyncio.sleep(0)
        return tasks

    async def _run_trigger(self, number: int, arn: str) -> None:
        """Run one trigger as ``TriggerRunner.run_trigger`` does."""
        trigger = self.build(arn, self.options.poll_interval)
        await greenback.ensure_portal()
        structlog.contextvars.bind_contextvars(trigger_id=number)
        try:
            async for event in trigger.run():
                handle, outcome = self.read(event.payload)
                self.events.append((handle, time.time(), outcome))
        except Exception as error:  # noqa: BLE001 - a trigger that dies must not end the others; it is reported
            self.errors.append(f"{arn}: {error!r}")


async def _started(port: int) -> None:
    """Wait until the service has heard of every job."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /started HTTP/1.1\r\n\r\n")
        await reader.readline()
    finally:
        writer.close()


def main() -> None:
    """Run the contestant named on the command line and write what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--poll-interval", type=int, required=True)
    parser.add_argument("--give-up", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with Path(os.devnull).open("wb") as nowhere:
        # As in the triggerer's process, but for the pipe to the supervisor: lines are made, then dropped.
        configure_logging(json_output=True, output=nowhere, sending_to_supervisor=True)
        measured = asyncio.run(Contest(options).run())
        options.out.write_text(json.dumps(measured))
        # asyncio.run() has closed the loop; what the interpreter does on its way out is nobody's figure.
        os._exit(0)


if __name__ == "__main__":
    main()
