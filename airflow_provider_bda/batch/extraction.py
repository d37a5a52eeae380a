"""How well a batch's blueprints fitted: how often each matched, how often each field was filled, how surely. Pure.

Statistics only. Of what a document says, nothing is kept but whether a field was filled and how sure the service was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_bda.results import CustomOutput, Field, MatchedBlueprint

_INDEX = re.compile(r"\[\d+\]")


@dataclass(slots=True)
class _Confidence:
    count: int = 0
    total: float = 0.0
    lowest: float | None = None

    def add(self, value: float | None) -> None:
        if value is not None:
            self.count += 1
            self.total += value
            self.lowest = value if self.lowest is None else min(self.lowest, value)

    def to_json(self) -> dict[str, Any]:
        return {"mean_confidence": _share(self.total, self.count), "lowest_confidence": self.lowest}


@dataclass(slots=True)
class _Field:
    seen: int = 0
    filled: int = 0
    confidence: _Confidence = field(default_factory=_Confidence)


@dataclass(slots=True)
class _Blueprint:
    segments: int = 0
    matches: int = 0
    confidence: _Confidence = field(default_factory=_Confidence)
    fields: dict[str, _Field] = field(default_factory=dict)

    def add(self, found: Field, prefix: str) -> None:
        figures = self.fields.setdefault(prefix + _INDEX.sub("[]", found.path), _Field())
        figures.seen += 1
        if found.found:
            figures.filled += 1
            figures.confidence.add(found.confidence)

    def field_to_json(self, name: str) -> dict[str, Any]:
        # What stands in a list may be there any number of times; the rest once in an output, or left out.
        figures = self.fields[name]
        of = figures.seen if "[]" in name else self.segments
        return {"fill_rate": _share(figures.filled, of), **figures.confidence.to_json()}

    def names(self) -> list[str]:
        """Answer the fields; without lists and objects that were empty once, where their members are there."""
        return [
            name
            for name in self.fields
            if not any(other.startswith((f"{name}[", f"{name}.")) for other in self.fields)
        ]


class Extraction:
    """Counts the segments of jobs as they pass by."""

    def __init__(self) -> None:
        self._segments = 0
        self._blueprints: dict[tuple[str, str | None, str | None], _Blueprint] = {}

    def add(self, status: str | None, output: CustomOutput | None) -> None:
        """Count a segment.

        :param status: its ``custom_output_status``; None where no blueprint was asked for.
        :param output: its custom output, if it has one.
        """
        if status is None and output is None:
            return
        self._segments += 1
        blueprint = output.matched_blueprint if output is not None else None
        if output is None or blueprint is None:
            return
        figures = self._blueprints.setdefault(_key(blueprint), _Blueprint())
        figures.segments += 1
        figures.matches += status == "MATCH"
        figures.confidence.add(blueprint.confidence)
        for found in output.fields.values():
            figures.add(found, "")
        for chapter in output.chapters:
            for found in chapter.fields.values():
                figures.add(found, "chapters[].")

    def to_json(self) -> list[dict[str, Any]]:
        """Answer a dict a blueprint and version, the commonest first.

        ``match_rate`` is the share it matched of all segments for which a blueprint was asked, ``fill_rate`` the share
        of outputs (in lists: of entries) in which a field has a value; confidences are those of values there are.
        """
        ordered = sorted(self._blueprints.items(), key=lambda item: (-item[1].segments, repr(item[0])))
        return [
            {
                "arn": arn,
                "version": version,
                "name": name,
                "segments": figures.segments,
                "match_rate": _share(figures.matches, self._segments),
                **figures.confidence.to_json(),
                "fields": {name: figures.field_to_json(name) for name in figures.names()},
            }
            for (arn, version, name), figures in ordered
        ]


def _key(blueprint: MatchedBlueprint) -> tuple[str, str | None, str | None]:
    return (blueprint.arn or "", blueprint.version, blueprint.name)


def _share(part: float, of: float) -> float | None:
    return round(part / of, 4) if of else None
