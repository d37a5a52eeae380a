"""What the bodies of one job say that its row does not: the blueprints that made it, and its pages.

Called from several threads. Of a standard output, which may be as large as its document is long, only the number of
pages is looked for, chunk by chunk.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.batch._files import whole
from airflow_provider_bda.results import ResultsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.results import CustomOutput, ResultsView, Segment

#: Bytes of the largest body that is parsed. A page's custom output is some 25 KB.
MOST_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024
# A quote inside a text is escaped, so no text can look like this member.
_PAGES = re.compile(rb'(?<!\\)"number_of_pages"\s*:\s*"?(\d{1,9})(?=[\s,}"])')


@dataclass(frozen=True, slots=True)
class Body:
    """What one job's bodies say.

    :param segments: by segment, its ``custom_output_status`` and its custom output, if it has one.
    :param pages: how many pages were read; None for what is no document.
    """

    segments: tuple[tuple[str | None, CustomOutput | None], ...]
    pages: int | None

    def to_row(self) -> dict[str, Any]:
        """Answer the members of a row that it fills."""
        blueprints = [
            output.matched_blueprint
            for _, output in self.segments
            if output is not None and output.matched_blueprint is not None
        ]
        first = blueprints[0] if blueprints else None
        names = [":".join(filter(None, (blueprint.arn, blueprint.version))) for blueprint in blueprints]
        return {
            "blueprint_arn": first.arn if first else None,
            "blueprint_version": first.version if first else None,
            "blueprint_name": first.name if first else None,
            "other_blueprints": [name for name in dict.fromkeys(names) if name != names[0]],
            "pages": self.pages,
        }


def read_body(s3: Any, metadata_uri: str, view: ResultsView = "auto") -> Body:
    """Read what a job left.

    :param metadata_uri: its ``job_metadata.json``.
    :param view: "auto" reads the redacted twin of each output where there is one.
    :raises ResultsError: something is missing, too large, or not what the service writes.
    :raises ClientError: S3 refuses it, as whatever else boto raises.
    """
    return whole(lambda: _read_body(s3, metadata_uri, view))


def _read_body(s3: Any, metadata_uri: str, view: ResultsView) -> Body:
    # Here, for whoever names a batch in a Dag file imports this module.
    from airflow_provider_bda.results import load_results  # noqa: PLC0415

    results = load_results(lambda uri: _read(s3, uri), metadata_uri, view)
    segments = tuple((segment.custom_output_status, segment.custom) for segment in results)
    pages = None
    if results.modality in {None, "DOCUMENT"}:
        counts = [
            len(set(output.page_indices))
            if output is not None and output.page_indices
            else _pages_of(s3, segment)
            for segment, (_, output) in zip(results, segments, strict=True)
        ]
        known = [count for count in counts if count is not None]
        pages = sum(known) if len(known) == len(counts) and known else None
    return Body(segments, pages)


def _read(s3: Any, uri: str) -> bytes:
    bucket, key = split_s3_uri(uri)
    try:
        answer = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "NoSuchBucket", "404"}:
            raise FileNotFoundError(uri) from error
        raise
    with closing(answer["Body"]) as stream:
        if answer["ContentLength"] > MOST_BYTES:
            raise ResultsError(f"{uri} has more than {MOST_BYTES:,} bytes")
        body: bytes = stream.read()
    return body


def _pages_of(s3: Any, segment: Segment) -> int | None:
    """Find the number of pages in a standard output; None if that is not there or may not be read."""
    uri = segment.paths.standard_output_path
    if not uri:
        return None
    bucket, key = split_s3_uri(uri)
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError:
        return None
    with closing(body) as stream:
        for window in _windows(stream):
            if found := _PAGES.search(window):
                return int(found[1])
    return None


def _windows(stream: Any) -> Iterator[bytes]:
    """Answer the stream's chunks, each with the end of the one before it."""
    tail = b""
    for chunk in stream.iter_chunks(_CHUNK):
        window = tail + chunk
        yield window
        tail = window[-64:]
