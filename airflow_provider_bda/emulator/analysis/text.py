"""Lays plain text out on pages, as if typed: places follow from line and column.

For `.txt`, which BDA does not take and the emulator does (a document that costs next to nothing to
make and to read), and for DOCX, which has no pages of its own either.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.analysis.model import (
    AnalysisRejected,
    Box,
    Cell,
    Line,
    Page,
    ReadDocument,
    Word,
    box_around,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROWS = 60
COLUMNS = 96
#: US letter in points.
WIDTH, HEIGHT = 612.0, 792.0
#: A tab or two blanks end a cell.
_CELL = re.compile(r"\S+(?: \S+)*")
_WORD = re.compile(r"\S+")


def read_text(body: bytes, max_pages: int) -> ReadDocument:
    """Read plain text; a form feed starts a page.

    :raises AnalysisRejected: when it is binary or too long.
    """
    if b"\x00" in body[:4_096]:
        raise AnalysisRejected("InvalidFile", "The input is not a valid text file: it holds binary data.")
    text = body.decode("utf-8-sig", errors="replace")
    lines: list[str | None] = []
    for number, sheet in enumerate(text.split("\f")):
        lines += [None] if number else []
        lines += sheet.expandtabs(8).splitlines()
    pages = paginate((None if line is None else cells_in(line)) for line in lines)
    return ReadDocument("DOCUMENT", "TXT", checked(pages, max_pages))


def checked(pages: tuple[Page, ...], max_pages: int) -> tuple[Page, ...]:
    """Refuse more pages than the service takes."""
    if len(pages) > max_pages:
        raise AnalysisRejected(
            "PageLimitExceeded", f"The document has {len(pages)} pages, more than the {max_pages} supported."
        )
    return pages


def cells_in(line: str) -> list[tuple[int, str]]:
    """Answer each cell of a line with the column it starts in."""
    return [(match.start(), match.group()) for match in _CELL.finditer(line)]


def paginate(rows: Iterable[Sequence[tuple[int, str]] | None]) -> tuple[Page, ...]:
    """Lay rows of cells onto pages.

    :param rows: each a list of (column, text); an empty one is a blank line, None a page break.
    """
    sheets: list[list[Sequence[tuple[int, str]]]] = [[]]
    for row in rows:
        if row is None or len(sheets[-1]) >= ROWS:
            sheets.append([])
        if row is not None:
            sheets[-1].append(row)
    return tuple(_page(index, sheet) for index, sheet in enumerate(sheets))


def _page(index: int, sheet: list[Sequence[tuple[int, str]]]) -> Page:
    widest = max((start + len(text) for row in sheet for start, text in row), default=0)
    # A margin of two columns and rows, so that nothing lies on the edge.
    across, down = 1 / (max(widest, COLUMNS) + 4), 1 / (ROWS + 4)
    lines = []
    for number, row in enumerate(sheet):
        if not row:
            continue
        top, height = (number + 2) * down, down * 0.8
        cells = []
        for start, text in row:
            words = tuple(
                Word(
                    match.group(),
                    Box((start + match.start() + 2) * across, top, len(match.group()) * across, height),
                )
                for match in _WORD.finditer(text)
            )
            left, right = words[0].box.left, words[-1].box.right
            cells.append(Cell(text, words, Box(left, top, right - left, height)))
        joined = " ".join(cell.text for cell in cells)
        lines.append(Line(joined, tuple(cells), box_around([cell.box for cell in cells])))
    return Page(index, WIDTH, HEIGHT, tuple(lines))
