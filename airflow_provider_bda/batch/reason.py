"""Why documents of a batch were not done: the reasons, alike ones counted as one. Pure."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.batch.rows import Row

Helps = Literal["retry", "clear"]

#: Different reasons kept apart; what comes after them is counted together.
_MOST = 1_000
_LONGEST = 300
#: What differs between two documents that failed for one reason; in this order.
_PARTICULARS = (
    (re.compile(r"s3://[^\s'\",;)]*[^\s'\",;).:]"), "<uri>"),
    (re.compile(r"arn:[a-z-]+:[^\s'\",;)]*[^\s'\",;).:]"), "<arn>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"[^\s'\",;(]+\.(?:pdf|tiff?|jpe?g|png|docx|txt|mp[34]|mov|avi|mkv|webm|amr|flac|m4a|ogg|wav)\b", re.IGNORECASE), "<file>"),
    (re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{12,}\b"), "<id>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<n>"),
)  # fmt: skip


class Reason(NamedTuple):
    """Why documents were not done.

    :ivar reason: error type and words, without the ids, URIs and numbers that differ.
    :ivar documents: how many.
    :ivar helps: what does them again: "retry", a retry of the task (a clear does too); "clear", only a clear, and
        only once the cause is mended.
    """

    reason: str
    documents: int
    helps: Helps


class Reasons:
    """Counts the reasons of rows as they pass by."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Helps]] = Counter()
        #: Documents whose reason came after too many different ones.
        self.other = 0

    def add(self, row: Row) -> None:
        """Count a row; one that is done or skipped has no reason."""
        if not row.undone:
            return
        key: tuple[str, Helps] = (
            reason_of(row.error_type, row.error_message),
            # A rejected request is rejected again; the rest is lost, was never submitted, or is the service's fault.
            "clear" if row.status == "rejected" else "retry",
        )
        if key in self._counts or len(self._counts) < _MOST:
            self._counts[key] += 1
        else:
            self.other += 1

    def commonest(self, most: int) -> list[Reason]:
        """Answer the commonest reasons first; alike counts by the words."""
        ordered = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return [Reason(reason, count, helps) for (reason, helps), count in ordered[:most]]


def reason_of(error_type: str | None, error_message: str | None) -> str:
    """Answer error type and words without what differs between documents: ids, URIs, file names, numbers."""
    words = " ".join((error_message or "").split())
    for pattern, name in _PARTICULARS:
        words = pattern.sub(name, words)
    if len(words) > _LONGEST:
        words = f"{words[:_LONGEST]}..."
    return ": ".join(part for part in (error_type, words) if part) or "no reason was given"


def commonest_failure(rows: Iterable[Row]) -> Reason | None:
    """Answer the commonest reason of the rows that are not done; None if all are done.

    :param rows: e.g. ``iter_results(batch_uri)``.
    """
    reasons = Reasons()
    for row in rows:
        reasons.add(row)
    return next(iter(reasons.commonest(1)), None)


def commonest_of(summary: Mapping[str, Any]) -> Reason | None:
    """Answer the same out of the content of a ``summary.json``."""
    return next((Reason(**reason) for reason in summary["reasons"]), None)


def closing_lines(commonest: Reason | None, layout: BatchLayout) -> tuple[str, str, str]:
    """Answer the three lines that end the error of a batch: the reason, what helps, where the rest lies."""
    rest = f"Every document that was not done: {layout.failures}; counts: {layout.summary}"
    if commonest is None:
        return ("No document failed.", "Neither a retry nor a clear would do anything.", rest)
    helps = (
        "A retry of the task does these again, and buys nothing twice; a clear does too."
        if commonest.helps == "retry"
        else "A retry passes these over. Mend the cause, then clear the task: a clear does again all that did not succeed."
    )
    documents = "1 document" if commonest.documents == 1 else f"{commonest.documents:,} documents"
    return (f"The commonest reason ({documents}): {commonest.reason}", helps, rest)
