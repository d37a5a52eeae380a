"""Writes standard output as BDA does, of what was really read. Nothing is generated: no summaries."""

from __future__ import annotations

import hashlib
from itertools import count
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.analysis.elements import Element, elements_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_bda.emulator.analysis.model import AnalysisRequest, Box, Page, ReadDocument
    from airflow_provider_bda.emulator.analysis.project import DocumentFormat

#: Without OCR or a model every letter is certain.
_CERTAIN = 1.0


class _Ids:
    """Ids of the service's form, the same for the same job, so that both twins agree."""

    def __init__(self, job_id: str, kind: str) -> None:
        digest = hashlib.sha256(f"{job_id}/{kind}".encode()).hexdigest()
        self._head = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-"
        self._next = count()

    def __next__(self) -> str:
        return f"{self._head}{next(self._next):012x}"


def standard_output(
    request: AnalysisRequest, document: ReadDocument, segment: int, shape: DocumentFormat, folder: str
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Write one segment.

    :param document: the segment's pages.
    :param segment: its number, from 0.
    :param shape: which parts a document gets.
    :param folder: the key prefix beside which files of its own are written.
    :returns: the result and the further files by key.
    """
    if document.modality == "DOCUMENT":
        return _document(request, document, segment, shape, folder)
    metadata = _metadata(request, document)
    if document.modality == "IMAGE":
        metadata |= {
            "image_width_pixels": document.info["width"],
            "image_height_pixels": document.info["height"],
            "image_encoding": document.format,
        }
        about = {
            "image": {"text_words": [], "text_lines": []},
            "statistics": {"line_count": 0, "word_count": 0},
        }
        return {"metadata": metadata, **about}, {}
    # Sound and film are not decoded: what they say can only come from a fixture.
    metadata |= document.info
    return {"metadata": metadata, document.modality.lower(): {}, "statistics": {}}, {}


def _metadata(request: AnalysisRequest, document: ReadDocument) -> dict[str, Any]:
    return {
        "asset_id": "0",
        "semantic_modality": document.modality,
        "s3_bucket": request.bucket,
        "s3_key": request.key,
    }


def _document(
    request: AnalysisRequest, document: ReadDocument, segment: int, shape: DocumentFormat, folder: str
) -> tuple[dict[str, Any], dict[str, bytes]]:
    metadata = _metadata(request, document) | {
        "logical_subdocument_id": str(segment),
        "number_of_pages": len(document.pages),
        "start_page_index": document.pages[0].index if document.pages else 0,
        "end_page_index": document.pages[-1].index if document.pages else 0,
        "file_type": document.format,
    }
    by_page = [elements_of(page) for page in document.pages]
    every = [element for elements in by_page for element in elements]
    tables = {id(element): f"{folder}/assets/table_{at}.csv" for at, element in enumerate(_tables(every))}
    files = shape.files and not request.sync
    result: dict[str, Any] = {
        "metadata": metadata,
        "document": {
            "representation": _joined(every, shape),
            "statistics": _statistics(every, document.pages),
        },
    }
    if "PAGE" in shape.granularity:
        ids = _Ids(request.job_id, f"{segment}/page")
        result["pages"] = [
            {
                "id": next(ids),
                "page_index": page.index,
                "representation": _joined(elements, shape),
                "statistics": _statistics(elements, [page]),
            }
            for page, elements in zip(document.pages, by_page, strict=True)
        ]
    if "ELEMENT" in shape.granularity:
        result["elements"] = _elements(request, every, segment, shape, tables if files else {})
    result |= _lines_and_words(request, document.pages, segment, shape)
    if not files:
        return result, {}
    written = {f"{folder}/assets/result.{end}": text.encode() for end, text in _texts(every, shape)}
    written |= {
        tables[id(element)]: element.table.csv().encode() for element in every if element.table is not None
    }
    return result, written


def _tables(elements: Sequence[Element]) -> list[Element]:
    return [element for element in elements if element.table is not None]


def _joined(elements: Sequence[Element], shape: DocumentFormat) -> dict[str, str]:
    # A document as a whole has no CSV.
    parts = [element.representation(shape.formats - {"CSV"}) for element in elements]
    named = {"PLAIN_TEXT": "text", "MARKDOWN": "markdown", "HTML": "html"}
    names = [name for given, name in named.items() if given in shape.formats]
    return {name: "\n\n".join(part[name] for part in parts) for name in names}


def _texts(elements: Sequence[Element], shape: DocumentFormat) -> Iterator[tuple[str, str]]:
    ends = {"text": "txt", "markdown": "md", "html": "html"}
    for name, text in _joined(elements, shape).items():
        yield ends[name], text


def _statistics(elements: Sequence[Element], pages: Sequence[Page]) -> dict[str, int]:
    return {
        "element_count": len(elements),
        "table_count": sum(element.table is not None for element in elements),
        "figure_count": 0,
        "line_count": sum(len(page.lines) for page in pages),
        "word_count": sum(len(cell.words) for page in pages for line in page.lines for cell in line.cells),
    }


def _elements(
    request: AnalysisRequest,
    elements: Sequence[Element],
    segment: int,
    shape: DocumentFormat,
    tables: Mapping[int, str],
) -> list[dict[str, Any]]:
    ids = _Ids(request.job_id, f"{segment}/element")
    made = []
    for order, element in enumerate(elements):
        entry: dict[str, Any] = {
            "id": next(ids),
            "type": "TEXT" if element.table is None else "TABLE",
            "representation": element.representation(shape.formats),
            "reading_order": order,
            "page_indices": [element.page],
        }
        if element.sub_type is not None:
            entry["sub_type"] = element.sub_type
        if element.table is not None:
            entry["headers"] = [cell.text for cell in element.table.head]
        if id(element) in tables:
            entry["csv_s3_uri"] = f"s3://{request.output_bucket}/{tables[id(element)]}"
        if shape.boxes:
            entry["locations"] = _locations(element.page, element.box)
        made.append(entry)
    return made


def _lines_and_words(
    request: AnalysisRequest, pages: Sequence[Page], segment: int, shape: DocumentFormat
) -> dict[str, Any]:
    lines: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    with_words = "WORD" in shape.granularity
    line_ids, word_ids = _Ids(request.job_id, f"{segment}/line"), _Ids(request.job_id, f"{segment}/word")
    for page in pages:
        for line in page.lines:
            line_id = next(line_ids)
            entry = {"id": line_id, "text": line.text, "confidence": _CERTAIN, "reading_order": len(lines)}
            lines.append(entry | _place(page.index, line.box, shape))
            if with_words:
                for word in line.words:
                    entry = {
                        "id": next(word_ids),
                        "line_id": line_id,
                        "text": word.text,
                        "confidence": _CERTAIN,
                    }
                    words.append(entry | {"reading_order": len(words)} | _place(page.index, word.box, shape))
    result: dict[str, Any] = {"text_lines": lines} if "LINE" in shape.granularity else {}
    return result | ({"text_words": words} if with_words else {})


def _place(page: int, box: Box, shape: DocumentFormat) -> dict[str, Any]:
    return {"page_index": page, **({"locations": _locations(page, box)} if shape.boxes else {})}


def _locations(page: int, box: Box) -> list[dict[str, Any]]:
    sides = {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
    return [{"page_index": page, "bounding_box": sides}]
