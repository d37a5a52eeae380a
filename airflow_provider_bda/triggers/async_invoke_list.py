"""The trigger that waits until a selection of asynchronous invokes has ended, by listing it."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.jobs.decision import Nature
from airflow_provider_bda.jobs.selection import Selection
from airflow_provider_bda.waiting import SETTLE
from airflow_provider_bda.waiting.client_pool import client_pool
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_TIMES = ("submitTimeAfter", "submitTimeBefore")


class AsyncInvokeListTrigger(BaseTrigger):
    """Wait until no selected invoke goes on. Yields ``{"outcome": ..., "selection": {...}, "error": ...}``.

    :param filters: arguments of ListAsyncInvokes, times as ISO 8601.
    :param paging: arguments of the paginator.
    :param target: the four arguments of a connection, as a dict.
    :param poll_interval: seconds between two lists.
    :param deadline: epoch seconds at which the wait is given up.
    :param at_least: how many must be selected.
    """

    def __init__(
        self,
        *,
        filters: dict[str, Any],
        paging: dict[str, Any],
        target: dict[str, Any],
        poll_interval: float,
        deadline: float,
        at_least: int = 0,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.filters = filters
        self.paging = paging
        self.target = target
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.at_least = at_least
        if unknown:
            self.log.warning("arguments of another release are passed over: %s", ", ".join(sorted(unknown)))

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Answer what Airflow stores of the trigger."""
        return (
            f"{AsyncInvokeListTrigger.__module__}.{AsyncInvokeListTrigger.__qualname__}",
            {
                "filters": self.filters,
                "paging": self.paging,
                "target": self.target,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "at_least": self.at_least,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """List until all have ended, the deadline passes, or the service refuses the list."""
        # No event is to come sooner (see SETTLE), and of two lists the later one knows more.
        await asyncio.sleep(SETTLE)
        listed_once = False
        while True:
            selection, error = None, None
            try:
                selection = await self._list()
                listed_once = True
            except CALL_ERRORS as raised:
                seen = call_error(raised)
                error = f"{seen.code}: {seen.message}"
                self.log.warning("the invokes could not be listed: %s", error)
                if not listed_once and seen.nature not in {Nature.THROTTLED, Nature.TRANSIENT}:
                    yield TriggerEvent({"outcome": "lost", "selection": None, "error": error})
                    return
            if selection is not None and selection.is_over(self.at_least):
                yield TriggerEvent({"outcome": "ended", "selection": selection.to_dict(), "error": None})
                return
            if selection is not None:
                self.log.info("%s invokes go on", selection.going_on)
            now = time.time()
            if now >= self.deadline:
                facts = selection.to_dict() if selection is not None else None
                yield TriggerEvent({"outcome": "timeout", "selection": facts, "error": error})
                return
            jitter = random.uniform(0.9, 1.1)  # noqa: S311 - jitter
            await asyncio.sleep(min(self.poll_interval * jitter, self.deadline - now))

    async def _list(self) -> Selection:
        filters = {
            name: datetime.fromisoformat(value) if name in _TIMES else value
            for name, value in self.filters.items()
        }
        client = await client_pool().client(AwsTarget.of(**self.target), "bedrock-runtime")
        pages = client.get_paginator("list_async_invokes").paginate(**filters, PaginationConfig=self.paging)
        return Selection.of([row async for page in pages for row in page["asyncInvokeSummaries"]])
