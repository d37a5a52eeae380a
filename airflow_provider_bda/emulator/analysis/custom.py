"""Which blueprint a segment matches, and its custom output as BDA writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.analysis.evidence import explained, located, values_in
from airflow_provider_bda.emulator.analysis.redact import detections, masked_everywhere
from airflow_provider_bda.emulator.analysis.stand_in import Extraction, extract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bda.emulator.analysis.fixtures import Fixture
    from airflow_provider_bda.emulator.analysis.model import AnalysisRequest, Blueprint, ReadDocument
    from airflow_provider_bda.emulator.analysis.project import Sensitive


@dataclass(frozen=True, slots=True)
class Match:
    """A blueprint chosen for a segment.

    :param status: MATCH or FALLBACK.
    :param extraction: what the stand-in made of it, if it was asked.
    """

    status: str
    blueprint: Blueprint
    confidence: float
    extraction: Extraction | None = None


def choose(request: AnalysisRequest, document: ReadDocument, fixture: Fixture | None) -> Match | None:
    """Choose among the request's blueprints; None when none matches.

    A single blueprint without a fallback is forced, as the service does it.
    """
    named = _named_by(fixture, request.blueprints)
    if named is not None:
        return Match("MATCH", named, 1.0)
    if len(request.blueprints) == 1 and request.fallback is None:
        return Match("MATCH", request.blueprints[0], 1.0)
    tried = [(extract(document, blueprint.schema), blueprint) for blueprint in request.blueprints]
    best = max(tried, key=lambda entry: entry[0].match, default=None)
    if best is not None and best[0].match > 0:
        return Match("MATCH", best[1], round(best[0].match, 4), best[0])
    return None if request.fallback is None else Match("FALLBACK", request.fallback, 0.0)


def custom_output(
    request: AnalysisRequest, document: ReadDocument, match: Match, fixture: Fixture | None
) -> dict[str, Any]:
    """Write the custom output of one segment.

    Where the fields come from, first that has them: the fixture, the caller's extractor, the
    stand-in.
    """
    blueprint = match.blueprint
    version = {"version": blueprint.version} if blueprint.version is not None else {}
    result: dict[str, Any] = {
        "matched_blueprint": {
            "arn": blueprint.arn,
            "name": blueprint.name,
            **version,
            "confidence": match.confidence,
        }
    }
    values, evidence = _fields(request, document, match, fixture)
    if document.modality == "VIDEO":
        chapters = fixture.chapters if fixture is not None and fixture.chapters is not None else None
        chapters = [{"inference_result": values}] if chapters is None else chapters
        return result | {"split_video": {"chapter_indices": list(range(len(chapters)))}, "chapters": chapters}
    if document.modality != "DOCUMENT":
        return result | {"inference_result": values}
    klass = (blueprint.schema or {}).get("class") or blueprint.name
    return result | {
        "document_class": {"type": klass},
        "split_document": {"page_indices": [page.index for page in document.pages]},
        "inference_result": values,
        "explainability_info": evidence,
    }


def with_detections(result: dict[str, Any], policy: Sensitive, *, redacted: bool) -> dict[str, Any]:
    """Add what detection found, field by field, and mask the twin."""
    listed: dict[str, Any] = {}
    for path, text in _strings("", result.get("inference_result")):
        if found := detections(text, policy, redacted=redacted):
            value = masked_everywhere(text, policy) if redacted else text
            listed[path] = {"value": value, "sensitive_data_detection": found}
    members = ("inference_result", "explainability_info", "chapters")
    hidden = {
        name: masked_everywhere(result[name], policy) for name in members if redacted and name in result
    }
    return {**result, **hidden, "blueprint_sensitive_data_detection": listed}


def _fields(
    request: AnalysisRequest, document: ReadDocument, match: Match, fixture: Fixture | None
) -> tuple[Any, Any]:
    if fixture is not None and fixture.inference_result is not None:
        tree = located(fixture.inference_result, document)
        given = fixture.explainability_info
        return values_in(tree), [explained(tree)] if given is None else given
    if request.extractor is not None:
        answered = request.extractor(document, match.blueprint)
        if answered is not None:
            tree = located(answered, document)
            return values_in(tree), [explained(tree)]
    extraction = match.extraction or extract(document, match.blueprint.schema)
    return values_in(extraction.tree), [explained(extraction.tree)]


def _named_by(fixture: Fixture | None, blueprints: Sequence[Blueprint]) -> Blueprint | None:
    """Answer the blueprint a fixture names, or the one whose fields its result has."""
    if fixture is None or not blueprints:
        return None
    if fixture.blueprint is not None:
        return next((blueprint for blueprint in blueprints if blueprint.name == fixture.blueprint), None)
    if fixture.inference_result is None:
        return None
    given = fixture.inference_result.keys()
    return max(
        blueprints, key=lambda blueprint: len(given & set((blueprint.schema or {}).get("properties") or ()))
    )


def _strings(path: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        return [
            pair
            for name, child in value.items()
            for pair in _strings(f"{path}.{name}" if path else name, child)
        ]
    if isinstance(value, list):
        return [pair for at, child in enumerate(value) for pair in _strings(f"{path}[{at}]", child)]
    return []
