"""Reads PDF with PDFium: text and where it stands, no rendering, no OCR.

PDFium is not thread-safe, so every call is made under one lock of this process; it is taken page by
page, so a long document holds up nobody. Objects are closed under it too, never by the collector.
"""

from __future__ import annotations

import ctypes
import re
import threading
from typing import TYPE_CHECKING, Any

import pypdfium2
import pypdfium2.raw as pdfium_c

from airflow_provider_bda.emulator.analysis.layout import lines_of
from airflow_provider_bda.emulator.analysis.model import AnalysisRejected, Box, Page, ReadDocument, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_bda.emulator.analysis.limits import Limits

_PDFIUM = threading.Lock()
#: Device units per page side: what PDFium maps a page onto, in whole numbers.
_DEVICE = 1_000_000
#: Blanks and control characters part words.
_WORD = re.compile(r"[^\s\x00-\x1f\x7f-\x9f]+")
#: UTF-16 surrogates and private use are no text; neither are the marks PDFium leaves for hyphens.
_PRIVATE, _BMP_TEXT, _NO_CHARACTER = 0xD800, 0xF900, 0xFFFC

_Rect = tuple[float, float, float, float]


def read_pdf(body: bytes, limits: Limits, max_pages: int) -> ReadDocument:
    """Read every page of a PDF.

    :raises AnalysisRejected: when it is protected, broken, too long or too large.
    """
    document = _open(body)
    try:
        with _PDFIUM:
            count = len(document)
        if count > max_pages:
            raise AnalysisRejected(
                "PageLimitExceeded", f"The document has {count} pages, more than the {max_pages} supported."
            )
        pages = tuple(_read_page(document, index, limits) for index in range(count))
    finally:
        with _PDFIUM:
            document.close()
    return ReadDocument("DOCUMENT", "PDF", pages)


def _open(body: bytes) -> Any:
    with _PDFIUM:
        try:
            return pypdfium2.PdfDocument(body)
        except pypdfium2.PdfiumError as error:
            if error.err_code == pdfium_c.FPDF_ERR_PASSWORD:
                raise AnalysisRejected(
                    "PasswordProtectedFile", "Password protected PDF files are not supported."
                ) from None
            raise AnalysisRejected(
                "InvalidFile", "The input is not a valid PDF file: it is damaged or cut off."
            ) from None


def _read_page(document: Any, index: int, limits: Limits) -> Page:
    with _PDFIUM:
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            raise AnalysisRejected("InvalidFile", f"Page {index + 1} of the PDF cannot be read.") from None
        try:
            width, height = page.get_size()
            if max(width, height) > limits.page_points:
                raise AnalysisRejected(
                    "PageSizeExceeded",
                    f"Page {index + 1} measures {width:.0f} x {height:.0f} points, more than the "
                    f"{limits.page_points:.0f} supported.",
                )
            text_page = page.get_textpage()
            try:
                words = _words(text_page.raw, _to_fractions(page))
            finally:
                text_page.close()
        finally:
            page.close()
    return Page(index, width, height, lines_of(words, height / width if width else 1.0))


def _to_fractions(page: Any) -> Callable[[_Rect], Box]:
    """Make the map from page units to fractions from the upper left, rotation and crop included."""
    across, down = ctypes.c_int(), ctypes.c_int()

    def device(x: float, y: float) -> tuple[float, float]:
        pdfium_c.FPDF_PageToDevice(page, 0, 0, _DEVICE, _DEVICE, 0, x, y, across, down)
        return across.value / _DEVICE, down.value / _DEVICE

    span = 1_000.0  # PDFium rounds to whole device units: measure far apart
    (x0, y0), (xx, xy), (yx, yy) = device(0, 0), device(span, 0), device(0, span)
    ax, bx, ay, by = (xx - x0) / span, (yx - x0) / span, (xy - y0) / span, (yy - y0) / span

    def to_fractions(rect: _Rect) -> Box:
        left, bottom, right, top = rect
        x1, x2 = sorted((ax * left + bx * bottom + x0, ax * right + bx * top + x0))
        y1, y2 = sorted((ay * left + by * bottom + y0, ay * right + by * top + y0))
        return Box(x1, y1, x2 - x1, y2 - y1)

    return to_fractions


def _words(text_page: Any, to_fractions: Callable[[_Rect], Box]) -> list[Word]:
    """Cut the page's characters into words; PDFium itself puts blanks where gaps are wide."""
    words: list[Word] = []
    box = pdfium_c.FS_RECTF()
    for match in _WORD.finditer(_text(text_page)):
        # Two boxes a word instead of one a letter: that is most of the time a page takes.
        first, last = _rect(text_page, match.start(), box), _rect(text_page, match.end() - 1, box)
        if first is not None and last is not None:
            words.append(Word(match.group(), to_fractions(_joined(first, last))))
    return words


def _text(text_page: Any) -> str:
    """Answer the page's text with one character per index of PDFium's, so that boxes can be asked for."""
    count = pdfium_c.FPDFText_CountChars(text_page)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    if pdfium_c.FPDFText_GetText(text_page, 0, count, buffer) == count + 1:
        codes: Iterable[int] = buffer[:count]
    else:  # it leaves some characters out; one by one the indices hold
        codes = (pdfium_c.FPDFText_GetUnicode(text_page, index) for index in range(count))
    return "".join(
        chr(code) if code < _PRIVATE or _BMP_TEXT <= code < _NO_CHARACTER else " " for code in codes
    )


def _rect(text_page: Any, index: int, box: Any) -> _Rect | None:
    if not pdfium_c.FPDFText_GetLooseCharBox(text_page, index, box):
        return None
    return (box.left, box.bottom, box.right, box.top)


def _joined(first: _Rect, last: _Rect) -> _Rect:
    return (
        min(first[0], last[0]),
        min(first[1], last[1]),
        max(first[2], last[2]),
        max(first[3], last[3]),
    )
