"""Segments of a batch on S3: opened from manifest and ledger, closed into a part of the results and a mark."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.ledger import Segment, parse
from airflow_provider_bda.batch.store import StoreError
from airflow_provider_bda.batch.work import left_to_do, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.batch.ledger import DocumentState
    from airflow_provider_bda.batch.plan import Run
    from airflow_provider_bda.batch.work import Work

#: Objects read at once.
READS = 16
#: Seconds by which the clocks of two writers of one ledger may differ.
SKEW = 900.0


class Store(Protocol):
    """Whole objects by their URI; see :class:`~airflow_provider_bda.batch.store.S3Store`."""

    #: S3 object tags of what is written from now on.
    tags: Mapping[str, str]

    async def get(self, uri: str, most: int | None = None) -> bytes:
        """Read an object."""

    async def etag(self, uri: str) -> str | None:
        """Answer which version of an object there is."""

    async def put(
        self, uri: str, body: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> bool:
        """Write an object."""

    async def list(self, prefix_uri: str, after: str = "") -> list[str]:
        """Answer the URIs under a prefix."""


@dataclass(slots=True)
class OpenSegment:
    """A segment that is being worked on.

    :param number: its number in the manifest.
    :param documents: of the manifest, in order.
    :param states: what the ledger says of them.
    :param read: the ledger's files taken in so far.
    :param listed_at: epoch seconds at which they were listed last.
    :param begun: documents that count as begun since the last clear.
    :param announced: documents of which this engine has written that it is about to submit them.
    :param unsure: documents that the service was asked for without an answer: a job of theirs may be.
    :param busy: documents in hand.
    :param handed_out: whether everything in it was handed out.
    """

    number: int
    documents: list[Document]
    states: Segment
    read: set[str] = field(default_factory=set)
    listed_at: float = 0.0
    begun: set[int] = field(default_factory=set)
    announced: set[int] = field(default_factory=set)
    unsure: set[int] = field(default_factory=set)
    busy: int = 0
    handed_out: bool = False

    def state(self, place: int) -> DocumentState:
        """Answer what is known of a document."""
        return self.states.state(place)

    def unsubmitted(self) -> list[int]:
        """Answer what this engine has announced and surely not submitted."""
        return [
            place for place in sorted(self.announced - self.unsure) if self.states.state(place).last is None
        ]


async def read_segment(store: Store, layout: BatchLayout, number: int, draft: str = "") -> OpenSegment:
    """Read a segment's manifest and all of its ledger.

    :param draft: the plan's.
    """
    body = await store.get(layout.manifest(number, draft))
    documents = await asyncio.to_thread(_documents, body)
    segment = OpenSegment(number, documents, Segment(len(documents)), listed_at=time.time())
    uris = await store.list(layout.ledger(number))
    records = await _read_records(store, uris)
    await asyncio.to_thread(_add, segment, records)  # nobody else holds the segment yet
    segment.read.update(uris)
    return segment


async def catch_up(
    store: Store, layout: BatchLayout, segment: OpenSegment, own: str | None, *, everything: bool = False
) -> bool:
    """Take in what other engines have written meanwhile; answer whether there was anything.

    :param own: the name of our own writer, whose files are not read; None for one that writes none.
    :param everything: look at all files, however old their name says they are.
    """
    since = "" if everything else f"{max(int((segment.listed_at - SKEW) * 1000), 0):013d}"
    now = time.time()
    found = await store.list(layout.ledger(segment.number), since)
    segment.listed_at = now
    news = [uri for uri in found if (own is None or own not in uri) and uri not in segment.read]
    _add(segment, await _read_records(store, news))
    segment.read.update(news)
    return bool(news)


async def _read_records(store: Store, uris: Iterable[str]) -> list[dict[str, Any]]:
    slots = asyncio.Semaphore(READS)

    async def read(uri: str) -> bytes:
        async with slots:
            return await store.get(uri)

    bodies = await asyncio.gather(*map(read, uris))
    return await asyncio.to_thread(lambda: [record for body in bodies for record in parse(body)])


def _add(segment: OpenSegment, records: Iterable[dict[str, Any]]) -> None:
    for record in records:
        segment.states.add(record)


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands of a segment a run has closed.

    :param documents: how many it has.
    :param statuses: status -> documents, as in the rows.
    :param ends: outcome, or "skipped" -> documents that were not refused before submit.
    :param begun: run of a document's last attempt -> documents.
    :param left: documents there is still something to do for.
    :param jobs: bought for it.
    :param reasons: (error type, words, documents) of what did not succeed, the commonest first.
    """

    segment: int
    run: int
    documents: int
    statuses: dict[str, int]
    ends: dict[str, int]
    begun: dict[str, int]
    left: int
    jobs: int
    reasons: list[list[Any]] = field(default_factory=list)

    def holds_for(self, run: Run) -> bool:
        """Tell whether the run has nothing to do in this segment."""
        if self.run == run.number:
            return True
        again = any(count and run.redoes_outcome(end, self.run) for end, count in self.ends.items())
        # What was left to another batch is looked at anew by every run.
        return self.left == 0 and not again and not self.ends.get("skipped")


