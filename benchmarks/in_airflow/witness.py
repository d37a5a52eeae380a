"""A trigger that watches the triggerer it runs in: its loop's longest block and its memory, second by second."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from benchmarks.watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: Seconds between two lines.
STEP = 1.0


class WitnessOperator(BaseOperator):
    """Defer to a witness until it is told to end."""

    template_fields = ("out",)

    def __init__(self, *, out: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out = out

    def execute(self, context: Any) -> Any:
        return self.defer(trigger=WitnessTrigger(out=self.out), method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any) -> None:
        """Nothing is left to do."""


class WitnessTrigger(BaseTrigger):
    """Write a line of JSON a second to a file, until there is another of the same name with ``.end``.

    A line: ``at`` (epoch seconds), ``rss`` (bytes), ``block`` (seconds, CPU seconds of this process, seconds of garbage
    collection of the longest since the line before).
    """

    def __init__(self, out: str) -> None:
        super().__init__()
        self.out = out

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{WitnessTrigger.__module__}.{WitnessTrigger.__qualname__}", {"out": self.out}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        out, process, watchdog = Path(self.out), psutil.Process(), Watchdog()
        watching = asyncio.create_task(watchdog.run())
        try:
            with out.open("a", buffering=1) as said:  # noqa: ASYNC230 - a line a second to this machine's disk
                while not out.with_name(f"{out.name}.end").exists():
                    await asyncio.sleep(STEP)
                    block = watchdog.longest.pop("", (0.0, 0.0, 0.0))
                    line = {"at": time.time(), "rss": process.memory_info().rss, "block": block}
                    said.write(json.dumps(line) + "\n")
        finally:
            watching.cancel()
        yield TriggerEvent({})
