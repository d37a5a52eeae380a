"""What a batch leaves on S3, as the pages need it: how far it is, how it ended, and the rows of its documents.

Reads what the batch's own modules write and nothing else; where the files lie is :class:`BatchLayout`'s business.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.reason import reason_of
from airflow_provider_bda.batch.rows import STATUSES, UNDONE
from airflow_provider_bda.ui.kept import Kept
from airflow_provider_bda.ui.open_segments import open_segment
from airflow_provider_bda.ui.reading import FAILURES, ReadError, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_bda.ui.reading import Listed

#: Seconds a running batch's progress is believed.
PROGRESS_TTL = 2.0
#: Rows a page can search and sort; whoever has more downloads them.
MAX_ROWS = 50_000
#: Bytes of one part of the results: 10,000 rows.
MAX_PART = 64 * 1024 * 1024
#: Segments looked at for documents that are under way: an engine holds four at a time.
MAX_OPEN = 4
_LOOKED_AT = 8
#: Seconds by which the clocks of worker, triggerer and S3 may differ.
_SKEW = 60.0
_PARTS = Kept(2 * MAX_ROWS, FAILURES)
#: Rows of single documents, out of parts that were not parsed.
_FOUND = Kept(1_000, FAILURES)
_DECODE = json.JSONDecoder().raw_decode
_PART = re.compile(r"part-(\d{5,})\.jsonl$")
COUNTS = ("total", "succeeded", "failed", "rejected", "skipped", "running", "waiting")


class Row(NamedTuple):
    """A document of a batch; a tuple, for they are made by the ten thousand.

    :param status: one of the results', or "running" or "waiting".
    :param reason: why it failed, in the words it was told in.
    :param group: the same without what differs between two documents that failed for one reason.
    :param told: its row: what no table shows is parsed when it is asked for.
    """

    document_id: str
    name: str
    status: str
    reason: str
    group: str
    seconds: float | None
    told: str | dict[str, Any]

    def whole(self) -> dict[str, Any]:
        """Answer every column."""
        return _parsed(self.told) if isinstance(self.told, str) else self.told


@dataclass(slots=True)
class Rows:
    """The rows a page can search.

    :param more: whether there are more.
    :param unread: files of the ledger that the time did not suffice for; the next answer knows more.
    """

    rows: list[Row] = field(default_factory=list)
    more: bool = False
    unread: int = 0

    def counts(self) -> dict[str, int]:
        """Count the rows by status."""
        counted = dict.fromkeys(COUNTS, 0)
        for row in self.rows:
            if row.status in counted:
                counted[row.status] += 1
        counted["total"] = len(self.rows)
        return counted


class Batch:
    """One batch.

    :param told: what the batch operator pushed as XCom before it waited.
    """

    def __init__(self, told: Mapping[str, Any]) -> None:
        uri = told.get("batch_s3_uri")
        if not isinstance(uri, str) or not uri.startswith("s3://"):
            raise ReadError("the task did not say where its batch lies")
        self.layout = BatchLayout(uri.rstrip("/"))
        self.region_name: str | None = told.get("region_name")
        #: Where the batch's own files are read, and where those of its jobs.
        self.source = Source(told.get("s3_conn_id") or told.get("aws_conn_id"), self.region_name)
        started = told.get("started_at")
        self._started_at = float(started) if isinstance(started, int | float) else 0.0

    def status(self, *, over: bool) -> dict[str, Any]:
        """Answer how far it is: ``progress.json``, or what the plan says until there is one.

        The numbers add up: ``total`` has the documents that were skipped before there was a manifest, too.

        :param over: whether its task has ended, so that it does not change any more.
        :raises ReadError: S3 refused or did not answer.
        """
        found = self._json(self.layout.progress, 60.0 if over else PROGRESS_TTL)
        if not found:
            return self._planned()
        if not over and _moment(found.get("started_at")) < self._started_at - 1.0:
            # An earlier run's: what it counted holds, how it ended does not.
            counts = {name: found.get(name) for name in COUNTS}
            return _summed(
                {
                    **counts,
                    "running": 0,
                    "waiting": _whole(found.get("waiting")) + _whole(found.get("running")),
                }
            )
        return _summed(found)

    def plan(self) -> dict[str, Any]:
        """Read what the worker decided; empty if that is gone."""
        return self._json(self.layout.plan, 3600.0)

    def summary(self) -> dict[str, Any]:
        """Read what is known at the end; empty before."""
        return self._json(self.layout.summary, 60.0)

    def rows(self, *, over: bool) -> Rows:
        """Read the rows of the documents that are done and, while it runs, of those that are under way.

        :raises ReadError: S3 refused or did not answer.
        """
        parts = self._parts()
        answer = Rows()
        open_ones = [] if over else self._open(parts)
        for number in sorted({*parts, *open_ones}):
            if len(answer.rows) >= MAX_ROWS:
                answer.more = True
                break
            if number in open_ones:
                segment = open_segment(self.source, self.layout, number, str(self.plan().get("draft") or ""))
                answer.unread += segment.catch_up(self.source, self.layout, number)
                answer.rows += map(_row_of, segment.rows())
            else:
                uri, etag, _ = parts[number]
                answer.rows += _PARTS.get((self.source, uri, etag), partial(self._part, uri), 3600.0)
        answer.more = answer.more or len(answer.rows) > MAX_ROWS
        del answer.rows[MAX_ROWS:]
        return answer

    def row(self, document_id: str, *, over: bool) -> Row | None:
        """Find one document's row; of a part that nobody has looked through yet, its line alone is parsed."""
        if not over:
            return next((row for row in self.rows(over=over).rows if row.document_id == document_id), None)
        passed = 0
        for _, (uri, etag, _) in sorted(self._parts().items()):
            key = (self.source, uri, etag)
            row: Row | None
            if (kept := _PARTS.last(key)) is not None:
                row = next((row for row in kept[1] if row.document_id == document_id), None)
                passed += len(kept[1])
            else:
                row, rows = _FOUND.get((*key, document_id), partial(self._found, uri, document_id), 3600.0)
                passed += rows
            if row is not None or passed >= MAX_ROWS:
                return row
        return None

    def _found(self, uri: str, document_id: str) -> tuple[tuple[Row | None, int], int]:
        part = self.source.fetch(uri, MAX_PART)
        told = line_of(part, document_id)
        return (None if told is None else _row_of(told.decode(errors="replace")), part.count(b"\n")), 1

    def _parts(self) -> dict[int, Listed]:
        return {
            int(found[1]): entry
            for entry in self.source.list(self.layout.parts, most=1_000)
            if (found := _PART.search(entry.uri))
        }

    def lines(self, *, failures: bool) -> Iterator[bytes]:
        """Yield every row as a line, or those that are neither a success nor skipped."""
        for entry in self.source.list(self.layout.parts, most=100_000):
            for line in self.source.lines(entry.uri):
                if not failures or _parsed(line.decode(errors="replace")).get("status") in UNDONE:
                    yield line + b"\n"

    def _open(self, parts: Mapping[int, Any]) -> list[int]:
        """Answer the segments this run has begun and not closed: few, for they are begun in their order."""
        segments = self.plan().get("segments")
        found: list[int] = []
        looked = 0
        for number in range(segments if isinstance(segments, int) else 0):
            if number in parts and parts[number].written_at >= self._started_at - 1.0:
                continue
            if looked >= _LOOKED_AT or len(found) >= MAX_OPEN:
                break
            looked += 1
            since = f"{int((self._started_at - _SKEW) * 1000):013d}"
            if self.source.list(self.layout.ledger(number), most=1, after=since):
                found.append(number)
            elif number not in parts:
                break  # nor have those behind it begun
        return found

    def _planned(self) -> dict[str, Any]:
        plan = self.plan()
        documents, rejected, skipped = (
            _whole(plan.get(name)) for name in ("documents", "rejected", "skipped")
        )
        if not plan:
            return {}
        return {
            "total": documents + skipped,
            "rejected": rejected,
            "skipped": skipped,
            "waiting": max(documents - rejected, 0),
        }

    def _part(self, uri: str) -> tuple[list[Row], int]:
        part = self.source.fetch(uri, MAX_PART).decode(errors="replace")
        rows = [_row_of(line) for line in part.split("\n") if line]
        return rows, len(rows)

    def _json(self, uri: str, ttl: float) -> dict[str, Any]:
        try:
            found = json.loads(self.source.read(uri, limit=4 * 1024 * 1024, ttl=ttl))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise ReadError(f"{uri} is not JSON") from None
        return found if isinstance(found, dict) else {}


