"""Typed views of what Bedrock Data Automation leaves on S3. Pure: bytes or JSON in, views out.

Start at :func:`load_results`. Absent parts are None or empty, unknown keys stay in ``raw``, and
nothing raises but :class:`ResultsError`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_bda.results.audio import AudioOutput, AudioSegment, Topic
    from airflow_provider_bda.results.bundle import Results, ResultsView, Segment, load_results
    from airflow_provider_bda.results.custom import CustomChapter, CustomOutput, MatchedBlueprint
    from airflow_provider_bda.results.document import DocumentOutput, DocumentPage, Element
    from airflow_provider_bda.results.errors import ResultsError
    from airflow_provider_bda.results.fields import Field, FieldTree
    from airflow_provider_bda.results.geometry import BoundingBox, Geometry, Point
    from airflow_provider_bda.results.image import ImageOutput
    from airflow_provider_bda.results.metadata import Asset, JobMetadata, SegmentPaths
    from airflow_provider_bda.results.output import StandardOutput
    from airflow_provider_bda.results.parts import Category, Logo, Moderation, Representation, TextItem
    from airflow_provider_bda.results.standard import read_standard_output, standard_output
    from airflow_provider_bda.results.video import Chapter, Frame, Shot, VideoOutput

__all__ = [
    "Asset",
    "AudioOutput",
    "AudioSegment",
    "BoundingBox",
    "Category",
    "Chapter",
    "CustomChapter",
    "CustomOutput",
    "DocumentOutput",
    "DocumentPage",
    "Element",
    "Field",
    "FieldTree",
    "Frame",
    "Geometry",
    "ImageOutput",
    "JobMetadata",
    "Logo",
    "MatchedBlueprint",
    "Moderation",
    "Point",
    "Representation",
    "Results",
    "ResultsError",
    "ResultsView",
    "Segment",
    "SegmentPaths",
    "Shot",
    "StandardOutput",
    "TextItem",
    "Topic",
    "VideoOutput",
    "load_results",
    "read_standard_output",
    "standard_output",
]

#: Name -> module. Imported on first use: a Dag file that names an operator reads no results.
_HOMES = {
    name: module
    for module, names in {
        "audio": "AudioOutput AudioSegment Topic",
        "bundle": "Results ResultsView Segment load_results",
        "custom": "CustomChapter CustomOutput MatchedBlueprint",
        "document": "DocumentOutput DocumentPage Element",
        "errors": "ResultsError",
        "fields": "Field FieldTree",
        "geometry": "BoundingBox Geometry Point",
        "image": "ImageOutput",
        "metadata": "Asset JobMetadata SegmentPaths",
        "output": "StandardOutput",
        "parts": "Category Logo Moderation Representation TextItem",
        "standard": "read_standard_output standard_output",
        "video": "Chapter Frame Shot VideoOutput",
    }.items()
    for name in names.split()
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
