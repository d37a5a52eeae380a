"""Tables in text: a line of column heads and the lines that fall under them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.analysis.layout import cell_of
from airflow_provider_bda.emulator.analysis.model import Box, Cell, Line, Page, box_around

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A gap of more than this many line heights ends a table.
ROW_GAP = 2.6
_ENDS = ("total", "subtotal", "sub total", "balance due", "amount due", "tax", "vat", "grand total")

Row = tuple[Cell | None, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table on one page.

    :param first: the index of its head among the page's lines.
    :param last: the index of its last line.
    """

    page: int
    first: int
    last: int
    head: tuple[Cell, ...]
    rows: tuple[Row, ...]
    box: Box

    def texts(self) -> list[list[str]]:
        """Answer head and rows as text."""
        body = [[cell.text if cell else "" for cell in row] for row in self.rows]
        return [[cell.text for cell in self.head], *body]

    def markdown(self) -> str:
        """Answer it as a markdown table."""
        lines = ["| " + " | ".join(text.replace("|", "\\|") for text in row) + " |" for row in self.texts()]
        return "\n".join([lines[0], "|" + " --- |" * len(self.head), *lines[1:]])

    def csv(self) -> str:
        """Answer it as CSV."""
        out = StringIO()
        csv.writer(out, lineterminator="\n").writerows(self.texts())
        return out.getvalue()


def find_tables(page: Page) -> list[Table]:
    """Find what looks like a table: three columns or more, two rows or more under a head."""
    found: list[Table] = []
    at = 0
    while at < len(page.lines):
        line = page.lines[at]
        table = table_below(page, at) if len(line.cells) >= 3 and _is_head(line) else None
        if table is not None and len(table.rows) >= 2:
            found.append(table)
            at = table.last
        at += 1
    return found


def table_below(page: Page, at: int, head: Sequence[Cell] | None = None) -> Table | None:
    """Read the rows under a line of heads.

    :param at: the head's index among the page's lines.
    :param head: its cells, when not each of the line's cells is a head.
    """
    heads = tuple(head or page.lines[at].cells)
    rows: list[Row] = []
    before, last = page.lines[at].box, at
    for index in range(at + 1, len(page.lines)):
        line = page.lines[index]
        height = max(before.height, line.box.height)
        if line.box.top - before.bottom > ROW_GAP * height or _ends(line):
            break
        row = _row(line, heads)
        if row is None or _repeats(row, heads):
            break
        if sum(cell is not None for cell in row) == 1 and len(heads) > 1:
            if not rows or not _continue(rows, row, line.box.top - before.bottom, height):
                break
        else:
            rows.append(row)
        before, last = line.box, index
    if not rows:
        return None
    lines = page.lines[at : last + 1]
    return Table(page.index, at, last, heads, tuple(rows), box_around([line.box for line in lines]))


def _row(line: Line, heads: tuple[Cell, ...]) -> Row | None:
    """Put a line's cells under their heads; None when one falls under none."""
    if len(line.cells) == len(heads):
        return line.cells
    columns: list[Cell | None] = [None] * len(heads)
    for cell in line.cells:
        at = _column(cell, heads)
        if at is None:
            return None
        under = columns[at]
        columns[at] = cell if under is None else cell_of([*under.words, *cell.words])
    return tuple(columns)


def _column(cell: Cell, heads: tuple[Cell, ...]) -> int | None:
    shared = [min(cell.box.right, head.box.right) - max(cell.box.left, head.box.left) for head in heads]
    best = max(range(len(heads)), key=shared.__getitem__)
    if shared[best] > 0:
        # Numbers lie right-aligned under their head and words left-aligned; a long text may reach
        # under its neighbour, but it begins under its own.
        begins = [at for at, head in enumerate(heads) if abs(head.box.left - cell.box.left) < 0.01]
        return begins[0] if begins else best
    # Under no head: it belongs to the nearest, if that is near.
    return best if -shared[best] < 0.06 else None


def _repeats(row: Row, heads: tuple[Cell, ...]) -> bool:
    """Tell the head of the next table with some of the same columns."""
    filled = [(cell.text, head.text) for cell, head in zip(row, heads, strict=True) if cell is not None]
    return 2 * sum(cell == head for cell, head in filled) >= len(filled)


def _continue(rows: list[Row], row: Row, gap: float, height: float) -> bool:
    """Add a wrapped line of one cell to the row above; False when it is none."""
    at = next(index for index, cell in enumerate(row) if cell is not None)
    above, more = rows[-1][at], row[at]
    if above is None or more is None or gap > 0.9 * height:
        return False
    joined = Cell(f"{above.text} {more.text}", (*above.words, *more.words), box_around([above.box, more.box]))
    rows[-1] = (*rows[-1][:at], joined, *rows[-1][at + 1 :])
    return True


def _is_head(line: Line) -> bool:
    return all(not cell.text.endswith(":") and not any(map(str.isdigit, cell.text)) for cell in line.cells)


def _ends(line: Line) -> bool:
    first = line.cells[0].text.lower().rstrip(":")
    return first.startswith(_ENDS) and len(line.cells) <= 2
