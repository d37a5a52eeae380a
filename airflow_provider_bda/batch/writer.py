"""Writes an engine's records to the ledger: soon, whole, and with few calls.

A record of a job is written within seconds where calls are to be had: they are earned, a fifth of one with each
document (lists and announcements are paid of it too). Until then the job is known by its token alone, and the service
surely knows the token of a job that is open. With a wide window the calls come faster than jobs end. With a narrow one
(below seven or so) they do not, and a job would end before its record is written: then it is written all the same,
together with its end. That costs more than a fifth, one call per document with a window of one, and nothing else would do.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.ledger import lines

if TYPE_CHECKING:
    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.batch.segments import Store

#: Records that are worth a call at once, and seconds after which fewer are, if the credit allows it.
MANY = 20
OLD = 5.0
#: Calls to begin with, and gained with each document that was submitted or ended (two records).
CREDIT = 4.0
CREDIT_PER_RECORD = 0.1 * 0.8
#: Seconds after which it is looked again whether to write.
LOOK = 1.0


class LedgerWriter:
    """Records on their way to S3. ``run`` must be running.

    :param store: the files on S3.
    """

    def __init__(self, store: Store, layout: BatchLayout) -> None:
        #: In every file's name, so that nobody's is overwritten.
        self.name = uuid.uuid4().hex
        self._store = store
        self._layout = layout
        self._pending: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self._oldest = 0.0
        self._count = 0
        self._credit = CREDIT
        self._written = 0
        #: Jobs of which no record is written yet, and whether one of them has ended.
        self._jobs: set[tuple[int, int, int]] = set()
        self._ended = False
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()

    def add(self, segment: int, record: dict[str, Any]) -> None:
        """Take a record; it is written soon."""
        if not self._count:
            self._oldest = time.monotonic()
        self._pending[segment].append(record)
        self._count += 1
        self._credit += CREDIT_PER_RECORD
        if record["k"] == "job":
            self._jobs.add((segment, record["i"], record["g"]))
        elif record["k"] == "end" and (segment, record["i"], record["g"]) in self._jobs:
            self._ended = True
        if self._count == 1 or self._count >= MANY:
            self._wake.set()

    async def intend(self, segment: int, records: list[dict[str, Any]]) -> None:
        """Write records now, and what waits with them."""
        self._pending[segment] += records
        await self.flush()

    async def run(self) -> None:
        """Write what is many or old, until cancelled.

        :raises StoreError: S3 did not take it.
        """
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._count and self._count < MANY:
                due = self._oldest + OLD - time.monotonic()
                if due <= 0 and (self._credit >= 1 or self._ended):
                    break
                try:
                    async with asyncio.timeout(max(due, LOOK)):
                        await self._wake.wait()
                except TimeoutError:
                    continue
                self._wake.clear()
            await self.flush()
            if self._count:  # came meanwhile, and was not the first of its kind to wake us
                self._wake.set()

    async def flush(self) -> None:
        """Write everything that waits.

        :raises StoreError: S3 did not take it; it still waits.
        """
        async with self._lock:
            self._ended = False
            for segment in list(self._pending):
                records = self._pending.pop(segment)
                self._count = sum(map(len, self._pending.values()))
                name = f"{int(time.time() * 1000):013d}-{self.name}-{self._written:06d}.jsonl"
                try:
                    # If absent: a repeated PUT whose first answer was lost finds its own file there.
                    await self._store.put(self._layout.ledger(segment) + name, lines(records), if_absent=True)
                except BaseException:
                    self._pending[segment] = records + self._pending.get(segment, [])
                    self._count = sum(map(len, self._pending.values()))
                    raise
                self._jobs.difference_update(
                    (segment, record["i"], record["g"]) for record in records if record["k"] == "job"
                )
                self._written += 1
                self._credit -= 1
