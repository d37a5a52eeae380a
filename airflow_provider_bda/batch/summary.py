"""What a batch's rows come to: counts, reasons and durations. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.durations import Durations
from airflow_provider_bda.batch.reason import Reasons
from airflow_provider_bda.batch.rows import STATUSES, UNDONE

if TYPE_CHECKING:
    from airflow_provider_bda.batch.rows import Row

#: Reasons that are spelled out; ``failures.jsonl`` has every one.
MOST_REASONS = 50


class Figures:
    """Counts rows as they pass by, in memory that does not depend on their number."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.jobs = 0
        self.reasons = Reasons()
        self._queued = Durations()
        self._running = Durations()
        self._custom: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Count a row; of a document that was skipped an earlier batch has counted the job."""
        self.statuses[row.status] += 1
        if row.status == "skipped":
            return
        self.jobs += row.jobs
        self.reasons.add(row)
        self._custom.update(row.custom_output_status)
        if row.seconds is None:
            return
        self._running.add(row.seconds)
        if row.submitted_at is not None and row.completed_at is not None:
            self._queued.add(row.completed_at - row.submitted_at - row.seconds)

    def to_json(self) -> dict[str, Any]:
        """Answer the figures as plain JSON; ``seconds.queued`` is from submit to end less ``seconds.running``."""
        shown = self.reasons.commonest(MOST_REASONS)
        undone = sum(self.statuses[status] for status in UNDONE)
        return {
            "total": self.statuses.total(),
            **{status: self.statuses[status] for status in STATUSES},
            "jobs_submitted": self.jobs,
            "reasons": [reason._asdict() for reason in shown],
            "other_reasons": undone - sum(reason.documents for reason in shown),
            "seconds": {"queued": self._queued.to_json(), "running": self._running.to_json()},
            "custom_output_status": dict(sorted(self._custom.items())),
        }
