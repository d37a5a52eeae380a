"""`job_metadata.json`: which files a job has left, per asset and segment.

The paths in it are followed, never built: their layout is the service's own business.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from airflow_provider_bda.results.errors import ResultsError
from airflow_provider_bda.results.plain import View, integer, mapping, text, views

_REDACTED = "/redacted/"


def redacted_twin(uri: str) -> str:
    """Name the redacted file that lies beside a result, in its folder ``redacted``."""
    folder, slash, name = uri.rpartition("/")
    return uri if is_redacted(uri) else f"{folder}{slash}redacted/{name}"


def full_twin(uri: str) -> str:
    """Name the original that a redacted file lies beside."""
    folder, _, name = uri.rpartition("/")
    return f"{folder.removesuffix('/redacted')}/{name}" if is_redacted(uri) else uri


def is_redacted(uri: str) -> bool:
    """Answer whether a URI names a redacted file."""
    return uri.rpartition("/")[0].endswith(_REDACTED.rstrip("/"))


@dataclass(frozen=True)
class SegmentPaths(View):
    """The files of one segment, as full S3 URIs."""

    @property
    def standard_output_path(self) -> str | None:
        """The standard output's ``result.json``; None if none was asked for."""
        return text(self.raw, "standard_output_path")

    @property
    def custom_output_path(self) -> str | None:
        """The custom output's ``result.json``; None if no blueprint took part or matched."""
        return text(self.raw, "custom_output_path")

    @property
    def custom_output_status(self) -> str | None:
        """``MATCH``, ``NO_MATCH``, ``FALLBACK`` or a word AWS adds later."""
        return text(self.raw, "custom_output_status")

    @property
    def matched(self) -> bool:
        """Whether one of the blueprints asked for matched; a fallback is no match."""
        return self.custom_output_status == "MATCH"


@dataclass(frozen=True)
class Asset(View):
    """One input of the job."""

    @property
    def asset_id(self) -> int | None:
        """The number of the asset, from 0."""
        return integer(self.raw, "asset_id")

    @property
    def asset_input_path(self) -> str | None:
        """The input's S3 URI; older files do not have it."""
        place = mapping(self.raw, "asset_input_path")
        bucket, key = text(place, "s3_bucket"), text(place, "s3_key")
        return f"s3://{bucket}/{key}" if bucket and key else None

    @cached_property
    def segments(self) -> tuple[SegmentPaths, ...]:
        """The segments of this asset, in order."""
        return views(SegmentPaths, self.raw, "segment_metadata")


@dataclass(frozen=True)
class JobMetadata(View):
    """What a job says about its output."""

    def __post_init__(self) -> None:
        """Refuse what is something else."""
        if "output_metadata" not in self.raw and "job_id" not in self.raw:
            raise ResultsError(
                "this is no job_metadata.json: it has neither job_id nor output_metadata; "
                "give the URI that the finished job's outputConfiguration names"
            )

    @property
    def job_id(self) -> str | None:
        """The job's UUID, the last part of its invocation ARN."""
        return text(self.raw, "job_id")

    @property
    def job_status(self) -> str | None:
        """The file's own word, ``PROCESSED`` in the real ones; the API's status is another."""
        return text(self.raw, "job_status")

    @property
    def modality(self) -> str | None:
        """DOCUMENT, IMAGE, AUDIO or VIDEO."""
        found = text(self.raw, "semantic_modality")
        return found.upper() if found else None

    @cached_property
    def assets(self) -> tuple[Asset, ...]:
        """Every input, in order."""
        return views(Asset, self.raw, "output_metadata")

    @property
    def segments(self) -> tuple[SegmentPaths, ...]:
        """Every segment of every asset, in order."""
        return tuple(segment for asset in self.assets for segment in asset.segments)
