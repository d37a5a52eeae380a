"""What a library ingestion job says of each entity. Pure: JSON in, typed view out.

AWS documents ``vocabulary.successful[]`` and ``failed[]`` with errorType and errorMessage; other members are
passed over, and what lacks is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_bda.results.failure import Failure


@dataclass(frozen=True, slots=True)
class IngestionResult:
    """The outcome of a library ingestion job.

    :param uri: of the result file.
    :param successful: how many entities were taken.
    :param failed: those that were not.
    """

    uri: str
    successful: int
    failed: tuple[Failure, ...]

    @classmethod
    def from_json(cls, uri: str, data: Any) -> IngestionResult:
        """Read a result file; every entity type in it counts."""
        groups = (
            [group for group in data.values() if isinstance(group, dict)] if isinstance(data, dict) else []
        )
        failed = [row for group in groups for row in group.get("failed") or []]
        return cls(
            uri=uri,
            successful=sum(len(group.get("successful") or []) for group in groups),
            failed=tuple(
                Failure(
                    str(row.get("entityId") or f"line {row.get('line', '?')}"),
                    row.get("errorType"),
                    row.get("errorMessage"),
                )
                for row in failed
                if isinstance(row, dict)
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {
            "uri": self.uri,
            "successful": self.successful,
            "failed": [failure.to_dict() for failure in self.failed],
        }
