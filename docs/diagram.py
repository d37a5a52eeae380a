# ruff: noqa: INP001 - a module beside the pages it writes
"""Draws the states of a job kind as plain SVG, from its catalogue entry and the error tree."""

from __future__ import annotations

from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bda.jobs.kind import JobKind

WIDTH, BOX, LINE, GAP = 760, 420, 17, 12
LEFT, RIGHT, TOP = 20, 320, 48
#: Background and edge of a box: it goes on, it is good, it failed, nobody knows.
WAIT, GOOD, BAD, UNSURE = (
    ("#e8eef7", "#4a6fa5"),
    ("#e6f3ea", "#3c8a57"),
    ("#fbe9e7", "#b5483c"),
    ("#fdf3dc", "#a8791c"),
)


class Box(NamedTuple):
    """One ending: what leads to it, what becomes of the task, what a retry does."""

    when: str
    title: str
    then: str
    colors: tuple[str, str]

    @property
    def lines(self) -> list[str]:
        """What stands below the title."""
        return wrap(self.then, 62)

    @property
    def height(self) -> int:
        """In pixels."""
        return 20 + LINE * (1 + len(self.lines))


def draw(kind: JobKind) -> str:
    """Answer the diagram of a kind."""
    boxes = list(_endings(kind))
    height = TOP + sum(box.height + GAP for box in boxes) + 8
    pending = " ".join(sorted(kind.pending))
    waits = [*wrap(pending, 24), "", "a status that is missing", "or unknown: one warning"]
    middle = (TOP + height - GAP) // 2
    start = middle - LINE * len(waits) // 2 - 18
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'role="img" aria-label="States of {escape(kind.name)}" font-family="sans-serif" font-size="12.5">'
        ),
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        _text(LEFT, 26, f"{kind.start}, then {kind.describe} until it ends", weight="bold"),
        *_box(LEFT, start, 190, 36 + LINE * len(waits), WAIT),
        _text(LEFT + 12, start + 22, "goes on", weight="bold"),
        *(_text(LEFT + 12, start + 22 + LINE * (place + 1), line) for place, line in enumerate(waits)),
    ]
    top = TOP
    for box in boxes:
        centre = top + box.height // 2
        parts += [
            (
                f'<path d="M{LEFT + 190} {middle} C{LEFT + 240} {middle} {RIGHT - 60} {centre} {RIGHT - 6} {centre}" '
                'fill="none" stroke="#7d8590"/>'
            ),
            f'<path d="M{RIGHT - 9} {centre - 4} L{RIGHT - 1} {centre} L{RIGHT - 9} {centre + 4} Z" fill="#7d8590"/>',
            *_box(RIGHT, top, BOX, box.height, box.colors),
            _text(RIGHT + 12, top + 21, box.title, weight="bold"),
            _text(RIGHT + BOX - 12, top + 21, box.when, anchor="end"),
            *(_text(RIGHT + 12, top + 21 + LINE * (at + 1), line) for at, line in enumerate(box.lines)),
        ]
        top += box.height + GAP
    return "\n".join([*parts, "</svg>"]) + "\n"


def _endings(kind: JobKind) -> Iterator[Box]:
    from airflow_provider_bda.exceptions import BY_OUTCOME  # noqa: PLC0415 - the caller sets the path
    from airflow_provider_bda.jobs.kind import Outcome  # noqa: PLC0415 - as above

    good = sorted(kind.succeeded) + (["not found"] if kind.gone_is_success else [])
    yield Box(" ".join(good), "success", "", GOOD)
    partial = sorted(kind.partial) + (["success, but items failed"] if kind.flaws_at else [])
    reasons = {
        Outcome.PARTIAL: " ".join(partial),
        Outcome.REJECTED: " ".join(sorted(kind.rejected)),
        Outcome.BROKEN: " ".join(sorted(kind.broken)),
        Outcome.TIMEOUT: "wait_timeout passes",
        Outcome.LOST: "status_retries are used up",
    }
    for outcome, when in reasons.items():
        if when:
            error, _, then = BY_OUTCOME[outcome]
            if outcome is Outcome.PARTIAL:
                then = f"Only with fail_on_partial, else success with partial: true. {then}"
            unsure = outcome in {Outcome.TIMEOUT, Outcome.LOST}
            yield Box(when, error.__name__, then, UNSURE if unsure else BAD)


def _box(left: int, top: int, width: int, height: int, colors: Sequence[str]) -> Iterator[str]:
    yield (
        f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" '
        f'fill="{colors[0]}" stroke="{colors[1]}"/>'
    )


def _text(left: int, top: int, text: str, *, weight: str = "normal", anchor: str = "start") -> str:
    return (
        f'<text x="{left}" y="{top}" fill="#24292f" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
