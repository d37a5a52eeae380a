"""A trigger that only waits: a task the service told to come back later holds no worker meanwhile."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class TimerTrigger(BaseTrigger):
    """Wait until a moment, then hand back what it was given.

    :param until: epoch seconds.
    :param payload: plain JSON, the event's payload. (``defer(kwargs=...)`` is dropped by ``dag.test()``.)
    """

    def __init__(self, *, until: float, payload: dict[str, Any], **unknown: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.until = until
        self.payload = payload
        if unknown:
            self.log.warning("arguments of another release are passed over: %s", ", ".join(sorted(unknown)))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Answer what Airflow stores of the trigger."""
        return (
            f"{TimerTrigger.__module__}.{TimerTrigger.__qualname__}",
            {"until": self.until, "payload": self.payload},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep, then yield the payload."""
        await asyncio.sleep(max(self.until - time.time(), 0.0))
        yield TriggerEvent(self.payload)
