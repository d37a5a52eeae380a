"""Which files may go: format, modality, size and name, judged before anything is submitted.

Pure: no S3, no clock. A file is refused only if the service is sure to refuse it; what a name cannot tell (no suffix,
no size) goes. The figures are those of the user guide's limits page, read 2026-11-21; AWS changes them, so each is a setting.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from airflow_provider_bda._checks import check_s3_uri
from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airflow_provider_bda.batch.document import Document

_MIB = 1024 * 1024
MODALITIES = ("document", "image", "audio", "video")

#: Suffix -> the modalities the service may give such a file, the usual one first. A project's modality routing, and for
#: JPEG and PNG the service's own look at the picture, decide between them.
FORMATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(("pdf", "tif", "tiff", "docx"), ("document",)),
        **dict.fromkeys(("jpg", "jpeg", "png"), ("image", "document")),
        **dict.fromkeys(("amr", "flac", "m4a", "mp3", "ogg", "wav"), ("audio",)),
        **dict.fromkeys(("mp4", "mov"), ("video", "audio")),
        **dict.fromkeys(("avi", "mkv", "webm"), ("video",)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most bytes a file of each modality may have."""

    document: int = 500 * _MIB
    image: int = 5 * _MIB
    audio: int = 2_048 * _MIB
    video: int = 10_240 * _MIB

    def of(self, modality: str) -> int:
        """Answer the limit of a modality."""
        limit: int = getattr(self, modality)
        return limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a batch takes.

    :param modalities: those the batch is for; None takes all four.
    :param limits: sizes.
    :param formats: suffix (lower case, no dot) -> possible modalities, the usual one first.
    :param region_name: of the jobs: the files' buckets must lie there. None takes that of the S3 client.
    :param output_s3_uri: where the jobs write. A source passes over what lies there, or a second run would buy the
        first one's output.
    """

    modalities: Iterable[str] | None = None
    limits: Limits = field(default_factory=Limits)
    formats: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: FORMATS)
    region_name: str | None = None
    output_s3_uri: str | None = None

    def __post_init__(self) -> None:
        if self.modalities is None:
            return
        wanted = (self.modalities,) if isinstance(self.modalities, str) else tuple(self.modalities)
        unknown = set(wanted) - set(MODALITIES)
        if unknown or not wanted:
            raise BdaInputError(
                f"modalities: {', '.join(map(repr, sorted(unknown))) or 'none'} given; write one or more of "
                f"{', '.join(MODALITIES)}"
            )
        object.__setattr__(self, "modalities", wanted)

    def judge(self, uri: str, size: int | None) -> tuple[str, str | None]:
        """Answer a file's modality, and why it is refused: None if it may go.

        The reason starts with a word or two and a colon that are the same for all files refused for it.
        """
        suffix = suffix_of(uri)
        possible = self.formats.get(suffix, ()) if suffix else MODALITIES
        if not possible:
            known = ", ".join(sorted(self.formats))
            return "document", f"unsupported file: .{suffix} is none of {known}"
        taken = tuple(m for m in possible if self.modalities is None or m in self.modalities)
        if not taken:
            wanted = ", ".join(self.modalities or ())
            return possible[0], f"wrong modality: .{suffix} is {possible[0]}, and the batch takes {wanted}"
        modality = next((m for m in taken if (size or 0) <= self.limits.of(m)), taken[0])
        return modality, self._size_flaw(taken, size) or _uri_flaw(uri)

    def _size_flaw(self, taken: tuple[str, ...], size: int | None) -> str | None:
        if size is None:
            return None
        if size == 0:
            return "empty file: it has 0 bytes"
        widest = max(taken, key=self.limits.of)
        if size > self.limits.of(widest):
            return f"too large: {size:,} bytes, and {widest} may have {self.limits.of(widest):,}"
        return None


def suffix_of(uri: str) -> str:
    """Answer what follows the last dot of a file's name, in lower case; empty if there is none."""
    name, dot, suffix = uri.rpartition("/")[2].rpartition(".")
    return suffix.lower() if name and dot else ""


def _uri_flaw(uri: str) -> str | None:
    try:
        check_s3_uri("unusable name", uri)
    except BdaInputError as error:
        return str(error)
    return None


def checked(document: Document, rules: Rules) -> Document:
    """Answer the document with its modality, and with the reason if it is refused; an earlier reason stands."""
    modality, reason = rules.judge(document.input_s3_uri, document.size)
    if reason is None and modality != "video" and "video_segment" in document.overrides:
        reason = f"no video: video_segment is given, and the file is {modality}"
    reason = document.rejection or reason
    if modality == document.modality and reason == document.rejection:
        return document
    return replace(document, modality=modality, rejection=reason)
