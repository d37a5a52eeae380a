"""Cuts a page into paragraphs, headings and tables, and writes them in the formats asked for."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from statistics import median
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.analysis.model import Box, Line, Page, box_around
from airflow_provider_bda.emulator.analysis.tables import Table, find_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Lines further apart than this share of their height start a new paragraph.
_PARAGRAPH_GAP = 0.75
#: Letters this much higher than the page's usual ones are a heading.
_HEADING = 1.25
_MARKS = {"TITLE": "# ", "SECTION_TITLE": "## "}


@dataclass(frozen=True, slots=True)
class Element:
    """A stretch of one page.

    :param sub_type: TITLE, SECTION_TITLE or PARAGRAPH; None for a table.
    """

    page: int
    box: Box
    lines: tuple[Line, ...]
    sub_type: str | None = None
    table: Table | None = None

    @property
    def text(self) -> str:
        """Plain text; the columns of a table parted by tabs."""
        if self.table is not None:
            return "\n".join("\t".join(row) for row in self.table.texts())
        return "\n".join(line.text for line in self.lines)

    @property
    def markdown(self) -> str:
        """The text with marks for headings and tables."""
        if self.table is not None:
            return self.table.markdown()
        if self.sub_type in _MARKS:
            return _MARKS[self.sub_type] + " ".join(line.text for line in self.lines)
        return self.text

    @property
    def html(self) -> str:
        """The text as HTML."""
        if self.table is not None:
            rows = "".join(
                "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>"
                for row in self.table.texts()
            )
            return f"<table>{rows}</table>"
        tag = {"TITLE": "h1", "SECTION_TITLE": "h2"}.get(self.sub_type or "", "p")
        return f"<{tag}>{escape(self.text)}</{tag}>"

    def representation(self, formats: frozenset[str]) -> dict[str, Any]:
        """Write it in the formats asked for."""
        made: dict[str, Any] = {}
        if "PLAIN_TEXT" in formats:
            made["text"] = self.text
        if "MARKDOWN" in formats:
            made["markdown"] = self.markdown
        if "HTML" in formats:
            made["html"] = self.html
        if "CSV" in formats and self.table is not None:
            made["csv"] = self.table.csv()
        return made


def elements_of(page: Page) -> list[Element]:
    """Cut a page, top to bottom."""
    tables = {table.first: table for table in find_tables(page)}
    usual = median(line.box.height for line in page.lines) if page.lines else 0.0
    made: list[Element] = []
    waiting: list[Line] = []
    at = 0
    while at < len(page.lines):
        table = tables.get(at)
        if table is not None:
            made += _texts(page.index, waiting, usual)
            waiting = []
            lines = page.lines[table.first : table.last + 1]
            made.append(Element(page.index, table.box, lines, table=table))
            at = table.last
        else:
            waiting.append(page.lines[at])
        at += 1
    return made + list(_texts(page.index, waiting, usual))


def _texts(page: int, lines: list[Line], usual: float) -> Iterator[Element]:
    group: list[Line] = []
    for line in lines:
        if group and _parted(group[-1], line, usual):
            yield _text(page, group, usual)
            group = []
        group.append(line)
    if group:
        yield _text(page, group, usual)


def _parted(above: Line, below: Line, usual: float) -> bool:
    height = min(above.box.height, below.box.height)
    if below.box.top - above.box.bottom > _PARAGRAPH_GAP * height:
        return True
    return _is_heading(above, usual) != _is_heading(below, usual)


def _text(page: int, lines: list[Line], usual: float) -> Element:
    heading = _is_heading(lines[0], usual)
    top = page == 0 and lines[0].box.top < 0.2 and lines[0].box.height > 1.5 * usual
    kind = ("TITLE" if top else "SECTION_TITLE") if heading else "PARAGRAPH"
    return Element(page, box_around([line.box for line in lines]), tuple(lines), sub_type=kind)


def _is_heading(line: Line, usual: float) -> bool:
    return line.box.height > _HEADING * usual and len(line.words) <= 12
