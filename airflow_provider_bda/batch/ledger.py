"""What became of each document: records in any order in, one state per document out.

Pure. Records are only ever added, by any number of engines, and may be read in any order, twice or in part:
the state of a document is that of its highest generation, and within a generation the best that is known.
Jobs are counted by their ARN, so a job that two engines both write down counts once.

Records, one JSON object a line (``i`` document's place in its segment, ``g`` generation, ``r`` run)::

    {"k": "intent", "i": 40, "n": 25, "r": 0, "w": ...}  engine w is about to submit these documents
    {"k": "free", "i": 52, "n": 13, "w": ...}     of them, engine w has submitted none of these, and never will
    {"k": "job", "i": 40, "g": 0, "r": 0, "arn": ..., "at": ...}
    {"k": "end", "i": 40, "g": 0, "r": 0, "o": "succeeded", "arn": ..., "at": ..., ...}
    {"k": "skip", "i": 40, "r": 1, "words": ...}  another batch has it; counts for this run and until the next
    {"k": "over", "r": 1}                         the worker has ended this run: nothing more is submitted in it
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class End(StrEnum):
    """How the work on one generation of a document ended, the best first: of two, the earlier one counts."""

    SUCCEEDED = "succeeded"
    #: The service blames the document or its request; no job, or one that ended so.
    REJECTED = "rejected"
    #: The service blames itself.
    BROKEN = "broken"
    #: Our limit passed; the job may go on.
    TIMEOUT = "timeout"
    #: The status could not be read.
    LOST = "lost"


_ORDER = {end: place for place, end in enumerate(End)}
#: A job in these states may yet be found to have succeeded: its handle is asked for again, nothing is bought.
OPEN_ENDS = frozenset({End.TIMEOUT, End.LOST})


@dataclass(slots=True)
class Attempt:
    """One generation of one document.

    :param run: the lowest run that wrote of it: its request is that run's.
    :param jobs: ARN -> epoch seconds of the submit; more than one only where the service forgot a token.
    :param end: the best end record, if any.
    """

    run: int
    jobs: dict[str, float] = field(default_factory=dict)
    end: Mapping[str, Any] | None = None

    @property
    def arn(self) -> str | None:
        """The job to wait for: the end's, else the first by name, which every reader picks alike."""
        if self.end is not None and self.end.get("arn"):
            return str(self.end["arn"])
        return min(self.jobs, default=None)


