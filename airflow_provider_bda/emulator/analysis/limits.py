"""What the service takes: sizes, page counts and lengths by modality and by way of calling.

The figures are those of the BDA user guide's limits page as of 2026; AWS changes them, so each is
a setting. Tests lower them to reach a limit with a small file.
"""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most one job may be given. Bytes, pages, pixels and points."""

    document_bytes: int = 500 * MIB
    image_bytes: int = 5 * MIB
    audio_bytes: int = 2_048 * MIB
    video_bytes: int = 10_240 * MIB
    sync_document_bytes: int = 50 * MIB
    document_pages: int = 3_000
    sync_document_pages: int = 10
    #: Longest side of one page: 40 inches.
    page_points: float = 9_000.0
    image_pixels: int = 8_000

    def bytes_of(self, modality: str, *, sync: bool) -> int:
        """Answer how many bytes an input of this modality may have."""
        by_modality = {
            "DOCUMENT": self.sync_document_bytes if sync else self.document_bytes,
            "IMAGE": self.image_bytes,
            "AUDIO": self.audio_bytes,
            "VIDEO": self.video_bytes,
        }
        return by_modality[modality]

    def pages_of(self, *, sync: bool) -> int:
        """Answer how many pages a document may have."""
        return self.sync_document_pages if sync else self.document_pages
