"""Reads DOCX with python-docx: paragraphs and tables in their order.

A DOCX has no pages before it is set; BDA converts it to PDF, so its page numbers mean little there
too. Here text is laid out as if typed.
"""

from __future__ import annotations

import textwrap
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.analysis.model import AnalysisRejected, ReadDocument
from airflow_provider_bda.emulator.analysis.text import COLUMNS, cells_in, checked, paginate

if TYPE_CHECKING:
    from collections.abc import Iterator

_Row = list[tuple[int, str]]


def read_docx(body: bytes, max_pages: int, max_unpacked: int) -> ReadDocument:
    """Read the text of a DOCX.

    :param max_unpacked: the most its content may unpack to: a small file can hold gigabytes of zeros.
    :raises AnalysisRejected: when it is broken, protected or too long.
    """
    # Here, because lxml takes 0.1 s to load and most emulators never see a DOCX.
    import docx  # noqa: PLC0415

    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            fits = sum(entry.file_size for entry in archive.infolist()) <= max_unpacked
        pages = paginate(_rows(docx.Document(BytesIO(body)))) if fits else ()
    except Exception:  # noqa: BLE001 - a parser of foreign bytes: whatever it raises, the file is at fault
        # A protected DOCX is no zip archive but an encrypted container, so it ends here too.
        raise AnalysisRejected(
            "InvalidFile", "The input is not a valid DOCX file: it is damaged or password protected."
        ) from None
    if not fits:
        raise AnalysisRejected("FileSizeExceeded", "The DOCX file unpacks to more than is supported.")
    return ReadDocument("DOCUMENT", "DOCX", checked(pages, max_pages))


def _rows(document: Any) -> Iterator[_Row]:
    for block in document.iter_inner_content():
        if hasattr(block, "rows"):
            yield from _table_rows(block)
            yield []
        else:
            for line in block.text.expandtabs(8).splitlines() or [""]:
                for wrapped in textwrap.wrap(line, COLUMNS, drop_whitespace=False) or [""]:
                    yield cells_in(wrapped)


def _table_rows(table: Any) -> Iterator[_Row]:
    rows = [[" ".join(cell.text.split()) for cell in row.cells] for row in table.rows]
    columns = max((len(row) for row in rows), default=0)
    widths = [max((len(row[at]) for row in rows if at < len(row)), default=0) + 3 for at in range(columns)]
    starts = [sum(widths[:at]) for at in range(columns)]
    for row in rows:
        yield [(starts[at], text) for at, text in enumerate(row) if text]
