"""Standard output of an image: what it shows, what is written on it, whether it may be shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from airflow_provider_bda.results.output import StandardOutput
from airflow_provider_bda.results.parts import Category, Logo, Moderation, TextItem
from airflow_provider_bda.results.plain import integer, text, views


@dataclass(frozen=True)
class ImageOutput(StandardOutput):
    """Standard output of an image."""

    @property
    def width(self) -> int | None:
        """Pixels across."""
        return integer(self.metadata, "image_width_pixels")

    @property
    def height(self) -> int | None:
        """Pixels down."""
        return integer(self.metadata, "image_height_pixels")

    @property
    def encoding(self) -> str | None:
        """E.g. PNG."""
        return text(self.metadata, "image_encoding")

    @cached_property
    def iab_categories(self) -> tuple[Category, ...]:
        """The IAB's classes it falls into."""
        return views(Category, self.raw, "image", "iab_categories")

    @cached_property
    def content_moderation(self) -> tuple[Moderation, ...]:
        """What was found unfit, if moderation was asked for."""
        return views(Moderation, self.raw, "image", "content_moderation")

    @cached_property
    def logos(self) -> tuple[Logo, ...]:
        """Logos on it."""
        return views(Logo, self.raw, "image", "logos")

    @cached_property
    def text_lines(self) -> tuple[TextItem, ...]:
        """Lines of text on it."""
        return views(TextItem, self.raw, "image", "text_lines")

    @cached_property
    def text_words(self) -> tuple[TextItem, ...]:
        """Words on it."""
        return views(TextItem, self.raw, "image", "text_words")