#: How many different reasons a mark keeps.
REASONS = 50
#: How often the rows of a segment are made anew where others have written them meanwhile.
CLOSINGS = 5


async def close_segment(
    store: Store, layout: BatchLayout, segment: OpenSegment, run: Run, own: str | None = None
) -> Mark:
    """Write a segment's rows, and the mark where nothing is left to do in it.

    Rows replace only those that were there before the ledger was read last. So an engine that could not write for a while (a
    host without network, whose batch went on elsewhere) puts no old rows over newer ones.

    :param own: the name of our own writer, of which everything is on S3.
    :raises StoreError: S3 refused or did not come back, or others wrote the rows all the time.
    """
    part = layout.part(segment.number)
    for attempt in range(CLOSINGS):
        there = await store.etag(part)
        await catch_up(store, layout, segment, own, everything=True)
        body, mark = await asyncio.to_thread(_rows, segment, run)
        # What the end of a batch has added to the rows stays.
        if attempt and await asyncio.to_thread(_says, await store.get(part), body):
            break
        if await store.put(part, body, if_absent=there is None, if_match=there):
            break
    else:
        raise StoreError(f"{part} was written by others {CLOSINGS} times in a row", "PreconditionFailed")
    if mark.left == 0:
        mark_body = json.dumps({name: getattr(mark, name) for name in Mark.__slots__}).encode()
        await store.put(layout.mark(segment.number, run.number), mark_body)
    return mark


async def read_marks(store: Store, layout: BatchLayout, run: Run) -> dict[int, Mark]:
    """Answer the marks that hold for a run, by segment."""
    latest: dict[int, tuple[int, str]] = {}
    for uri in await store.list(layout.closed):
        segment, of_run = (int(part) for part in uri.rsplit("/", 1)[-1].removesuffix(".json").split("-"))
        if of_run <= run.number:
            latest[segment] = max(latest.get(segment, (-1, "")), (of_run, uri))
    slots = asyncio.Semaphore(READS)

    async def read(uri: str) -> Mark:
        async with slots:
            kept = json.loads(await store.get(uri))
        return Mark(**{name: kept[name] for name in Mark.__slots__})

    marks = await asyncio.gather(*(read(uri) for _, uri in latest.values()))
    return {mark.segment: mark for mark in marks if mark.holds_for(run)}


def _documents(body: bytes) -> list[Document]:
    return [Document.from_json(json.loads(line)) for line in body.splitlines() if line.strip()]


def work_of(segment: OpenSegment, run: Run) -> list[Work]:
    """Answer what a run has to do in a segment."""
    return left_to_do(segment.documents, segment.states, run)


def _says(there: bytes, wanted: bytes) -> bool:
    """Tell whether rows say everything that others do, and maybe more."""
    old, new = there.splitlines(), wanted.splitlines()
    return len(old) == len(new) and all(
        {**(row := json.loads(one)), **json.loads(other)} == row for one, other in zip(old, new, strict=True)
    )


def _rows(segment: OpenSegment, run: Run) -> tuple[bytes, Mark]:
    written: list[bytes] = []
    statuses: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    begun: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    jobs = 0
    # Also what has a row of before a clear and was not done again yet.
    left = len(work_of(segment, run))
    for place, row in enumerate(rows_of(segment.documents, segment.states)):
        state = segment.state(place)
        jobs += state.bought
        if state.begun_in is not None:
            begun[str(state.begun_in)] += 1
        if row["status"] is None:
            continue
        statuses[row["status"]] += 1
        if row["status"] == "skipped":
            ends["skipped"] += 1
        elif state.outcome is not None:
            ends[str(state.outcome)] += 1
        if row["status"] not in {"succeeded", "skipped"}:
            reasons[(row["error_type"] or "", row["error_message"] or "")] += 1
        written.append(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    mark = Mark(
        segment=segment.number,
        run=run.number,
        documents=len(segment.documents),
        statuses=dict(statuses),
        ends=dict(ends),
        begun=dict(begun),
        left=left,
        jobs=jobs,
        reasons=[[kind, words, count] for (kind, words), count in reasons.most_common(REASONS)],
    )
    return b"".join(written), mark
