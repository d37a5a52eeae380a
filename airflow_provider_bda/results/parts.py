"""What the standard outputs of several modalities share: text on a picture, labels, moderation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_bda.results.geometry import Geometry, geometries
from airflow_provider_bda.results.plain import View, integer, mapping, number, objects, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True)
class Located(View):
    """Something with an id and places."""

    @property
    def id(self) -> str | None:
        """The service's id of it."""
        return text(self.raw, "id")

    @property
    def confidence(self) -> float | None:
        """From 0 to 1. Lines of documents near 0.01 have been reported: do not filter by it."""
        return number(self.raw, "confidence")

    @cached_property
    def locations(self) -> tuple[Geometry, ...]:
        """Where it stands; pages counted from 1, none for images."""
        return geometries(self.raw, "locations")


@dataclass(frozen=True)
class TextItem(Located):
    """A line or a word of text."""

    @property
    def text(self) -> str | None:
        """The text."""
        return text(self.raw, "text")

    @property
    def line_id(self) -> str | None:
        """The line a word belongs to."""
        return text(self.raw, "line_id")

    @property
    def reading_order(self) -> int | None:
        """Its place in the order of reading."""
        return integer(self.raw, "reading_order")

    @property
    def page(self) -> int | None:
        """Its page, counted from 1; None for images."""
        index = integer(self.raw, "page_index")
        if index is not None:
            return index + 1
        return next((place.page for place in self.locations), None)


@dataclass(frozen=True)
class Logo(Located):
    """A logo that was recognised."""

    @property
    def name(self) -> str | None:
        """Whose logo it is."""
        return text(self.raw, "name")


@dataclass(frozen=True)
class Category(View):
    """A class of the IAB's taxonomy."""

    @property
    def category(self) -> str | None:
        """The class's name."""
        return text(self.raw, "category")

    @property
    def parent_name(self) -> str | None:
        """The class above it; empty at the top."""
        return text(self.raw, "parent_name")

    @property
    def taxonomy_level(self) -> int | None:
        """1 for the top."""
        return integer(self.raw, "taxonomy_level")

    @property
    def confidence(self) -> float | None:
        """From 0 to 1, if given."""
        return number(self.raw, "confidence")


@dataclass(frozen=True)
class Moderation(Located):
    """One judgement of content: of a picture, or of a stretch of sound."""

    @property
    def category(self) -> str | None:
        """What it was found to be, for a picture."""
        return text(self.raw, "category")

    @property
    def start_millis(self) -> int | None:
        """Where the stretch begins."""
        return integer(self.raw, "start_timestamp_millis")

    @property
    def end_millis(self) -> int | None:
        """Where the stretch ends."""
        return integer(self.raw, "end_timestamp_millis")

    @cached_property
    def categories(self) -> dict[str, float]:
        """Confidence by category, for sound."""
        pairs = (
            (text(entry, "category"), number(entry, "confidence"))
            for entry in objects(self.raw, "moderation_categories")
        )
        return {name: score for name, score in pairs if name is not None and score is not None}


@dataclass(frozen=True)
class Representation:
    """One text in the formats the project asks for; the others are None."""

    text: str | None = None
    markdown: str | None = None
    html: str | None = None
    csv: str | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Representation:
        """Read the ``representation`` of an object."""
        given = mapping(raw, "representation")
        return cls(
            text=text(given, "text"),
            markdown=text(given, "markdown"),
            html=text(given, "html"),
            csv=text(given, "csv"),
        )

    @property
    def best(self) -> str | None:
        """The first that is there of plain text, markdown, HTML and CSV."""
        formats = (self.text, self.markdown, self.html, self.csv)
        return next((given for given in formats if given is not None), None)
