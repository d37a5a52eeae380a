"""Manifests on S3: JSON lines and CSV, read as a stream of documents with the line each stands on."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from airflow_provider_bda.batch.entry import document_of, entry_of_csv
from airflow_provider_bda.batch.objects import S3Object
from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.batch.document import Document

#: Bytes of one line: more is no manifest, and one broken line must not fill the memory.
LINE_MAX = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Found(NamedTuple):
    """A document, the line it stands on (from 1), and whether that line gave its id."""

    document: Document
    line: int
    given: bool


@contextmanager
def opened(s3: Any, uri: str, *, what: str = "manifest") -> Iterator[IO[bytes]]:
    """Open an object, unpacked if it is a gzip file.

    :raises BdaInputError: it is not there, may not be read, changes in between, or is a broken gzip file.
    """
    with S3Object.buffered(s3, uri, what=what) as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        try:
            yield io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw  # type: ignore[type-var,unused-ignore]
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise BdaInputError(
                f"{what} {uri}: it is no whole gzip file ({error}). Write it anew. Nothing was submitted"
            ) from error


@contextmanager
def at(where: str) -> Iterator[None]:
    """Say where an entry stands in the errors about it."""
    try:
        yield
    except BdaInputError as error:
        raise BdaInputError(f"{where}: {error}. Nothing was submitted") from None
    except UnicodeDecodeError:
        raise BdaInputError(f"{where}: it is not UTF-8; save it as UTF-8. Nothing was submitted") from None


def json_lines(s3: Any, uri: str, uri_column: str) -> Iterator[Found]:
    """Read a manifest of JSON lines; empty ones are passed over.

    :raises BdaInputError: it cannot be read, or a line is wrong.
    """
    with opened(s3, uri) as file:
        number = 0
        while line := file.readline(LINE_MAX + 1):
            number += 1
            text = line.removeprefix(_BOM) if number == 1 else line
            if not text.strip():
                continue
            with at(f"manifest {uri}, line {number}"):
                document, given = document_of(_json(text), uri_column)
            yield Found(document, number, given)


def _json(line: bytes) -> Any:
    if len(line) > LINE_MAX:
        raise BdaInputError(f"more than {LINE_MAX:,} bytes; write one JSON object a line")
    try:
        return json.loads(line.decode())
    except json.JSONDecodeError as error:
        raise BdaInputError(
            f"no JSON ({error.msg} at column {error.colno}); write one JSON object a line"
        ) from None


def csv_rows(s3: Any, uri: str, uri_column: str) -> Iterator[Found]:
    """Read a manifest of CSV with a header; quoted cells may hold line breaks.

    :raises BdaInputError: it cannot be read, or a row is wrong.
    """
    with opened(s3, uri) as file:
        rows = csv.reader(_texts(file), strict=True)
        with at(f"manifest {uri}, line 1"):
            header = _header(_row(rows), uri_column)
        while True:
            number = rows.line_num + 1
            with at(f"manifest {uri}, line {number}"):
                row = _row(rows)
                if row is None:
                    return
                if not row:
                    continue
                if len(row) != len(header):
                    raise BdaInputError(f"{len(row)} cells under a header of {len(header)}; mend the row")
                document, given = document_of(entry_of_csv(dict(zip(header, row, strict=True))), uri_column)
            yield Found(document, number, given)


def _texts(file: IO[bytes]) -> Iterator[str]:
    # Line by line, so that what is no UTF-8 is found on the line it stands on.
    first = True
    while line := file.readline(LINE_MAX + 1):
        if len(line) > LINE_MAX:
            raise BdaInputError(f"more than {LINE_MAX:,} bytes in one line; write one row a line")
        yield (line.removeprefix(_BOM) if first else line).decode()
        first = False


def _row(rows: Iterator[list[str]]) -> list[str] | None:
    try:
        return next(rows, None)
    except csv.Error as error:
        raise BdaInputError(f"no CSV ({error}); look for a quote that is not closed") from None


def _header(row: list[str] | None, uri_column: str) -> list[str]:
    header = [name.strip() for name in row or []]
    if uri_column not in header:
        raise BdaInputError(
            f"the header has no column {uri_column!r}; add it, or pass s3_uri_column= (there are: "
            f"{', '.join(header)[:500] or 'none'})"
        )
    if len(set(header)) != len(header) or "" in header:
        raise BdaInputError("a column of the header has no name, or one another has; rename it")
    return header
