"""The row of the results: what became of one document. Pure.

One line of JSON a row. A segment's rows are written when it closes, so a row may be read while the batch runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal

_NOTHING: Mapping[str, Any] = MappingProxyType({})

Status = Literal["succeeded", "failed", "rejected", "skipped"]
#: What a row's ``status`` may be. ``failed``: lost, never submitted, or the service blames itself; ``rejected``: refused
#: before submit or by the service, so that the same request fails again; ``skipped``: known from an earlier batch.
STATUSES: tuple[Status, ...] = ("succeeded", "failed", "rejected", "skipped")
#: Of a document that is not done.
UNDONE = frozenset({"failed", "rejected"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What became of one document.

    :param document_id: unique within the batch.
    :param input_s3_uri: the file.
    :param status: one of :data:`STATUSES`.
    :param etag: of the file as the source saw it.
    :param invocation_arn: the last job bought for it.
    :param output_s3_uri: that job's ``job_metadata.json``.
    :param error_type: the service's own error type, or ours.
    :param error_message: the words to it; never a value out of the document.
    :param extra: further columns of the manifest.
    :param generation: how often its job was known as failed and bought anew.
    :param jobs: jobs bought for it.
    :param run: the run of the batch under whose orders that job was bought: 0, and one more for each retry and clear.
    :param submitted_at: of the last job, epoch seconds.
    :param completed_at: of the last job, epoch seconds.
    :param seconds: how long the service worked on it (``jobDurationInSeconds``).
    :param modality: "document", "image", "audio" or "video".
    :param size: bytes.
    :param custom_output_status: ``MATCH``, ``NO_MATCH``, ``FALLBACK`` or a later word, by segment.
    :param blueprint_arn: the blueprint that made it: that of its first segment with a custom output. This and what
        follows is known once the batch has ended, and only if its output was read: of up to 20,000 successes all are,
        of more a sample.
    :param blueprint_version: its version; None for AWS's own.
    :param blueprint_name: its name.
    :param other_blueprints: where a document was split: those of its other segments, as ``arn`` or ``arn:version``.
    :param blueprint_unknown: why a success names none though it may have one: its output was not read, or could not be.
    :param pages: how many pages were read; documents only.
    """

    document_id: str
    input_s3_uri: str
    status: str
    etag: str | None = None
    invocation_arn: str | None = None
    output_s3_uri: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    extra: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    generation: int = 0
    jobs: int = 0
    run: int | None = None
    submitted_at: float | None = None
    completed_at: float | None = None
    seconds: float | None = None
    modality: str | None = None
    size: int | None = None
    custom_output_status: tuple[str, ...] = ()
    blueprint_arn: str | None = None
    blueprint_version: str | None = None
    blueprint_name: str | None = None
    other_blueprints: tuple[str, ...] = ()
    blueprint_unknown: str | None = None
    pages: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Answer every member, as plain JSON."""
        return {name: _plain(getattr(self, name)) for name in MEMBERS}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Row:
        """Read what :meth:`to_json` wrote, in this release or another: unknown members are passed over.

        :raises KeyError: there is no ``document_id``, ``input_s3_uri`` or ``status``, so it is no row.
        """
        known = {name: value[name] for name in MEMBERS if value.get(name) is not None}
        for name in _LISTS & known.keys():
            known[name] = tuple(known[name])
        for name in _REQUIRED:
            known[name] = value[name]
        return cls(**known)

    @property
    def undone(self) -> bool:
        """Whether the document is neither done nor skipped."""
        return self.status in UNDONE


MEMBERS = tuple(member.name for member in fields(Row))
_REQUIRED = ("document_id", "input_s3_uri", "status")
_LISTS = frozenset({"custom_output_status", "other_blueprints"})


def is_row(value: Any) -> bool:
    """Tell whether parsed JSON is a row."""
    return (
        isinstance(value, dict)
        and value.get("status") in STATUSES
        and isinstance(value.get("document_id"), str)
        and isinstance(value.get("input_s3_uri"), str)
    )


def line_of(value: Mapping[str, Any]) -> bytes:
    """Answer a row's JSON as one line, with its end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    # A lone surrogate, which JSON can escape and UTF-8 cannot hold, must not lose the whole part.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
