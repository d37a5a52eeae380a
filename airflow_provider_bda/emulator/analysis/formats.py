"""Which format a file has and which modality the service gives it.

By its first bytes where they tell, by the key's extension otherwise: that is how a wrong extension
is survived and how headerless formats are still routed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.analysis.model import AnalysisRejected

if TYPE_CHECKING:
    from collections.abc import Mapping

#: How many bytes of the body are worth handing to :func:`modality_of`.
HEAD_BYTES = 4_096

MODALITIES: dict[str, str] = {
    "PDF": "DOCUMENT", "TIFF": "DOCUMENT", "DOCX": "DOCUMENT", "TXT": "DOCUMENT",
    "JPEG": "IMAGE", "PNG": "IMAGE",
    "AMR": "AUDIO", "FLAC": "AUDIO", "M4A": "AUDIO", "MP3": "AUDIO", "OGG": "AUDIO", "WAV": "AUDIO",
    "MP4": "VIDEO", "MOV": "VIDEO", "AVI": "VIDEO", "MKV": "VIDEO", "WEBM": "VIDEO",
}  # fmt: skip

_BY_EXTENSION: dict[str, str] = {
    "pdf": "PDF", "tif": "TIFF", "tiff": "TIFF", "docx": "DOCX", "txt": "TXT",
    "jpg": "JPEG", "jpeg": "JPEG", "png": "PNG",
    "amr": "AMR", "flac": "FLAC", "m4a": "M4A", "mp3": "MP3", "ogg": "OGG", "oga": "OGG", "wav": "WAV",
    "mp4": "MP4", "m4v": "MP4", "mov": "MOV", "avi": "AVI", "mkv": "MKV", "webm": "WEBM",
}  # fmt: skip

_BY_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"fLaC", "FLAC"),
    (b"OggS", "OGG"),
    (b"#!AMR", "AMR"),
    (b"ID3", "MP3"),
)


#: The only routes that change anything the emulator could follow.
_ROUTES = frozenset({("JPEG", "DOCUMENT"), ("PNG", "DOCUMENT"), ("MP4", "AUDIO"), ("MOV", "AUDIO")})


def format_of(key: str, head: bytes) -> str:
    """Name the format of a file.

    :param key: the object's key.
    :param head: the first bytes of the body; empty is allowed.
    :raises AnalysisRejected: when the service takes no such file.
    """
    found = _by_magic(head) or _BY_EXTENSION.get(_extension(key))
    if found is None:
        raise AnalysisRejected(
            "UnsupportedFileType",
            "The file type of the input is not supported. Supported are PDF, TIFF, JPEG, PNG, DOCX; MP4, MOV,"
            " AVI, MKV, WEBM; AMR, FLAC, M4A, MP3, Ogg, WAV.",
        )
    return found


def modality_of(key: str, body_head: bytes, project: Mapping[str, Any] | None = None) -> str:
    """Answer DOCUMENT, IMAGE, AUDIO or VIDEO for an input.

    :param key: the object's key.
    :param body_head: its first bytes (:data:`HEAD_BYTES` are enough).
    :param project: the project's configuration, whose ``modalityRouting`` is obeyed.
    :raises AnalysisRejected: when the service takes no such file.
    """
    return routed(format_of(key, body_head), project)


def routed(file_format: str, project: Mapping[str, Any] | None) -> str:
    """Answer the modality of a format, as the project's ``modalityRouting`` has it."""
    overrides = (project or {}).get("overrideConfiguration") or {}
    routing = overrides.get("modalityRouting") or {}
    wanted = str(routing.get(file_format.lower()))
    return wanted if (file_format, wanted) in _ROUTES else MODALITIES[file_format]


def _by_magic(head: bytes) -> str | None:
    for magic, name in _BY_MAGIC:
        if head.startswith(magic):
            return name
    if b"%PDF-" in head[:1024]:
        return "PDF"
    if head.startswith(b"RIFF"):
        return {b"WAVE": "WAV", b"AVI ": "AVI"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return {b"M4A ": "M4A", b"qt  ": "MOV"}.get(head[8:12], "MP4")
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "WEBM" if b"webm" in head[:64] else "MKV"
    return None


def _extension(key: str) -> str:
    name = key.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[-1].lower() if "." in name else ""
