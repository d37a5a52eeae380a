"""A job's whole output: its metadata and, read when they are asked for, each segment's results.

Reading is the caller's: this package does no I/O. A document may have 3,000 pages, so a segment's
file is read at its first use and kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow_provider_bda.results.custom import CustomOutput
from airflow_provider_bda.results.errors import ResultsError
from airflow_provider_bda.results.metadata import JobMetadata, SegmentPaths, full_twin, redacted_twin
from airflow_provider_bda.results.plain import parse_object
from airflow_provider_bda.results.standard import read_standard_output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.results.output import StandardOutput

#: ``auto``: the redacted file where there is one, else the original. ``redacted``: only that.
#: ``full``: only the original.
ResultsView = Literal["auto", "redacted", "full"]


@dataclass(frozen=True)
class Segment:
    """One segment's results, read when first asked for.

    :param index: its number within the job, from 0.
    :param paths: the files the job names.
    :param read: fetches an object by its S3 URI; raises ``FileNotFoundError`` or ``KeyError`` when
        there is none.
    :param view: which twin is read.
    """

    index: int
    paths: SegmentPaths
    read: Callable[[str], bytes] = field(repr=False, compare=False)
    view: ResultsView = "auto"

    @cached_property
    def standard(self) -> StandardOutput | None:
        """The standard output; None if the job wrote none.

        :raises ResultsError: when the file is missing or no standard output.
        """
        uri = self.paths.standard_output_path
        return read_standard_output(self._body(uri)) if uri else None

    @cached_property
    def custom(self) -> CustomOutput | None:
        """The custom output; None if no blueprint took part or matched.

        :raises ResultsError: when the file is missing or no object.
        """
        uri = self.paths.custom_output_path
        return CustomOutput.from_dict(parse_object(self._body(uri), "the custom output")) if uri else None

    @property
    def custom_output_status(self) -> str | None:
        """``MATCH``, ``NO_MATCH``, ``FALLBACK`` or a word AWS adds later."""
        return self.paths.custom_output_status

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON with both bodies: for files, not for XCom."""
        return {
            "index": self.index,
            "paths": self.paths.to_dict(),
            "standard": self.standard.to_dict() if self.standard else None,
            "custom": self.custom.to_dict() if self.custom else None,
        }

    def _body(self, uri: str) -> bytes:
        for candidate in self._candidates(uri):
            try:
                return self.read(candidate)
            except (FileNotFoundError, KeyError):
                continue
        if self.view == "redacted":
            raise ResultsError(
                f"there is no redacted result at {redacted_twin(uri)}: the project's sensitive data "
                "configuration must say DETECTION_AND_REDACTION for this kind of output; "
                'view="auto" falls back to the original'
            )
        raise ResultsError(f"there is no result at {uri}, although job_metadata.json names it")

    def _candidates(self, uri: str) -> tuple[str, ...]:
        # The metadata may name either twin, so both are derived.
        redacted, full = redacted_twin(uri), full_twin(uri)
        return {"auto": (redacted, full), "redacted": (redacted,), "full": (full,)}[self.view]


@dataclass(frozen=True)
class Results:
    """What one job left.

    :param metadata: the job's ``job_metadata.json``.
    :param metadata_uri: where it lies.
    :param read: fetches an object by its S3 URI.
    :param view: which twin is read where redaction wrote two.
    """

    metadata: JobMetadata
    metadata_uri: str
    read: Callable[[str], bytes] = field(repr=False, compare=False)
    view: ResultsView = "auto"

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """Every segment, in order."""
        return tuple(
            Segment(index, paths, self.read, self.view) for index, paths in enumerate(self.metadata.segments)
        )

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    def __len__(self) -> int:
        return len(self.segments)

    @property
    def modality(self) -> str | None:
        """DOCUMENT, IMAGE, AUDIO or VIDEO."""
        return self.metadata.modality

    @property
    def standard(self) -> StandardOutput | None:
        """The first segment's standard output: all there is unless a document was split."""
        return self.segments[0].standard if self.segments else None

    @property
    def custom(self) -> CustomOutput | None:
        """The first segment's custom output: all there is unless a document was split."""
        return self.segments[0].custom if self.segments else None

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON with every body: for files, not for XCom."""
        return {
            "metadata_uri": self.metadata_uri,
            "view": self.view,
            "metadata": self.metadata.to_dict(),
            "segments": [segment.to_dict() for segment in self.segments],
        }


def load_results(read: Callable[[str], bytes], metadata_uri: str, view: ResultsView = "auto") -> Results:
    """Read a finished job's metadata; the segments follow when they are asked for.

    :param read: fetches an object by its S3 URI; it raises ``FileNotFoundError`` or ``KeyError``
        when there is none, and anything else is passed on: a refused redacted file never ends in
        the original being shown.
    :param metadata_uri: the ``job_metadata.json``, which is what a finished job's
        ``outputConfiguration.s3Uri`` names.
    :param view: ``auto``, ``redacted`` or ``full``.
    :raises ResultsError: when there is none or it is something else.
    """
    if view not in get_args(ResultsView):
        raise ResultsError(f'view must be "auto", "redacted" or "full", not {view!r}')
    try:
        body = read(metadata_uri)
    except (FileNotFoundError, KeyError):
        raise ResultsError(f"there is no job metadata at {metadata_uri}; has the job succeeded?") from None
    return Results(JobMetadata.from_json(body), metadata_uri, read, view)
