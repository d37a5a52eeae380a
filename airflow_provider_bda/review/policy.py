"""What makes a document one that a person should look at. Pure; values of documents are looked at and never kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_bda.results import CustomOutput, Field

_INDEX = re.compile(r"\[\d+\]")
#: Fields told of one document; a table may have thousands of unsure cells.
_MOST_FIELDS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPolicy:
    """When a document is to be looked at.

    A field is named by its path, with ``[]`` for any entry of a list: ``lines[].amount``.

    :param min_confidence: fields below this are unsure (0 to 1); None looks at none but those in ``thresholds``.
    :param thresholds: the same for single fields: path -> confidence; it overrules ``min_confidence``.
    :param required: fields that must have a value.
    :param match_statuses: the ``custom_output_status`` words that need no look; empty: any will do.
    :param audit_percentage: share of all other documents to look at nevertheless, 0 to 100; which ones follows from the
        document's id, so that a retry takes the same.
    """

    min_confidence: float | None = 0.8
    thresholds: Mapping[str, float] = field(default_factory=dict)
    required: Sequence[str] = ()
    match_statuses: Sequence[str] = ("MATCH",)
    audit_percentage: float = 0

    def __post_init__(self) -> None:
        """Refuse what is out of range.

        :raises BdaInputError: a number is, or a name is none.
        """
        given = {f"thresholds[{name!r}]": value for name, value in self.thresholds.items()}
        if self.min_confidence is not None:
            given["min_confidence"] = self.min_confidence
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise BdaInputError(f"review: {name}: {value!r} is no confidence from 0 to 1")
        if not 0 <= self.audit_percentage <= 100:
            raise BdaInputError(f"review: audit_percentage: {self.audit_percentage!r} is not from 0 to 100")
        for name in ("required", "match_statuses"):
            if isinstance(getattr(self, name), str):
                raise BdaInputError(
                    f"review: {name}: {getattr(self, name)!r} is one name; write a list of them"
                )

    def to_json(self) -> dict[str, Any]:
        """Answer plain JSON."""
        told = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}

    @classmethod
    def of(cls, value: Any) -> Self:
        """Read a policy, or a dict of its arguments.

        :raises BdaInputError: it is neither.
        """
        if isinstance(value, cls):
            return value
        known = {member.name for member in fields(cls)}
        if not isinstance(value, Mapping) or (unknown := set(value) - known):
            what = sorted(unknown) if isinstance(value, Mapping) else type(value).__name__
            raise BdaInputError(
                f"review: {what} is no ReviewPolicy, nor a dict of {', '.join(sorted(known))}"
            )
        return cls(**value)

    def review(self, document_id: str, segments: Iterable[tuple[str | None, CustomOutput | None]]) -> Review:
        """Look at a document.

        :param segments: by segment, its ``custom_output_status`` and its custom output, if it has one.
        """
        found: list[dict[str, Any]] = []
        told = []
        for number, (status, output) in enumerate(segments):
            told.append({"segment": number, "status": status})
            if self.match_statuses and status not in self.match_statuses:
                found.append({"segment": number, "path": None, "reason": "match_status", "status": status})
            if output is not None:
                found += self._look(number, output)
        reasons = sorted({each["reason"] for each in found})
        if not reasons and self.audited(document_id):
            reasons = ["audit"]
        return Review(tuple(reasons), tuple(found[:_MOST_FIELDS]), tuple(told), len(found))

    def audited(self, document_id: str) -> bool:
        """Tell whether a document is in the sample."""
        digest = hashlib.sha256(document_id.encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:4], "big") < self.audit_percentage / 100 * 2**32

    def _look(self, segment: int, output: CustomOutput) -> list[dict[str, Any]]:
        parts: list[tuple[str, Mapping[str, Field]]] = [("", output.fields)]
        parts += [(f"chapters[{at}].", chapter.fields) for at, chapter in enumerate(output.chapters)]
        found: list[dict[str, Any]] = []
        filled: set[str] = set()
        for prefix, leaves in parts:
            for path, leaf in leaves.items():
                name = _INDEX.sub("[]", path)
                if leaf.found:
                    filled |= _names_of(name)
                least = self.thresholds.get(name, self.min_confidence)
                # Where nothing was found there is nothing to be sure of: that is what ``required`` is for.
                if least is None or not leaf.found or leaf.confidence is None or leaf.confidence >= least:
                    continue
                found.append(
                    {
                        "segment": segment,
                        "reason": "low_confidence",
                        "threshold": least,
                        **_about(prefix, leaf),
                    }
                )
        places = {prefix + path: leaf for prefix, leaves in parts for path, leaf in leaves.items()}
        for name in self.required:
            if name in filled:
                continue
            about = (
                _about("", places[name])
                if name in places
                else {"path": name, "confidence": None, "pages": [], "boxes": []}
            )
            found.append({"segment": segment, "reason": "missing", **about, "path": name})
        return found


@dataclass(frozen=True, slots=True)
class Review:
    """What was found of one document.

    :param reasons: "low_confidence", "match_status", "missing", "unreadable" or "audit"; none where nobody need look.
    :param fields: the fields, each with segment, path, reason, confidence, threshold, pages (from 1) and boxes (fractions
        of the page).
    :param segments: the status of each segment.
    :param total: fields in all; ``fields`` names the first 200.
    """

    reasons: tuple[str, ...]
    fields: tuple[dict[str, Any], ...] = ()
    segments: tuple[dict[str, Any], ...] = ()
    total: int = 0

    @property
    def wanted(self) -> bool:
        """Whether a person should look."""
        return bool(self.reasons)

    def line(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Answer the line of ``needs_review.jsonl``: where the document and its output are, and why.

        :param row: the document's row of the results.
        """
        about = ("document_id", "input_s3_uri", "invocation_arn", "output_s3_uri", "generation")
        return {
            **{name: row.get(name) for name in about},
            "reasons": list(self.reasons),
            "fields": list(self.fields),
            "fields_total": self.total,
            "segments": list(self.segments),
        }


def _names_of(name: str) -> set[str]:
    """Answer a filled field's name and those of what it is in: ``lines[].amount`` fills ``lines`` too."""
    parts = name.split(".")
    whole = {".".join(parts[: at + 1]) for at in range(len(parts))}
    return whole | {each.removesuffix("[]") for each in whole}


def _about(prefix: str, leaf: Field) -> dict[str, Any]:
    boxes = [
        {"page": place.page, **place.bounding_box.to_dict()}
        for place in leaf.geometry
        if place.bounding_box is not None
    ]
    return {
        "path": prefix + leaf.path,
        "confidence": leaf.confidence,
        "pages": list(leaf.pages),
        "boxes": boxes,
    }
