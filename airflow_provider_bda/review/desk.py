"""Writes down, as the outputs of a batch pass by, which documents a person should look at."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.review.policy import Review

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_bda.results import CustomOutput
    from airflow_provider_bda.review.policy import ReviewPolicy


class ReviewDesk:
    """Looks at each document and writes a line for those that are to be reviewed.

    :param policy: which these are.
    """

    def __init__(self, policy: ReviewPolicy) -> None:
        self._policy = policy
        self._documents = 0
        self._reasons: Counter[str] = Counter()
        #: Takes the lines of ``needs_review.jsonl``; set before the first look.
        self.write: Callable[[bytes], None] = lambda _: None

    def look(
        self, row: Mapping[str, Any], segments: Iterable[tuple[str | None, CustomOutput | None]]
    ) -> None:
        """Look at the outputs of a document.

        :param row: its row of the results.
        """
        self._note(row, self._policy.review(row["document_id"], segments))

    def unreadable(self, row: Mapping[str, Any]) -> None:
        """Note a document whose output nobody could read."""
        self._note(row, Review(("unreadable",)))

    def to_json(self) -> dict[str, Any]:
        """Answer how many there are, and by reason; a document may have several."""
        return {"documents": self._documents, "reasons": dict(sorted(self._reasons.items()))}

    def _note(self, row: Mapping[str, Any], review: Review) -> None:
        if not review.wanted:
            return
        self._documents += 1
        self._reasons.update(review.reasons)
        self.write(json.dumps(review.line(row), separators=(",", ":")).encode() + b"\n")
