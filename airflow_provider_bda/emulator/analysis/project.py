"""What a project's configuration means for one job, read from the API's own shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GRANULARITIES = frozenset({"DOCUMENT", "PAGE", "ELEMENT", "LINE", "WORD"})


@dataclass(frozen=True, slots=True)
class DocumentFormat:
    """Which parts the standard output of a document has.

    :param granularity: of :data:`GRANULARITIES`.
    :param formats: of PLAIN_TEXT, MARKDOWN, HTML, CSV.
    :param boxes: whether places are given.
    :param files: whether text, markdown and tables are also written as files of their own.
    """

    granularity: frozenset[str] = GRANULARITIES
    formats: frozenset[str] = frozenset({"PLAIN_TEXT", "MARKDOWN", "CSV"})
    boxes: bool = True
    files: bool = False


@dataclass(frozen=True, slots=True)
class Sensitive:
    """What is done about sensitive data.

    :param scopes: of STANDARD and CUSTOM: the outputs that are looked through.
    :param redact: whether a redacted twin is written.
    :param types: the kinds looked for; None for all.
    :param by_type: whether a mask names the kind.
    """

    scopes: frozenset[str] = frozenset()
    redact: bool = False
    types: frozenset[str] | None = None
    by_type: bool = True


def document_format(project: Mapping[str, Any] | None) -> DocumentFormat:
    """Read how documents are written.

    A project that configures documents is obeyed; without one every part is written, so that there
    is something to look at. The service's own default is less: pages and elements as markdown.
    """
    given = part(project, "standardOutputConfiguration", "document")
    if not given:
        return DocumentFormat()
    granularity = part(given, "extraction", "granularity").get("types")
    formats = part(given, "outputFormat", "textFormat").get("types")
    return DocumentFormat(
        granularity=frozenset(granularity or ("PAGE", "ELEMENT")) | {"DOCUMENT"},
        formats=frozenset(formats or ("MARKDOWN",)),
        boxes=part(given, "extraction", "boundingBox").get("state") == "ENABLED",
        files=part(given, "outputFormat", "additionalFileFormat").get("state") == "ENABLED",
    )


def sensitive(project: Mapping[str, Any] | None, modality: str) -> Sensitive:
    """Read what is done about sensitive data of a modality; nothing without a configuration."""
    given = part(project, "overrideConfiguration", modality.lower(), "sensitiveDataConfiguration")
    if not given:
        return Sensitive()
    entities = part(given, "piiEntitiesConfiguration")
    types = frozenset(entities.get("piiEntityTypes") or ("ALL",))
    return Sensitive(
        scopes=frozenset(given.get("detectionScope") or ("STANDARD", "CUSTOM")),
        redact=given.get("detectionMode") == "DETECTION_AND_REDACTION",
        types=None if "ALL" in types else types,
        by_type=entities.get("redactionMaskMode") != "PII",
    )


def splitter_enabled(project: Mapping[str, Any] | None) -> bool:
    """Answer whether documents are split into the documents they hold."""
    return part(project, "overrideConfiguration", "document", "splitter").get("state") == "ENABLED"


def part(value: Any, *path: str) -> Mapping[str, Any]:
    """Follow members; an empty mapping where one is missing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}
