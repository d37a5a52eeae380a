"""Standard output of a document: text in several formats, pages, elements, lines and words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_bda.results.output import StandardOutput
from airflow_provider_bda.results.parts import Located, Representation, TextItem
from airflow_provider_bda.results.plain import View, integer, integers, mapping, text, texts, views

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


@dataclass(frozen=True)
class DocumentPage(View):
    """One page."""

    @property
    def id(self) -> str | None:
        """The service's id of it."""
        return text(self.raw, "id")

    @property
    def page_index(self) -> int | None:
        """Its number **counted from 0**, as the file has it."""
        return integer(self.raw, "page_index")

    @property
    def page(self) -> int | None:
        """Its number **counted from 1**."""
        return None if self.page_index is None else self.page_index + 1

    @property
    def representation(self) -> Representation:
        """Its text, in each format asked for."""
        return Representation.of(self.raw)

    @property
    def statistics(self) -> Mapping[str, Any]:
        """Counts, as the service gives them."""
        return mapping(self.raw, "statistics")

    @property
    def rectified_image(self) -> str | None:
        """The S3 URI of the straightened page, if additional files were asked for."""
        return text(self.raw, "asset_metadata", "rectified_image")


@dataclass(frozen=True)
class Element(Located):
    """A paragraph, heading, table or figure."""

    @property
    def type(self) -> str | None:
        """TEXT, TABLE or FIGURE."""
        return text(self.raw, "type")

    @property
    def sub_type(self) -> str | None:
        """E.g. TITLE, SECTION_TITLE, PARAGRAPH, CHART."""
        return text(self.raw, "sub_type")

    @property
    def title(self) -> str | None:
        """The title of a table or figure."""
        return text(self.raw, "title")

    @property
    def summary(self) -> str | None:
        """The generated description of a figure."""
        return text(self.raw, "summary")

    @property
    def reading_order(self) -> int | None:
        """Its place in the order of reading."""
        return integer(self.raw, "reading_order")

    @property
    def pages(self) -> tuple[int, ...]:
        """The pages it stands on, counted from 1."""
        return tuple(index + 1 for index in integers(self.raw, "page_indices"))

    @property
    def representation(self) -> Representation:
        """Its content, in each format asked for; tables also as CSV."""
        return Representation.of(self.raw)

    @property
    def headers(self) -> tuple[str, ...]:
        """The column headers of a table."""
        return texts(self.raw, "headers")

    @property
    def csv_s3_uri(self) -> str | None:
        """The table as a CSV file on S3, if additional files were asked for."""
        return text(self.raw, "csv_s3_uri")

    @property
    def crop_images(self) -> tuple[str, ...]:
        """S3 URIs of the cut-out picture."""
        return texts(self.raw, "crop_images")


@dataclass(frozen=True)
class DocumentOutput(StandardOutput):
    """Standard output of a document. Which parts there are depends on the project's granularity."""

    @property
    def representation(self) -> Representation:
        """The whole document, in each format asked for."""
        return Representation.of(mapping(self.raw, "document"))

    @property
    def markdown(self) -> str | None:
        """The whole document as markdown, the service's default format."""
        return self.representation.markdown

    @property
    def description(self) -> str | None:
        """The shorter generated summary."""
        return text(self.raw, "document", "description")

    @property
    def page_count(self) -> int | None:
        """How many pages were read."""
        return integer(self.metadata, "number_of_pages")

    @property
    def first_page(self) -> int | None:
        """The input's first page in this segment, counted from 1."""
        index = integer(self.metadata, "start_page_index")
        return None if index is None else index + 1

    @property
    def last_page(self) -> int | None:
        """The input's last page in this segment, counted from 1."""
        index = integer(self.metadata, "end_page_index")
        return None if index is None else index + 1

    @property
    def file_type(self) -> str | None:
        """E.g. PDF."""
        return text(self.metadata, "file_type")

    @cached_property
    def pages(self) -> tuple[DocumentPage, ...]:
        """The pages, in order."""
        return views(DocumentPage, self.raw, "pages")

    @cached_property
    def elements(self) -> tuple[Element, ...]:
        """Paragraphs, tables and figures, in the file's order."""
        return views(Element, self.raw, "elements")

    @property
    def tables(self) -> tuple[Element, ...]:
        """The elements that are tables."""
        return tuple(element for element in self.elements if element.type == "TABLE")

    @property
    def figures(self) -> tuple[Element, ...]:
        """The elements that are figures."""
        return tuple(element for element in self.elements if element.type == "FIGURE")

    @cached_property
    def text_lines(self) -> tuple[TextItem, ...]:
        """The lines, if the project asks for them."""
        return views(TextItem, self.raw, "text_lines")

    @cached_property
    def text_words(self) -> tuple[TextItem, ...]:
        """The words, if the project asks for them."""
        return views(TextItem, self.raw, "text_words")
