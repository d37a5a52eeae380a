"""Reads an input with the reader of its format, after the limits of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.analysis.formats import HEAD_BYTES, format_of, routed
from airflow_provider_bda.emulator.analysis.media import read_media
from airflow_provider_bda.emulator.analysis.model import AnalysisRejected
from airflow_provider_bda.emulator.analysis.text import read_text

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.analysis.model import AnalysisRequest, ReadDocument


def read(request: AnalysisRequest) -> ReadDocument:
    """Read one input.

    :raises AnalysisRejected: when the service would not take it.
    """
    file_format = format_of(request.key, request.body[:HEAD_BYTES])
    modality = routed(file_format, request.project)
    _check(request, file_format, modality)
    max_pages = request.limits.pages_of(sync=request.sync)
    # Readers are loaded at their first use: an emulator for text alone loads neither PDFium nor Pillow.
    match file_format:
        case "PDF":
            from airflow_provider_bda.emulator.analysis.pdf import read_pdf  # noqa: PLC0415

            return read_pdf(request.body, request.limits, max_pages)
        case "DOCX":
            from airflow_provider_bda.emulator.analysis.docx import read_docx  # noqa: PLC0415

            return read_docx(request.body, max_pages, request.limits.document_bytes)
        case "TXT":
            return read_text(request.body, max_pages)
        case "PNG" | "JPEG" | "TIFF":
            from airflow_provider_bda.emulator.analysis.image import read_image  # noqa: PLC0415

            return read_image(request.body, file_format, modality, request.limits, max_pages)
        case _:
            return read_media(request.body, file_format, modality)


def _check(request: AnalysisRequest, file_format: str, modality: str) -> None:
    size, most = len(request.body), request.limits.bytes_of(modality, sync=request.sync)
    if not size:
        raise AnalysisRejected("EmptyFile", "The input is empty.")
    if size > most:
        raise AnalysisRejected(
            "FileSizeExceeded",
            f"The input has {size} bytes, more than the {most} supported for {modality.lower()} files.",
        )
    if request.sync and modality in {"AUDIO", "VIDEO"}:
        raise AnalysisRejected(
            "UnsupportedFileType", f"The synchronous operation does not take {modality.lower()} files."
        )
    if request.sync and file_format == "DOCX":
        raise AnalysisRejected("UnsupportedFileType", "The synchronous operation does not take DOCX files.")
