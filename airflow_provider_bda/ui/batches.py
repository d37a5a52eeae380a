"""What a batch leaves on S3, as the pages need it: its progress, and the rows of its documents.

The one module that knows those files; where they lie is :class:`BatchLayout`'s business.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.ui.reading import Kept, ReadError, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Seconds a running batch's progress is believed.
PROGRESS_TTL = 2.0
#: Rows a page can search and sort; whoever has more downloads them.
MAX_ROWS = 50_000
_PARTS = Kept(2 * MAX_ROWS)
COUNTS = ("total", "succeeded", "failed", "rejected", "skipped", "running", "waiting")


@dataclass(frozen=True, slots=True)
class Row:
    """A document of a batch.

    :param line: its row as it stands on S3: what no table shows is parsed when it is asked for.
    """

    document_id: str
    name: str
    status: str
    reason: str
    seconds: float | None
    line: bytes

    def whole(self) -> dict[str, Any]:
        """Answer every column."""
        found = json.loads(self.line)
        return found if isinstance(found, dict) else {}


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

    def progress(self, *, over: bool) -> dict[str, Any]:
        """Read how far it is; empty before it has said anything.

        :param over: whether its task has ended, so that it does not change any more.
        :raises ReadError: S3 refused or did not answer.
        """
        return self._json(self.layout.progress, 60.0 if over else PROGRESS_TTL)

    def summary(self) -> dict[str, Any]:
        """Read what is known at the end; empty before."""
        return self._json(self.layout.summary, 60.0)

    def rows(self) -> tuple[list[Row], bool]:
        """Read the rows of the documents that are done, and say whether there are more than a page can search.

        :raises ReadError: S3 refused or did not answer.
        """
        rows: list[Row] = []
        for uri, etag in self.source.list(self.layout.parts, most=200):
            if len(rows) >= MAX_ROWS:
                return rows[:MAX_ROWS], True
            rows += _PARTS.get((self.source, uri, etag), partial(self._part, uri), 3600.0)
        return rows[:MAX_ROWS], len(rows) > MAX_ROWS

    def row(self, document_id: str) -> Row | None:
        """Find one document's row."""
        return next((row for row in self.rows()[0] if row.document_id == document_id), None)

    def lines(self, *, failures: bool) -> Iterator[bytes]:
        """Yield every row as a line, or those that are neither a success nor skipped."""
        for uri, _ in self.source.list(self.layout.parts, most=1000):
            for line in self.source.lines(uri):
                if not failures or _row(line).status not in {"succeeded", "skipped"}:
                    yield line + b"\n"

    def _part(self, uri: str) -> tuple[list[Row], int]:
        rows = [_row(line) for line in self.source.lines(uri) if line.strip()]
        return rows, len(rows)

    def _json(self, uri: str, ttl: float) -> dict[str, Any]:
        try:
            found = json.loads(self.source.read(uri, limit=1024 * 1024, ttl=ttl))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise ReadError(f"{uri} is not JSON") from None
        return found if isinstance(found, dict) else {}


class Ended(Protocol):
    """What is counted: a document with its status and why it failed."""

    @property
    def status(self) -> str:
        """In the words of a row."""

    @property
    def reason(self) -> str:
        """In the service's words."""


def failures_by_reason(rows: Iterable[Ended]) -> list[dict[str, Any]]:
    """Count the failures by the service's own reason, the commonest first."""
    counted = Counter(row.reason for row in rows if row.status in {"failed", "rejected"})
    return [{"reason": reason, "count": count} for reason, count in counted.most_common(50)]


def reason_of(error_type: Any, error_message: Any) -> str:
    """Say in one line why something failed."""
    return ": ".join(str(part) for part in (error_type, error_message) if part)[:500] or "no reason given"


def _row(line: bytes) -> Row:
    try:
        found = json.loads(line)
    except ValueError:
        found = {}
    found = found if isinstance(found, dict) else {}
    uri, seconds = str(found.get("input_s3_uri") or ""), found.get("seconds")
    status = str(found.get("status") or "")
    failed = status in {"failed", "rejected"}
    return Row(
        document_id=str(found.get("document_id") or ""),
        name=uri.rsplit("/", 1)[-1] or uri,
        status=status,
        reason=reason_of(found.get("error_type"), found.get("error_message")) if failed else "",
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        line=line,
    )
