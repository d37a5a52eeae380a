"""One document of a batch, as sources yield it and manifests keep it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document, and what the batch's request becomes for it.

    :param document_id: unique within a batch: given by the manifest, or made by :func:`document_id_of`.
    :param input_s3_uri: the file.
    :param etag: of the file as the source saw it.
    :param size: bytes.
    :param modality: "document", "image", "audio" or "video".
    :param overrides: request fields of this document alone: ``project``, ``project_stage``, ``blueprints``,
        ``tags``, ``video_segment``.
    :param extra: further columns of a manifest; they travel into the results.
    :param rejection: why it is refused before submit; None if it may go.
    """

    document_id: str
    input_s3_uri: str
    etag: str | None = None
    size: int | None = None
    modality: str = "document"
    overrides: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    extra: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    rejection: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Answer the members that say something, as plain JSON."""
        shown = {name: getattr(self, name) for name in _FIELDS}
        return {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in shown.items()
            if value is not None and not (isinstance(value, Mapping) and not value)
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Document:
        """Read what :meth:`to_json` wrote; members of another release are passed over."""
        return cls(**{name: value[name] for name in _FIELDS if name in value})


_FIELDS = tuple(member.name for member in fields(Document))


def document_id_of(
    input_s3_uri: str, etag: str | None = None, overrides: Mapping[str, Any] = _NOTHING
) -> str:
    """Answer the id of a document that was given none: a hash of URI, ETag and what its request differs in."""
    text = f"{input_s3_uri}\n{etag or ''}"
    if overrides:
        text += "\n" + json.dumps(overrides, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
