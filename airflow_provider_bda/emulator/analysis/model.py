"""The words of an analysis: what it is asked, what it has read, what it answers.

Values only. The emulator's job runner imports these; a document is read into them once, and
everything that is written afterwards is derived from them. Coordinates are fractions of the page,
as BDA gives them; page numbers here are indices from 0, and only what is written as `geometry`
counts from 1, because BDA does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_bda.emulator.analysis.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Box(NamedTuple):
    """A rectangle in fractions of its page, the origin at the upper left."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height

    @property
    def middle(self) -> float:
        """The height at which a line of text runs."""
        return self.top + self.height / 2


def box_around(boxes: list[Box]) -> Box:
    """Answer the smallest box that holds all of these (at least one)."""
    if len(boxes) == 1:
        return boxes[0]
    left = min(box.left for box in boxes)
    top = min(box.top for box in boxes)
    right = max(box.right for box in boxes)
    bottom = max(box.bottom for box in boxes)
    return Box(left, top, right - left, bottom - top)


class Word(NamedTuple):
    """One word and where it stands."""

    text: str
    box: Box


class Cell(NamedTuple):
    """Words that belong together in a line: a phrase, a column's entry."""

    text: str
    words: tuple[Word, ...]
    box: Box


class Line(NamedTuple):
    """One line of text, cut into cells where the gaps are wide."""

    text: str
    cells: tuple[Cell, ...]
    box: Box

    @property
    def words(self) -> list[Word]:
        """Every word of the line, left to right."""
        return [word for cell in self.cells for word in cell.words]


@dataclass(frozen=True, slots=True)
class Page:
    """One page that was read."""

    index: int
    width: float
    height: float
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The page's text, a line per line."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """What a reader made of the input.

    :param modality: DOCUMENT, IMAGE, AUDIO or VIDEO.
    :param format: the format found, e.g. ``PDF``.
    :param pages: the pages of a document; one page without text for an image; none for sound and film.
    :param info: what else the reader knows, e.g. an image's pixels.
    """

    modality: str
    format: str
    pages: tuple[Page, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole text, a blank line between pages."""
        return "\n\n".join(page.text for page in self.pages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A blueprint as a job sees it.

    :param type: DOCUMENT, IMAGE, AUDIO or VIDEO: the inputs it is for; None for any.
    :param schema: the parsed blueprint JSON schema; None for a blueprint whose schema is not known
        here (AWS's public ones), which then matches by name only through a fixture.
    """

    arn: str
    name: str
    version: str | None = None
    schema: Mapping[str, Any] | None = None
    type: str | None = None

    def takes(self, modality: str) -> bool:
        """Answer whether it is for inputs of this modality."""
        return self.type in {None, modality}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisRequest:
    """One job's input and everything its output depends on.

    :param body: the bytes of the input object.
    :param output_prefix: the key prefix of this job, ending with the job id, without a slash at the end.
    :param blueprints: those that take part; the best match wins, a single one is forced.
    :param fallback: the blueprint used when none matches.
    :param standard_output: whether standard output is written.
    :param project: the project's configuration as the API has it.
    :param sync: whether the limits of the synchronous call hold.
    :param fixtures: what is to be found, by key glob (on ``bucket/key`` and on the key) or by the
        body's sha256 in hex: an inference result, or a mapping with ``inference_result`` and
        optionally ``blueprint`` (a name), ``explainability_info``, ``standard_output``.
    :param extractor: asked after the fixtures and before the label-value stand-in; None from it
        means "not mine".
    :param limits: what the service takes.
    """

    body: bytes
    bucket: str
    key: str
    job_id: str
    output_bucket: str
    output_prefix: str
    blueprints: tuple[Blueprint, ...] = ()
    fallback: Blueprint | None = None
    standard_output: bool = True
    project: Mapping[str, Any] | None = None
    sync: bool = False
    region: str = "us-east-1"
    account: str = "123456789012"
    fixtures: Mapping[str, Any] | None = None
    extractor: Callable[[ReadDocument, Blueprint], Mapping[str, Any] | None] | None = None
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a job leaves behind.

    :param modality: DOCUMENT, IMAGE, AUDIO or VIDEO.
    :param files: body by S3 key in the output bucket, ``job_metadata.json`` last.
    :param pages: pages of a document, 1 for an image, 0 for sound and film.
    """

    modality: str
    files: Mapping[str, bytes]
    pages: int


class AnalysisRejected(Exception):
    """The service would end this job as ClientError, in these words.

    :param error_type: what the status answers as ``errorType``.
    :param message: what the status answers as ``errorMessage``.
    """

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(error_type, message)
        self.error_type = error_type
        self.message = message

    def __str__(self) -> str:
        return f"{self.error_type}: {self.message}"
