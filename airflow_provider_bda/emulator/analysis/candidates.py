"""Where values may stand: every stretch of text that could be a label, with what is beside and below.

Found once per document and shared by all blueprints; which label belongs to which field is decided
elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.analysis.labels import ENOUGH, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.emulator.analysis.model import Cell, Line, Page, ReadDocument, Word

#: Under a label means within this many line heights.
BELOW = 2.2
_MAX_LABEL_WORDS = 6


@dataclass(frozen=True, slots=True)
class Value:
    """Words that may be a label's value.

    :param trust: how sure the way is by which they were found.
    """

    words: tuple[Word, ...]
    trust: float

    @property
    def text(self) -> str:
        """The words, joined."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class Label:
    """A stretch of text that may name a field.

    :param words: its telling words.
    :param page: the index of its page.
    :param line: the index of its line.
    :param values: what may be its value, the likeliest first.
    :param needs: how near it must be to a field's name, at least.
    """

    words: tuple[str, ...]
    page: int
    line: int
    values: tuple[Value, ...]
    needs: float = ENOUGH


def labels_in(document: ReadDocument) -> list[Label]:
    """List every possible label of a document, in reading order."""
    return [label for page in document.pages for label in _labels_on(page)]


def _labels_on(page: Page) -> Iterator[Label]:
    for at, line in enumerate(page.lines):
        head_like = len(line.cells) > 1 and not any(map(str.isdigit, line.text)) and ":" not in line.text
        for column, cell in enumerate(line.cells):
            colons = [i for i, word in enumerate(cell.words) if word.text.endswith(":")]
            if colons:
                yield from _before_colons(page, at, column, cell, colons)
            else:
                yield from _without_colon(page, at, column, cell, head_like=head_like)


def _before_colons(page: Page, at: int, column: int, cell: Cell, colons: list[int]) -> Iterator[Label]:
    for number, colon in enumerate(colons):
        first = colons[number - 1] + 1 if number else 0
        following = colons[number + 1] if number + 1 < len(colons) else None
        beside = _cut(cell.words[colon + 1 : following], open_ended=following is None)
        values = (Value(beside, 1.0),) if beside else _elsewhere(page, at, column, cell, head_like=False)
        # A first label begins its cell; a later one begins somewhere after the value before it.
        starts = [0] if not number else range(max(first, colon - _MAX_LABEL_WORDS + 1), colon + 1)
        for start in starts:
            text = " ".join(word.text for word in cell.words[start : colon + 1])
            yield Label(words_of(text), page.index, at, values)


def _cut(words: tuple[Word, ...], *, open_ended: bool) -> tuple[Word, ...]:
    """Drop the words of the next label from the end of a value."""
    if open_ended:
        return words
    with_digits = [i for i, word in enumerate(words) if any(map(str.isdigit, word.text))]
    return words[: with_digits[-1] + 1 if with_digits else -1]


def _without_colon(page: Page, at: int, column: int, cell: Cell, *, head_like: bool) -> Iterator[Label]:
    if len(cell.words) <= _MAX_LABEL_WORDS + 2:
        values = _elsewhere(page, at, column, cell, head_like=head_like)
        if values:
            yield Label(words_of(cell.text), page.index, at, values)
    # "Invoice Number INV-7": a label that its value follows at a word's distance.
    for length in range(1, min(5, len(cell.words))):
        rest = cell.words[length:]
        if len(rest) <= 6 and _value_like(rest[0].text):
            text = " ".join(word.text for word in cell.words[:length])
            # Any sentence may begin with a word of a label: only the whole name counts.
            yield Label(words_of(text), page.index, at, (Value(rest, 0.8),), needs=0.9)


def _value_like(text: str) -> bool:
    return text[0].isupper() or text[0] in "$€£(+-" or any(map(str.isdigit, text))


def _elsewhere(page: Page, at: int, column: int, cell: Cell, *, head_like: bool) -> tuple[Value, ...]:
    line = page.lines[at]
    found: list[Value] = []
    if column + 1 < len(line.cells) and not _labelled(line.cells[column + 1]):
        found.append(Value(line.cells[column + 1].words, 0.8 if head_like else 0.95))
    below = _below(page, at, cell)
    if below is not None:
        found.append(Value(below.words, 0.9))
    # In a line of heads the neighbour is another head.
    return tuple(reversed(found)) if head_like else tuple(found)


def _below(page: Page, at: int, cell: Cell) -> Cell | None:
    limit = cell.box.bottom + BELOW * cell.box.height
    for line in page.lines[at + 1 : at + 4]:
        if line.box.top > limit:
            return None
        under = [other for other in line.cells if _overlaps(cell, other)]
        if under:
            nearest = min(under, key=lambda other: abs(other.box.left - cell.box.left))
            return None if _labelled(nearest) else nearest
    return None


def _labelled(cell: Cell) -> bool:
    """Tell a cell with a label of its own: it is nobody's value."""
    return any(word.text.endswith(":") for word in cell.words)


def _overlaps(label: Cell, value: Cell) -> bool:
    shared = min(label.box.right, value.box.right) - max(label.box.left, value.box.left)
    return shared > 0.3 * min(label.box.width, value.box.width)


def lines_under(page: Page, line: Line, first: Word, most: int) -> list[Cell]:
    """Answer the cells that go on below a value, left-aligned and close: the lines of an address."""
    found: list[Cell] = []
    before = first.box
    for following in page.lines[page.lines.index(line) + 1 :]:
        aligned = [cell for cell in following.cells if abs(cell.box.left - first.box.left) < 0.012]
        if not aligned:
            if following.box.top - before.bottom > before.height:
                break
            continue
        cell = aligned[0]
        far = cell.box.top - before.bottom > 0.9 * before.height
        if far or _labelled(cell) or len(found) == most:
            break
        found.append(cell)
        before = cell.box
    return found
