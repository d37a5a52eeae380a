"""What an embedding model says of the segments of its input. Pure: JSON in, typed view out.

A Completed invoke may hold segments that failed; a segment without a status, or with one that nobody knows,
counts as failed: an unknown answer is never success.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.results.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator

_GOOD = "SUCCESS"


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """The outcome of an embedding invoke.

    :param uri: of the result file.
    :param total: how many results it lists.
    :param failed: those that are not whole.
    """

    uri: str
    total: int
    failed: tuple[Failure, ...]

    @classmethod
    def from_json(cls, uri: str, data: Any) -> EmbeddingResult:
        """Read ``segmented-embedding-result.json``."""
        rows = list(_rows(data))
        failed = [
            Failure(_name(number, row), str(row.get("status") or "no status"), _words(row))
            for number, row in enumerate(rows)
            if row.get("status") != _GOOD
        ]
        return cls(uri=uri, total=len(rows), failed=tuple(failed))

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {
            "uri": self.uri,
            "total": self.total,
            "failed": [failure.to_dict() for failure in self.failed],
        }


def _rows(data: Any) -> Iterator[dict[str, Any]]:
    """Walk to the list of results, whatever the member is called."""
    lists = (
        [value for value in data.values() if isinstance(value, list)] if isinstance(data, dict) else [data]
    )
    for rows in lists:
        yield from (row for row in rows or [] if isinstance(row, dict))


def _name(number: int, row: dict[str, Any]) -> str:
    kind = row.get("embeddingType")
    return f"segment {number}" + (f" ({kind})" if kind else "")


def _words(row: dict[str, Any]) -> str | None:
    words = row.get("failureReason") or row.get("errorMessage") or row.get("message")
    return str(words) if words else None