class DocumentState:
    """All that is known of one document."""

    __slots__ = ("attempts",)

    def __init__(self) -> None:
        self.attempts: dict[int, Attempt] = {}

    @property
    def generation(self) -> int:
        """The highest generation; 0 where nothing is known."""
        return max(self.attempts, default=0)

    @property
    def last(self) -> Attempt | None:
        """The attempt of the highest generation."""
        return self.attempts.get(self.generation)

    @property
    def begun_in(self) -> int | None:
        """The latest run that began an attempt; None where nothing is known."""
        return max((attempt.run for attempt in self.attempts.values()), default=None)

    @property
    def known_in(self) -> int:
        """The latest run that wrote of an attempt; -1 where nothing is known."""
        runs = [attempt.run for attempt in self.attempts.values()]
        runs += [attempt.end["r"] for attempt in self.attempts.values() if attempt.end is not None]
        return max(runs, default=-1)

    @property
    def outcome(self) -> End | None:
        """How the last attempt ended; None while it has not."""
        last = self.last
        return End(last.end["o"]) if last is not None and last.end is not None else None

    @property
    def bought(self) -> int:
        """How many jobs are known to have been bought for it."""
        return len({arn for attempt in self.attempts.values() for arn in attempt.jobs})

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a record in."""
        attempt = self.attempts.get(record["g"])
        if attempt is None:
            attempt = self.attempts[record["g"]] = Attempt(record["r"])
        attempt.run = min(attempt.run, record["r"])
        arn = record.get("arn")
        if arn and (arn not in attempt.jobs or record.get("sub", record["at"]) < attempt.jobs[arn]):
            attempt.jobs[arn] = record.get("sub", record["at"])
        if record["k"] == "end" and (attempt.end is None or _worth(record) < _worth(attempt.end)):
            attempt.end = record


def _worth(end: Mapping[str, Any]) -> tuple[Any, ...]:
    """Rank an end record the same way for every reader, lowest first.

    Of two that did not succeed the one of the later run is what is known now.
    """
    outcome = End(end["o"])
    settled = outcome not in OPEN_ENDS
    return (
        outcome is not End.SUCCEEDED,
        not settled,
        -end["r"],
        _ORDER[outcome],
        end.get("arn") or "",
        end["at"],
        json.dumps(end, sort_keys=True),
    )


class Segment:
    """The states of one segment's documents.

    :param size: how many documents it has.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._states: dict[int, DocumentState] = {}
        self._intents: list[tuple[int, int, int, str]] = []
        self._free: dict[str, set[int]] = {}
        self._skips: dict[int, tuple[int, str]] = {}
        #: The last run that a worker has ended; -1 for none.
        self.over = -1

    def add(self, record: Mapping[str, Any]) -> None:
        """Take a record in; one of another release is passed over."""
        if record.get("k") == "over":
            self.over = max(self.over, record["r"])
        place = record.get("i")
        if not isinstance(place, int) or not 0 <= place < self.size:
            return
        if record.get("k") == "intent":
            end = min(place + record["n"], self.size)
            self._intents.append((place, end, record["r"], record.get("w", "")))
        elif record.get("k") == "free":
            places = range(place, min(place + record["n"], self.size))
            self._free.setdefault(record["w"], set()).update(places)
        elif record.get("k") == "skip":
            self._skips[place] = max(self._skips.get(place, (-1, "")), (record["r"], record["words"]))
        elif record.get("k") in {"job", "end"}:
            self._states.setdefault(place, DocumentState()).add(record)

    def state(self, place: int) -> DocumentState:
        """Answer what is known of a document."""
        return self._states.get(place) or DocumentState()

    def skip(self, place: int) -> tuple[int, str] | None:
        """Answer the last run that left a document to another batch, and why."""
        return self._skips.get(place)

    def intended(self) -> dict[int, int]:
        """Answer the documents of which only an intent is known, with the lowest run of one.

        They may have been submitted: the same token finds the job.
        """
        found: dict[int, int] = {}
        for first, end, run, writer in self._intents:
            free = self._free.get(writer, set())
            for place in range(first, end):
                if place not in self._states and place not in free:
                    found[place] = min(run, found.get(place, run))
        return found

    def announced(self) -> set[int]:
        """Answer the documents that were announced in a later run than anything else is known of them.

        They may have been submitted, for the first time or again.
        """
        found: set[int] = set()
        for first, end, run, writer in self._intents:
            free = self._free.get(writer, set())
            found.update(
                place for place in range(first, end) if place not in free and run > self.state(place).known_in
            )
        return found

    def known(self) -> Iterator[tuple[int, DocumentState]]:
        """Yield the documents of which more than an intent is known."""
        yield from self._states.items()

    def begun(self) -> bool:
        """Tell whether a job of any of its documents is or was, or may be."""
        return bool(self._states or self.intended())

    def open(self) -> set[int]:
        """Answer the documents of which a job is known that may be open, or have ended unseen."""
        return {
            place
            for place, state in self._states.items()
            if state.outcome is None or state.outcome in OPEN_ENDS
        }


def spans(places: Iterable[int]) -> list[tuple[int, int]]:
    """Answer places as runs of neighbours: the first and how many, as ``i`` and ``n`` of a record have them."""
    runs = groupby(enumerate(sorted(places)), key=lambda item: item[1] - item[0])
    found = [[place for _, place in items] for _, items in runs]
    return [(span[0], len(span)) for span in found]


def lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Write records."""
    return b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in records)


def parse(body: bytes) -> Iterator[dict[str, Any]]:
    """Read records.

    :raises ValueError: the body is none of ours: what S3 keeps is whole, so nothing may be passed over.
    """
    for line in body.splitlines():
        if line.strip():
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError("a record of the ledger is a JSON object")
            yield record
