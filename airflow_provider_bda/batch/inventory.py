"""S3 Inventory as a manifest: the files named by its ``manifest.json``, CSV or Parquet.

Delete markers, versions that are not the latest, and folder marks are passed over.
"""

from __future__ import annotations

import csv
import io
import json
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from airflow_provider_bda.batch.document import Document, document_id_of
from airflow_provider_bda.batch.manifest import Found, opened
from airflow_provider_bda.batch.objects import S3Object
from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: Our names -> the columns of a CSV and of a Parquet inventory. The last four are there only if they were asked for.
_COLUMNS: Mapping[str, tuple[str, str]] = {
    "bucket": ("Bucket", "bucket"),
    "key": ("Key", "key"),
    "latest": ("IsLatest", "is_latest"),
    "deleted": ("IsDeleteMarker", "is_delete_marker"),
    "size": ("Size", "size"),
    "etag": ("ETag", "e_tag"),
}
_PART = "inventory part"
_ROWS = 10_000
_MANIFEST_MAX = 64 * 1024 * 1024


def inventory_rows(s3: Any, uri: str) -> Iterator[Found]:
    """Read the documents of an inventory; a row's line counts over all parts, from 1.

    :raises BdaInputError: the inventory is incomplete or broken, or of a format that cannot be read here.
    """
    with opened(s3, uri) as file:
        text = file.read(_MANIFEST_MAX)
    try:
        manifest = json.loads(text)
        kind, parts = manifest["fileFormat"], [part["key"] for part in manifest["files"]]
        home = manifest["destinationBucket"].rpartition(":")[2]
        schema = [name.strip() for name in manifest["fileSchema"].split(",")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BdaInputError(
            f"manifest {uri}: it is no manifest of S3 Inventory ({type(error).__name__}: {error}); for a manifest of your "
            'own write JSON lines and pass format="jsonl". Nothing was submitted'
        ) from error
    line = 0
    for key in parts:
        part = f"s3://{home}/{key}"
        for row in _rows_of(s3, uri, part, kind, schema):
            line += 1
            if row is not None:
                yield Found(row, line, given=False)


def _rows_of(s3: Any, uri: str, part: str, kind: str, schema: list[str]) -> Iterator[Document | None]:
    if kind not in {"CSV", "Parquet"}:
        raise BdaInputError(
            f"manifest {uri}: inventories of format {kind} cannot be read; configure the inventory as CSV or Parquet. "
            "Nothing was submitted"
        )
    rows = _csv(s3, uri, part, schema) if kind == "CSV" else _parquet(s3, uri, part)
    for number, row in enumerate(rows, 1):
        try:
            document = _document(row)
        except (ValueError, TypeError, AttributeError) as error:
            raise BdaInputError(
                f"inventory part {part}, row {number}: {error}. Nothing was submitted"
            ) from error
        yield document


def _csv(s3: Any, uri: str, part: str, schema: list[str]) -> Iterator[dict[str, Any]]:
    at = _places(uri, schema, 0)
    with opened(s3, part, what=_PART) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        for number, row in enumerate(_cells(part, text), 1):
            if len(row) != len(schema):
                raise BdaInputError(
                    f"inventory part {part}, row {number}: {len(row)} cells, and its fileSchema has {len(schema)}. "
                    "Nothing was submitted"
                )
            found = {ours: row[place] for ours, place in at.items()}
            # Only CSV has its keys URL-encoded.
            yield {**found, "key": unquote_plus(found["key"])}


def _cells(part: str, text: IO[str]) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text, strict=True)
    except (csv.Error, UnicodeDecodeError) as error:
        raise BdaInputError(
            f"inventory part {part}: it is no CSV in UTF-8 ({error}). Nothing was submitted"
        ) from error


def _parquet(s3: Any, uri: str, part: str) -> Iterator[dict[str, Any]]:
    try:
        from pyarrow import ArrowException  # noqa: PLC0415 - an extra, and 50 MB
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415
    except ImportError as error:
        raise BdaInputError(
            f"manifest {uri}: its parts are Parquet, and pyarrow is not installed: pip install "
            "'airflow-provider-bda[parquet]', or configure the inventory as CSV. Nothing was submitted"
        ) from error
    try:
        with S3Object(s3, part, what=_PART) as file:  # not buffered: it jumps, and reads what it needs
            table = ParquetFile(file)
            names = table.schema_arrow.names
            wanted = {ours: names[place] for ours, place in _places(uri, names, 1).items()}
            for batch in table.iter_batches(_ROWS, columns=list(wanted.values())):
                for row in batch.to_pylist():
                    yield {ours: row[theirs] for ours, theirs in wanted.items()}
    except ArrowException as error:
        raise BdaInputError(f"inventory part {part}: {error}. Nothing was submitted") from error


def _places(uri: str, schema: Sequence[str], which: int) -> dict[str, int]:
    found = {ours: schema.index(names[which]) for ours, names in _COLUMNS.items() if names[which] in schema}
    if lacking := {"bucket", "key"} - set(found):
        raise BdaInputError(
            f"manifest {uri}: its schema has no {' and no '.join(sorted(lacking))}. Nothing was submitted"
        )
    return found


def _document(row: Mapping[str, Any]) -> Document | None:
    """Answer the document of a row, None if the row is passed over."""
    bucket, key = _text(row["bucket"]), _text(row["key"])
    if _false(row.get("latest")) or _true(row.get("deleted")) or key.endswith("/"):
        return None
    size = row.get("size")
    uri, etag = f"s3://{bucket}/{key}", _text(row.get("etag") or "").strip('"') or None
    return Document(
        document_id=document_id_of(uri, etag),
        input_s3_uri=uri,
        etag=etag,
        size=None if size in {None, ""} else int(size),
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _true(value: Any) -> bool:
    return value is True or value == "true"


def _false(value: Any) -> bool:
    return value is False or value == "false"
