"""Reads an input and writes what BDA would leave on S3: a stand-in for extraction, real files.

The readers are real (PDFium, Pillow, python-docx); the finding of fields is not a model but a fixture,
a callable of yours, or the matching of labels to names. It exercises Dags; it says nothing about the
quality BDA has.
"""

from __future__ import annotations

from airflow_provider_bda.emulator.analysis.analyse import analyse
from airflow_provider_bda.emulator.analysis.formats import HEAD_BYTES, modality_of
from airflow_provider_bda.emulator.analysis.limits import Limits
from airflow_provider_bda.emulator.analysis.model import (
    Analysis,
    AnalysisRejected,
    AnalysisRequest,
    Blueprint,
    Box,
    Cell,
    Line,
    Page,
    ReadDocument,
    Word,
)

__all__ = [
    "HEAD_BYTES",
    "Analysis",
    "AnalysisRejected",
    "AnalysisRequest",
    "Blueprint",
    "Box",
    "Cell",
    "Limits",
    "Line",
    "Page",
    "ReadDocument",
    "Word",
    "analyse",
    "modality_of",
]
