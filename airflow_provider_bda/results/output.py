"""What every standard output has, whatever was analysed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bda.results.parts import Representation
from airflow_provider_bda.results.plain import View, integer, mapping, objects, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


MODALITIES = ("DOCUMENT", "IMAGE", "AUDIO", "VIDEO")


@dataclass(frozen=True)
class StandardOutput(View):
    """Standard output of a modality this package knows no view for, and the base of those it does."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the service says about the input."""
        return mapping(self.raw, "metadata")

    @property
    def modality(self) -> str | None:
        """DOCUMENT, IMAGE, AUDIO or VIDEO."""
        found = text(self.metadata, "semantic_modality")
        return (
            found.upper() if found else next((name for name in MODALITIES if name.lower() in self.raw), None)
        )

    @property
    def asset_id(self) -> int | None:
        """The number of the asset, from 0."""
        return integer(self.metadata, "asset_id")

    @property
    def input_s3_uri(self) -> str | None:
        """The input, if the file names it."""
        bucket, key = text(self.metadata, "s3_bucket"), text(self.metadata, "s3_key")
        return f"s3://{bucket}/{key}" if bucket and key else None

    @property
    def statistics(self) -> Mapping[str, Any]:
        """Counts, as the service gives them."""
        return mapping(self.raw, "statistics") or mapping(self._about, "statistics")

    @property
    def summary(self) -> str | None:
        """The generated summary, if the project asks for one; of a document the longer one."""
        return text(self._about, "summary")

    @property
    def text(self) -> str | None:
        """All text: of the document in the plainest format there is, on the picture, spoken."""
        whole = Representation.of(self._about).best or text(
            self._about, "transcript", "representation", "text"
        )
        if whole is not None:
            return whole
        # Left out as a whole by the project's granularity, it may still be there in pieces.
        pages = (Representation.of(page).best for page in objects(self.raw, "pages"))
        lines = (text(line, "text") for line in objects(self._about, "text_lines"))
        spoken = (text(segment, "text") for segment in objects(self.raw, "audio_segments"))
        joined = (
            "\n\n".join(filter(None, pages)),
            "\n".join(filter(None, lines)),
            " ".join(filter(None, spoken)),
        )
        return next(filter(None, joined), None)

    @property
    def _about(self) -> Mapping[str, Any]:
        """The part named after the modality, which holds what is said about the whole."""
        return mapping(self.raw, (self.modality or "").lower())
