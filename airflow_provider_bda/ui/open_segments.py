"""The documents of a segment that is still being worked on, out of its manifest and its ledger.

A ledger is some thousand small files. What an answer's time does not suffice for is read by the next one; what was
read is kept, for files of a ledger never change.
"""

from __future__ import annotations

import json
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.ledger import Segment, parse
from airflow_provider_bda.batch.work import row_of
from airflow_provider_bda.ui.kept import Kept
from airflow_provider_bda.ui.reading import MAX_FILE, ReadError, side_by_side

if TYPE_CHECKING:
    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.ui.reading import Source

#: Documents of open segments that are kept, of all batches: what one engine holds, some 2 kB each.
MAX_KEPT = 40_000
#: Files of one segment's ledger.
MAX_FILES = 5_000
#: Milliseconds by which the clocks that name the files may differ, as the engine reckons.
_SKEW = 900_000


class OpenSegment:
    """A segment as far as it is known.

    :param documents: of the manifest.
    """

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents
        self._states = Segment(len(documents))
        self._read: set[str] = set()
        self._after = ""
        self._lock = threading.Lock()
        self._rows: tuple[int, list[dict[str, Any]]] = (-1, [])

    def catch_up(self, source: Source, layout: BatchLayout, number: int) -> int:
        """Read what is new in the ledger while the time lasts; answer how many files are left to read.

        :raises ReadError: S3 refused or did not answer, or a file is none of a ledger.
        """
        listed = source.list(layout.ledger(number), most=MAX_FILES, after=self._after)
        news = [entry.uri for entry in listed if entry.uri not in self._read]
        left = 0
        for future in side_by_side([partial(self._take_in, source, uri) for uri in news]):
            if future.done() and not future.cancelled():
                future.result()
            else:
                left += 1
        if not left and listed:
            # A name begins with the epoch milliseconds of its writing.
            newest = listed[-1].uri.rsplit("/", 1)[-1].split("-")[0]
            self._after = f"{max(int(newest) - _SKEW, 0):013d}" if newest.isdecimal() else ""
        return left

    def _take_in(self, source: Source, uri: str) -> None:
        try:
            records = list(parse(source.fetch(uri)))
        except (ValueError, FileNotFoundError) as error:
            raise ReadError(f"{uri} cannot be read: {type(error).__name__}") from error
        with self._lock:
            if uri not in self._read:
                self._read.add(uri)
                for record in records:
                    self._states.add(record)

    def rows(self) -> list[dict[str, Any]]:
        """Answer a row for each document; the status of one that has not ended is "running" or "waiting"."""
        with self._lock:
            known, rows = self._rows
            if known != len(self._read):
                rows = [self._row(place) for place in range(len(self.documents))]
                self._rows = (len(self._read), rows)
            return rows

    def _row(self, place: int) -> dict[str, Any]:
        state = self._states.state(place)
        row = row_of(self.documents[place], state, self._states.skip(place))
        if row["status"] is None:
            row["status"] = "waiting" if state.last is None else "running"
        return row


_SEGMENTS = Kept(MAX_KEPT)


def open_segment(source: Source, layout: BatchLayout, number: int, draft: str) -> OpenSegment:
    """Answer a segment, read up to where an earlier answer came.

    :param draft: the plan's.
    :raises FileNotFoundError: it has no manifest.
    :raises ReadError: S3 refused or did not answer, or the manifest is none.
    """
    uri = layout.manifest(number, draft)

    def make() -> tuple[OpenSegment, int]:
        try:
            lines = source.fetch(uri, MAX_FILE).splitlines()
            documents = [Document.from_json(json.loads(line)) for line in lines if line.strip()]
        except (ValueError, TypeError, AttributeError) as error:
            raise ReadError(f"{uri} is no manifest of a batch") from error
        return OpenSegment(documents), len(documents)

    found: OpenSegment = _SEGMENTS.get((source, uri), make, 3600.0)
    return found


def forget() -> None:
    """Forget every segment, for tests."""
    _SEGMENTS.clear()
