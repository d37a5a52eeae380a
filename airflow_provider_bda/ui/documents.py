"""One document: what its job left, read where the task said it lies and nowhere else.

What may be shown is ``[bda] ui_documents``: ``redacted`` (the default) shows nothing but redacted files of a job
that has any, and no picture of its pages; ``full`` shows the originals; ``off`` shows no document at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._compat import conf
from airflow_provider_bda.results import DocumentOutput, Results, ResultsError, Segment, load_results
from airflow_provider_bda.results.metadata import full_twin, redacted_twin
from airflow_provider_bda.ui import pages, views
from airflow_provider_bda.ui.reading import MAX_INPUT, ReadError, Source, all_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.results import CustomOutput
    from airflow_provider_bda.results.bundle import ResultsView

MODES = ("redacted", "full", "off")
#: Segments whose files are looked for beside their redacted twins.
_LOOKED_AT = 20


class Hidden(Exception):
    """The configuration does not let it be shown; the message says which."""


class Nothing(Exception):
    """There is nothing to show; the message says why."""


def mode() -> str:
    """Answer ``[bda] ui_documents``; a word that is none of the three shows nothing."""
    said = str(conf.get("bda", "ui_documents", fallback="redacted")).strip().lower()
    return said if said in MODES else "off"


@dataclass(frozen=True)
class Document:
    """A document whose job has ended well.

    :param source: S3 with the task's connection.
    :param metadata_uri: the job's ``job_metadata.json``.
    :param input_s3_uri: the file as the task or the batch knows it; None where neither is known any more.
    """

    source: Source
    metadata_uri: str
    input_s3_uri: str | None = None
    mode: str = field(default_factory=mode)

    def __post_init__(self) -> None:
        """Refuse where nothing may be shown.

        :raises Hidden: documents are switched off.
        """
        if self.mode == "off":
            raise Hidden("Documents are not shown here: [bda] ui_documents is off.")

    def results(self) -> Results:
        """Read the job's metadata; the files follow when they are asked for.

        :raises Nothing: there is no metadata.
        """
        try:
            # Which view is read is decided once the metadata says which files there are.
            results = load_results(self._read, self.metadata_uri, "full")
            view: ResultsView = "redacted" if self._redacted(results) else "full"
            return Results(results.metadata, results.metadata_uri, self._read, view)
        except ResultsError as error:
            raise Nothing(str(error)) from error

    def overview(self) -> dict[str, Any]:
        """Answer what the document is and which segments it has."""
        results = self.results()
        return {
            "modality": results.modality,
            "job_status": results.metadata.job_status,
            "input_s3_uri": self._input(results),
            "output_s3_uri": self.metadata_uri,
            "redacted": results.view == "redacted",
            "segments_total": len(results),
            "segments": [
                {
                    "index": segment.index,
                    "custom_output_status": segment.custom_output_status,
                    "has_standard": segment.paths.standard_output_path is not None,
                    "has_custom": segment.paths.custom_output_path is not None,
                }
                for segment in results.segments[: views.MAX_SEGMENTS]
            ],
        }

    def segment(self, index: int) -> dict[str, Any]:
        """Answer everything of one segment; a part that cannot be shown says why."""
        results = self.results()
        segment = _nth(results, index)
        said: list[str] = []
        custom = _part(lambda: _whole(segment.custom), "The fields", said)
        standard = _part(lambda: segment.standard, "The standard output", said)
        if segment.paths.custom_output_path is None:
            said.append(views.why_no_fields(segment.custom_output_status))
        if segment.paths.standard_output_path is None:
            said.append("The project asks for no standard output of this kind of file.")
        why_no_picture = self._why_no_picture(results)
        if not why_no_picture:
            pages.expect()
        shown = {
            "index": index,
            "pages": views.segment_pages(standard, custom),
            "picture": why_no_picture or None,
            "blueprint": views.blueprint_view(segment)
            if custom
            else {"status": segment.custom_output_status},
            "standard": views.standard_view(standard) if standard else None,
            "missing": said,
        }
        fields = views.fields_view(custom) if custom else {"fields": [], "fields_total": 0, "fields_found": 0}
        return {**shown, **fields}

    def raw(self, index: int, which: str) -> bytes:
        """Answer a file of a segment as it stands on S3.

        :param which: "custom", "standard" or "metadata".
        """
        results = self.results()
        if which == "metadata":
            return self._read(self.metadata_uri)
        segment = _nth(results, index)
        paths = segment.paths
        uri = paths.custom_output_path if which == "custom" else paths.standard_output_path
        if uri is None:
            raise Nothing(f"the segment has no {which} output")
        try:
            return self._read((redacted_twin if results.view == "redacted" else full_twin)(uri))
        except FileNotFoundError as error:
            raise Nothing(f"there is no {results.view} {which} output of this segment") from error

    def picture(self, page: int) -> bytes:
        """Answer the picture of a page as PNG.

        :raises Hidden: the document is redacted, and the page would show what was taken out.
        :raises Nothing: there is none.
        """
        results = self.results()
        if why := self._why_no_picture(results):
            raise (Hidden if results.view == "redacted" else Nothing)(why)
        uri = self._rectified(results, page) or self._input(results)
        if uri is None:
            raise Nothing("the file is not known")
        own = uri != self._input(results)
        try:
            body = self.source.read(uri, limit=MAX_INPUT)
            return pages.draw((self.source, uri), body, pages.ending(uri), 1 if own else page)
        except FileNotFoundError as error:
            raise Nothing("the file is no longer where the job read it") from error
        except pages.NoPicture as error:
            raise Nothing(str(error)) from error

    def _why_no_picture(self, results: Results) -> str:
        if results.view == "redacted":
            return "The project redacts sensitive data, so the original pages are not shown."
        if results.modality in {"AUDIO", "VIDEO"}:
            return "Sound and film have no pages."
        uri = self._input(results)
        if uri is None:
            return "The results do not say which file was read."
        if pages.ending(uri) not in pages.DRAWN and not self._has_rectified(results):
            return f"Pages of .{pages.ending(uri)[:10]} files are not drawn; the boxes stand on an outline of the page."
        if not pages.available():
            return "Pages are drawn where the extra is installed: pip install 'airflow-provider-bda[viewer]'."
        return ""

    def _has_rectified(self, results: Results) -> bool:
        return self._rectified(results, None) is not None

    def _rectified(self, results: Results, page: int | None) -> str | None:
        """Find BDA's own picture of a page (of any, for None), if it lies in the job's folder."""
        for standard in all_of([partial(_standard, segment) for segment in results.segments[:_LOOKED_AT]]):
            if isinstance(standard, DocumentOutput):
                for entry in standard.pages:
                    uri = entry.rectified_image
                    if uri and page in {None, entry.page} and uri.startswith(f"{self._folder}/"):
                        return uri
        return None

    def _input(self, results: Results) -> str | None:
        if self.input_s3_uri:
            return self.input_s3_uri
        return next((path for asset in results.metadata.assets if (path := asset.asset_input_path)), None)

    def _redacted(self, results: Results) -> bool:
        if self.mode != "redacted":
            return False
        uris = [
            self._own(redacted_twin(uri))
            for segment in results.segments[:_LOOKED_AT]
            for uri in (segment.paths.standard_output_path, segment.paths.custom_output_path)
            if uri
        ]
        return any(all_of([partial(self.source.exists, uri) for uri in uris]))

    @property
    def _folder(self) -> str:
        return self.metadata_uri.rpartition("/")[0]

    def _own(self, uri: str) -> str:
        """Hold to the job's own folder: what a file on S3 names elsewhere is not read with the task's rights."""
        if not uri.startswith(f"{self._folder}/") or "/../" in uri:
            raise ReadError("the job's metadata names a file outside of the job's folder")
        return uri

    def _read(self, uri: str) -> bytes:
        return self.source.read(self._own(uri))


def pretty(body: bytes) -> Iterator[bytes]:
    """Indent a JSON file for reading; what is no JSON stays as it is."""
    try:
        yield json.dumps(json.loads(body), indent=2, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        yield body


def _standard(segment: Segment) -> Any:
    try:
        return segment.standard
    except (ResultsError, ReadError):
        return None


def _nth(results: Results, index: int) -> Segment:
    if not 0 <= index < len(results):
        raise Nothing(f"the job has {len(results)} segments")
    return results.segments[index]


def _whole(custom: CustomOutput | None) -> CustomOutput | None:
    """Read every field now, where a file that is bent beyond reading becomes a sentence on the page."""
    for part in (custom, *custom.chapters) if custom else ():
        _ = part.fields
    return custom


def _part(read: Any, what: str, said: list[str]) -> Any:
    try:
        return read()
    except (ResultsError, ReadError) as error:
        said.append(f"{what} cannot be shown: {error}")
        return None
