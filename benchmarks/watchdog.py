"""The longest time in which an event loop gave no turn, and what of it was this process's own doing."""

from __future__ import annotations

import asyncio
import gc
import time

#: The watchdog's nap: a block shorter than this is not seen.
NAP = 0.02


class Watchdog:
    """Notes the longest time in which the loop gave no turn to a coroutine that naps, by phase.

    Like Airflow's own ``block_watchdog`` it takes the time from turn to turn, so a figure includes the nap. Beside
    it stand the CPU seconds of this process meanwhile (much less than the block: the machine was busy with others)
    and the seconds of garbage collection: a full one goes through all of Airflow.
    """

    def __init__(self) -> None:
        self.phase = ""
        #: Phase -> seconds, CPU seconds, seconds of garbage collection.
        self.longest: dict[str, tuple[float, ...]] = {}
        self._turn: tuple[float, ...] = ()
        self._collected = 0.0
        self._collecting_since = 0.0

    async def run(self) -> None:
        """Go on until cancelled."""
        gc.callbacks.append(self._on_collection)
        self.forgive()
        try:
            while True:
                await asyncio.sleep(NAP)
                gap = tuple(now - then for now, then in zip(self._now(), self._turn, strict=True))
                self.longest[self.phase] = max(self.longest.get(self.phase, gap), gap)
                self.forgive()
        finally:
            gc.callbacks.remove(self._on_collection)

    def forgive(self) -> None:
        """Start anew: what was done just before is not the contestant's, or is noted."""
        self._turn = self._now()

    def _now(self) -> tuple[float, ...]:
        return (time.monotonic(), time.process_time(), self._collected)

    def _on_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collecting_since = time.monotonic()
        else:
            self._collected += time.monotonic() - self._collecting_since