def line_of(part: bytes, document_id: str) -> bytes | None:
    """Find a document's line in a part of the results, None if it has none."""
    # As a string it may stand in another column, or in another document's line, too.
    for written in {json.dumps(document_id).encode(), json.dumps(document_id, ensure_ascii=False).encode()}:
        place = part.find(written)
        while place >= 0:
            begin = part.rfind(b"\n", 0, place) + 1
            end = part.find(b"\n", place)
            line = part[begin : end if end >= 0 else len(part)]
            if _parsed(line.decode(errors="replace")).get("document_id") == document_id:
                return line
            place = part.find(written, begin + len(line))
    return None


def _summed(progress: dict[str, Any]) -> dict[str, Any]:
    """Lay a total over it that its parts add up to: the engine's own has no documents of other batches."""
    parts = {name: _whole(progress.get(name)) for name in COUNTS if name != "total"}
    ended = sum(parts[name] for name in STATUSES)
    # A document that has just ended may be counted as running, too.
    left = parts["waiting"] or min(parts["running"], max(_whole(progress.get("total")) - ended, 0))
    running = parts["running"] if parts["waiting"] else left
    total = ended + running + parts["waiting"]
    return {**progress, **parts, "running": running, "total": total}


def words_of(error_type: Any, error_message: Any) -> str:
    """Say in one line why something failed."""
    return ": ".join(str(part) for part in (error_type, error_message) if part)[:500] or "no reason was given"


def group_of(error_type: Any, error_message: Any) -> str:
    """Answer the reason under which it is counted."""
    return reason_of(
        error_type if isinstance(error_type, str) else None,
        error_message if isinstance(error_message, str) else None,
    )


def _row_of(told: str | dict[str, Any]) -> Row:
    found = _parsed(told) if isinstance(told, str) else told
    uri, seconds = str(found.get("input_s3_uri") or ""), found.get("seconds")
    status = str(found.get("status") or "")
    error = (found.get("error_type"), found.get("error_message"))
    has_reason = status in UNDONE or (status == "skipped" and any(error))
    return Row(
        document_id=str(found.get("document_id") or ""),
        name=uri.rsplit("/", 1)[-1] or uri,
        status=status,
        reason=words_of(*error) if has_reason else "",
        group=group_of(*error) if status in UNDONE else "",
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        told=told,
    )


def _parsed(line: str) -> dict[str, Any]:
    try:
        # Not json.loads: it asks first what it was given, which takes as long as reading it.
        found, _ = _DECODE(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _moment(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
