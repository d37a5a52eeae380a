"""What a page is told about results: plain JSON, bounded, out of the typed views. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.results import AudioOutput, DocumentOutput, ImageOutput, VideoOutput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_bda.results import CustomOutput, Field, Geometry, Segment, StandardOutput

#: What one answer holds at most; the raw files have everything.
MAX_FIELDS = 1_000
MAX_VALUE = 2_000
MAX_TEXT = 200_000
MAX_ITEMS = 1_000
MAX_TABLES = 50
MAX_SEGMENTS = 500
MAX_PAGES = 3_000


def fields_view(custom: CustomOutput) -> dict[str, Any]:
    """Answer the fields with their boxes, and how many there are."""
    fields = list(custom.fields.values())
    for chapter in custom.chapters:
        fields += chapter.fields.values()
    return {
        "fields": [field_view(field) for field in fields[:MAX_FIELDS]],
        "fields_total": len(fields),
        "fields_found": sum(field.found for field in fields),
    }


def field_view(field: Field) -> dict[str, Any]:
    """Answer one field."""
    value = field.value
    if isinstance(value, str):
        value = _cut(value, MAX_VALUE)
    elif not (value is None or isinstance(value, bool | int | float)):
        value = _cut(str(value), MAX_VALUE)
    return {
        "path": _cut(field.path, 300),
        "value": value,
        "confidence": field.confidence,
        "type": field.type,
        "found": field.found,
        "boxes": boxes(field.geometry[:20]),
    }


def boxes(places: Iterable[Geometry]) -> list[dict[str, Any]]:
    """Answer the places that have a rectangle, in fractions of the page."""
    return [
        {
            "page": place.page or 1,
            "left": place.bounding_box.left,
            "top": place.bounding_box.top,
            "width": place.bounding_box.width,
            "height": place.bounding_box.height,
        }
        for place in places
        if place.bounding_box is not None
    ]


def segment_pages(standard: StandardOutput | None, custom: CustomOutput | None) -> list[int]:
    """Answer the pages of a segment, counted from 1 as the fields' geometry does."""
    pages: set[int] = set(custom.pages) if custom else set()
    if isinstance(standard, DocumentOutput):
        if standard.first_page and standard.last_page:
            pages |= set(
                range(standard.first_page, min(standard.last_page, standard.first_page + MAX_PAGES) + 1)
            )
        pages |= {page.page for page in standard.pages if page.page}
        if not pages and standard.page_count:
            pages |= set(range(1, min(standard.page_count, MAX_PAGES) + 1))
    if custom:
        pages |= {page for field in custom.fields.values() for page in field.pages}
    return sorted(page for page in pages if 1 <= page <= MAX_PAGES) or [1]


def standard_view(output: StandardOutput) -> dict[str, Any]:
    """Answer a standard output of any modality."""
    common = {
        "modality": output.modality,
        "summary": _cut(output.summary, MAX_TEXT),
        "statistics": _numbers(output.statistics),
        "metadata": _numbers(output.metadata),
    }
    if isinstance(output, DocumentOutput):
        return {**common, **_document(output)}
    if isinstance(output, AudioOutput):
        return {**common, **_audio(output)}
    if isinstance(output, VideoOutput):
        return {**common, **_video(output)}
    if isinstance(output, ImageOutput):
        return {**common, **_image(output)}
    return {**common, "text": _cut(output.text, MAX_TEXT)}


def _document(output: DocumentOutput) -> dict[str, Any]:
    markdown = output.markdown
    if markdown is None:
        parts = [page.representation.markdown for page in output.pages]
        markdown = "\n\n".join(part for part in parts if part) or None
    return {
        "markdown": _cut(markdown, MAX_TEXT),
        "text": _cut(output.text, MAX_TEXT) if markdown is None else None,
        "description": _cut(output.description, MAX_TEXT),
        "tables": [
            {
                "title": table.title,
                "pages": list(table.pages),
                "csv": _cut(table.representation.csv, 50_000),
                "html": _cut(table.representation.html, 50_000),
                "markdown": _cut(table.representation.markdown, 50_000),
                "boxes": boxes(table.locations),
            }
            for table in output.tables[:MAX_TABLES]
        ],
        "tables_total": len(output.tables),
        "figures": [
            {"title": figure.title, "summary": _cut(figure.summary, MAX_VALUE), "pages": list(figure.pages)}
            for figure in output.figures[:MAX_TABLES]
        ],
    }


def _audio(output: AudioOutput) -> dict[str, Any]:
    return {
        "transcript": [
            {
                "speaker": segment.speaker or segment.channel,
                "start": segment.start_millis,
                "end": segment.end_millis,
                "text": _cut(segment.text, MAX_VALUE),
            }
            for segment in output.segments[:MAX_ITEMS]
        ],
        "transcript_total": len(output.segments),
        "text": None if output.segments else _cut(output.transcript, MAX_TEXT),
        "topics": [
            {"start": topic.start_millis, "end": topic.end_millis, "text": _cut(topic.summary, MAX_VALUE)}
            for topic in output.topics[:MAX_ITEMS]
        ],
    }


def _video(output: VideoOutput) -> dict[str, Any]:
    return {
        "text": _cut(output.text, MAX_TEXT),
        "topics": [
            {
                "start": chapter.start_millis,
                "end": chapter.end_millis,
                "text": _cut(chapter.summary, MAX_VALUE),
            }
            for chapter in output.chapters[:MAX_ITEMS]
        ],
    }


def _image(output: ImageOutput) -> dict[str, Any]:
    return {
        "lines": [
            {
                "text": _cut(line.text, MAX_VALUE),
                "confidence": line.confidence,
                "boxes": boxes(line.locations),
            }
            for line in output.text_lines[:MAX_ITEMS]
        ],
        "labels": [name for entry in output.iab_categories[:100] if (name := entry.category)]
        + [f"logo: {logo.name}" for logo in output.logos[:100] if logo.name],
    }


def blueprint_view(segment: Segment) -> dict[str, Any]:
    """Answer which blueprint made a segment's custom output, or why there is none."""
    custom = segment.custom
    matched = custom.matched_blueprint if custom else None
    return {
        "status": segment.custom_output_status,
        "class": custom.document_class if custom else None,
        "name": matched.name if matched else None,
        "arn": matched.arn if matched else None,
        "version": matched.version if matched else None,
        "confidence": matched.confidence if matched else None,
    }


def why_no_fields(status: str | None) -> str:
    """Say why a segment has no custom output."""
    if status == "NO_MATCH":
        return "None of the blueprints matched this segment (NO_MATCH), so no field was extracted."
    if status is None:
        return "The job ran without a blueprint for this kind of file, so it has standard output only."
    return f"The job wrote no custom output for this segment; its status is {status}."


def _numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what is short: counts, sizes, names."""
    return {
        _cut(str(key), 60): value if not isinstance(value, str) else _cut(value, 200)
        for key, value in list(given.items())[:40]
        if isinstance(value, str | int | float | bool)
    }


def _cut(text: str | None, most: int) -> Any:
    return text if text is None or len(text) <= most else f"{text[:most]}…"
