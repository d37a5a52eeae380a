"""Ground truth as it lies on S3 or stands in a Dag: which fields which segment of which document has."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WANTED = (
    "each line is a JSON object with input_s3_uri or document_id, and with fields (a dict) or ground_truth_s3_uri (a JSON "
    "file of the fields); segment, if it is not 0"
)


class Truth(NamedTuple):
    """What one segment really says.

    :ivar document: its ``input_s3_uri`` or ``document_id``.
    """

    document: str
    segment: int
    fields: Mapping[str, Any]


def read_truth(
    given: Any, read: Callable[[str], bytes], listed: Callable[[str], Iterable[str]]
) -> list[Truth]:
    """Read ground truth.

    :param given: a list of dicts; the URI of a JSON-lines file; or a prefix that ends in "/", whose ``.jsonl`` files are read.
    :param read: fetches an object.
    :param listed: lists the objects under a prefix.
    :raises BdaInputError: it is none of these, or a line is none. No message holds a value.
    :raises FileNotFoundError: an object is not there.
    """
    found = [_truth(line, where, read) for where, line in _lines(given, read, listed)]
    if not found:
        raise BdaInputError("ground_truth: there is none; nothing was compared")
    return found


def _lines(
    given: Any, read: Callable[[str], bytes], listed: Callable[[str], Iterable[str]]
) -> Iterator[tuple[str, Any]]:
    if isinstance(given, str):
        uris = [uri for uri in listed(given) if uri.endswith(".jsonl")] if given.endswith("/") else [given]
        for uri in uris:
            for number, line in enumerate(read(uri).splitlines(), start=1):
                if line.strip():
                    yield f"{uri}, line {number}", _parsed(line, f"{uri}, line {number}")
        return
    if not isinstance(given, Iterable) or isinstance(given, Mapping):
        raise BdaInputError(
            f"ground_truth: {type(given).__name__} is no list, JSON-lines file or prefix; {_WANTED}"
        )
    for number, line in enumerate(given):
        yield f"entry {number}", line


def _parsed(text: bytes, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise BdaInputError(f"ground_truth: {where}: this is no JSON; {_WANTED}") from None


def _truth(line: Any, where: str, read: Callable[[str], bytes]) -> Truth:
    document = (line.get("input_s3_uri") or line.get("document_id")) if isinstance(line, Mapping) else None
    if not isinstance(document, str):
        raise BdaInputError(f"ground_truth: {where}: it names no document; {_WANTED}")
    fields = line.get("fields")
    if fields is None and isinstance(uri := line.get("ground_truth_s3_uri"), str):
        fields = _parsed(read(uri), uri)
    if not isinstance(fields, Mapping):
        raise BdaInputError(f"ground_truth: {where}: it has no fields; {_WANTED}")
    segment = line.get("segment") or 0
    if type(segment) is not int or segment < 0:
        raise BdaInputError(
            f"ground_truth: {where}: segment: {segment!r} is no whole number from 0; {_WANTED}"
        )
    return Truth(document, segment, fields)
