"""Custom output: what a blueprint found in one segment.

Pages: `split_document.page_indices` counts from 0, the geometry of fields from 1. Both are offered
under names that say so, and everything called `pages` counts from 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.results.fields import Field, FieldTree, field_tree, flatten
from airflow_provider_bda.results.plain import (
    View,
    at,
    integer,
    integers,
    items,
    mapping,
    number,
    text,
    views,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class MatchedBlueprint(View):
    """The blueprint that was applied."""

    @property
    def arn(self) -> str | None:
        """Its ARN."""
        return text(self.raw, "arn")

    @property
    def name(self) -> str | None:
        """Its name."""
        return text(self.raw, "name")

    @property
    def version(self) -> str | None:
        """Its version; None for AWS's own blueprints."""
        found = at(self.raw, "version")
        return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else None

    @property
    def confidence(self) -> float | None:
        """How sure the match is: 1.0 when it was the only one, 0 for a fallback."""
        return number(self.raw, "confidence")


@dataclass(frozen=True)
class _Extraction(View):
    """What has an ``inference_result``, with evidence or without."""

    @property
    def inference_result(self) -> Mapping[str, Any]:
        """The values alone, in the blueprint's shape."""
        return mapping(self.raw, "inference_result")

    @cached_property
    def tree(self) -> dict[str, FieldTree]:
        """The fields in the blueprint's shape: ``tree["account_summary"][0]["summary_amount"]``."""
        evidence = items(self.raw, "explainability_info")
        return field_tree(self.inference_result, evidence[0] if evidence else None)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Every field by its path, e.g. ``account_summary[0].summary_amount``."""
        return flatten(self.tree)

    def value(self, path: str, default: Any = None) -> Any:
        """Answer one field's value.

        :param path: as in :attr:`fields`.
        :param default: answered when there is no such field.
        """
        found = self.fields.get(path)
        return default if found is None else found.value


@dataclass(frozen=True)
class CustomChapter(_Extraction):
    """What a blueprint found in one chapter of a video."""

    @property
    def chapter_index(self) -> int | None:
        """The chapter's number, from 0."""
        return integer(self.raw, "chapter_index")

    @property
    def start_millis(self) -> int | None:
        """Where it begins, in milliseconds."""
        return integer(self.raw, "start_timestamp_millis")

    @property
    def end_millis(self) -> int | None:
        """Where it ends, in milliseconds."""
        return integer(self.raw, "end_timestamp_millis")


@dataclass(frozen=True)
class CustomOutput(_Extraction):
    """The custom output of one segment, of any modality."""

    @cached_property
    def matched_blueprint(self) -> MatchedBlueprint | None:
        """The blueprint applied."""
        found = mapping(self.raw, "matched_blueprint")
        return MatchedBlueprint(found) if found else None

    @property
    def document_class(self) -> str | None:
        """The class the blueprint gives; documents only."""
        return text(self.raw, "document_class", "type")

    @property
    def page_indices(self) -> tuple[int, ...]:
        """The input's pages in this segment, **counted from 0** as the file has them."""
        return integers(self.raw, "split_document", "page_indices")

    @property
    def pages(self) -> tuple[int, ...]:
        """The same pages **counted from 1**, as people and the fields' geometry count."""
        return tuple(index + 1 for index in self.page_indices)

    @property
    def chapter_indices(self) -> tuple[int, ...]:
        """The video's chapters in this segment, counted from 0."""
        return integers(self.raw, "split_video", "chapter_indices")

    @cached_property
    def chapters(self) -> tuple[CustomChapter, ...]:
        """What was found per chapter; videos only."""
        return views(CustomChapter, self.raw, "chapters")

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The languages of an audio; empty elsewhere."""
        return mapping(self.raw, "metadata")

    @property
    def sensitive_data(self) -> Any:
        """What detection found, as the service wrote it; None without detection."""
        return at(self.raw, "blueprint_sensitive_data_detection")
