"""When does a batch stop, and has it failed? Pure: counts in, a reason or None out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_bda.batch.plan import Policy

#: Submits refused in the same words, with none accepted before: the request is wrong, not the documents.
SAME_REFUSALS = 10
#: Different reasons that are told apart.
MOST_REASONS = 1_000


@dataclass(slots=True)
class Tally:
    """How many documents are where.

    :param total: of the manifest.
    :param succeeded: their job succeeded.
    :param failed: no job of theirs succeeded, at no fault of the document's.
    :param rejected: refused, before or after the submit.
    :param skipped: left to another batch.
    :param consecutive_rejections: of the documents that ended last under this engine's eyes.
    :param reasons: error type -> documents.
    """

    total: int
    succeeded: int = 0
    failed: int = 0
    rejected: int = 0
    skipped: int = 0
    consecutive_rejections: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def ended(self) -> int:
        """Documents with nothing left to do."""
        return self.succeeded + self.failed + self.rejected + self.skipped

    def end(
        self, status: str, error_type: str | None = None, words: str | None = None, *, before: bool = False
    ) -> None:
        """Count a document that ended.

        :param before: whether it had ended before; then nobody knows after which other.
        """
        if status == "succeeded":
            self.succeeded += 1
        elif status == "rejected":
            self.rejected += 1
        elif status == "skipped":
            self.skipped += 1
            return
        else:
            self.failed += 1
        if not before:
            self.consecutive_rejections = self.consecutive_rejections + 1 if status == "rejected" else 0
        if status != "succeeded":
            self.note(error_type, words)

    def note(self, error_type: str | None, words: str | None, count: int = 1) -> None:
        """Count a reason; of very many different ones the rest is counted as one."""
        reason = (error_type or "", words or "")
        if reason not in self.reasons and len(self.reasons) >= MOST_REASONS:
            reason = ("", "another reason")
        self.reasons[reason] += count


def failure(policy: Policy, tally: Tally) -> str | None:
    """Answer why the batch has failed, however the rest of it ends; None as long as it has not."""
    failed, rejected = tally.failed, tally.rejected
    if policy.tolerated_rejections is not None:
        if rejected > policy.tolerated_rejections:
            return f"{rejected:,} of {tally.total:,} documents were rejected, tolerated are {policy.tolerated_rejections:,}"
    else:
        failed += rejected
    most = policy.tolerated_failures
    if policy.tolerated_failure_percentage is not None:
        most = max(most, int(tally.total * policy.tolerated_failure_percentage / 100))
    if failed > most:
        return f"{failed:,} of {tally.total:,} documents failed, tolerated are {most:,}"
    return None


def stop_reason(policy: Policy, tally: Tally) -> str | None:
    """Answer why nothing more is to be submitted, though documents are left."""
    limit = policy.max_consecutive_rejections
    if limit is not None and tally.consecutive_rejections >= limit:
        return f"{tally.consecutive_rejections:,} documents in a row were rejected"
    if policy.fail_fast and (why := failure(policy, tally)) is not None:
        return f"fail_fast: {why}"
    return None
