"""The text of a form in which a person corrects fields: what was read, how surely, and where. Pure.

It holds values of the document, so it is made where the form is, and goes nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.results.plain import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.results import Results

#: Fields shown; a form with more helps nobody.
_MOST = 60


def form_of(results: Results, line: Mapping[str, Any] | None = None, segment: int = 0) -> str:
    """Answer a form's body in Markdown: a table of the segment's fields, those in question first.

    :param results: what the job found, read by ``get_results``.
    :param line: the document's line of ``needs_review.jsonl``.
    :param segment: which one.
    """
    output = results.segments[segment].custom if segment < len(results.segments) else None
    if output is None:
        return "No blueprint has made anything of this segment."
    asked = {
        item["path"]: item["reason"]
        for item in (line or {}).get("fields", ())
        if item.get("segment") == segment and item.get("path")
    }
    ordered = sorted(output.fields.values(), key=lambda field: (field.path not in asked, field.path))
    rows = [
        f"| {_text(field.path)} | {_text(plain(field.value))} | {_sure(field.confidence)} | "
        f"{', '.join(map(str, field.pages))} | {asked.get(field.path, '').replace('_', ' ')} |"
        for field in ordered[:_MOST]
    ]
    more = [f"\n{len(ordered) - _MOST} more fields are not shown."] if len(ordered) > _MOST else []
    return "\n".join(["| field | read | confidence | page | why |", "|---|---|---|---|---|", *rows, *more])


def _text(value: Any) -> str:
    # A document's text is shown as it is: no markup of its own, no line that ends the table.
    text = " ".join(str("" if value is None else value).split())
    for sign in "\\`*_[]<>|#!":
        text = text.replace(sign, f"\\{sign}")
    return text[:300]


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.2f}"
