"""One entry of a manifest or list, as the document it means.

Pure. An entry that cannot be meant is an error and ends the batch before anything is submitted; a file the service would
not take is no error here: :mod:`airflow_provider_bda.batch.checks` refuses that one alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._checks import check_choice, check_tags, check_video_segment
from airflow_provider_bda.batch.document import Document, document_id_of
from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Callable

URI_COLUMN = "input_s3_uri"
_ID_MAX = 256
#: Columns of a CSV file that hold JSON.
_JSON_COLUMNS = ("blueprints", "tags", "video_segment")


def document_of(entry: Any, uri_column: str = URI_COLUMN) -> tuple[Document, bool]:
    """Answer the document of an entry, and whether the entry gave its id.

    :param entry: a mapping of the members, or the URI alone. None and empty members count as absent.
    :raises BdaInputError: it is none; the message lacks where it stands.
    """
    if isinstance(entry, str):
        entry = {uri_column: entry}
    if not isinstance(entry, Mapping):
        raise BdaInputError(
            f'{type(entry).__name__} is no entry; write an object such as {{"{uri_column}": "s3://..."}}'
        )
    members = {
        name: value for name, value in entry.items() if value is not None and value not in ("", {}, [])
    }
    uri = _uri(members.pop(uri_column, None), uri_column)
    etag = _etag(members.pop("etag", None))
    size = _size(members.pop("size", None))
    given = _id(members.pop("document_id", None))
    overrides = {name: read(members.pop(name)) for name, read in _OVERRIDES.items() if name in members}
    document = Document(
        document_id=given or document_id_of(uri, etag, overrides),
        input_s3_uri=uri,
        etag=etag,
        size=size,
        overrides=overrides,
        extra=members,
    )
    return document, given is not None


def entry_of_csv(row: Mapping[str, str]) -> dict[str, Any]:
    """Answer the entry of a CSV row: blueprints, tags and video_segment are JSON.

    One blueprint may stand as it is, name or ARN.

    :raises BdaInputError: one of them is no JSON.
    """
    entry: dict[str, Any] = dict(row)
    for name in _JSON_COLUMNS:
        text = entry.get(name)
        if not text or (name == "blueprints" and not text.lstrip().startswith(("[", "{"))):
            continue
        try:
            entry[name] = json.loads(text)
        except ValueError as error:
            raise BdaInputError(f"{name} is no JSON ({error}); write {_EXAMPLES[name]}") from None
    return entry


_EXAMPLES = {
    "blueprints": '["my-blueprint"]',
    "tags": '{"team": "claims"}',
    "video_segment": "[0, 600000] (milliseconds)",
}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _uri(value: Any, column: str) -> str:
    if value is None:
        raise BdaInputError(f"there is no {column}; name the file as s3://bucket/key, or pass s3_uri_column=")
    if not isinstance(value, str) or not value.startswith("s3://"):
        raise BdaInputError(f"{column} {_short(value)} is no S3 URI; write s3://bucket/key")
    bucket, _, key = value.removeprefix("s3://").partition("/")
    if not bucket or not key or key.endswith("/"):
        raise BdaInputError(f"{column} {_short(value)} names no object; write s3://bucket/key of one file")
    return value


def _etag(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BdaInputError(f"etag {_short(value)} is no string")
    return value.strip('"') if value else None


def _size(value: Any) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    raise BdaInputError(f"size {_short(value)} is no number of bytes")


def _id(value: Any) -> str | None:
    if value is None:
        return None
    if type(value) is int:
        return str(value)
    if not isinstance(value, str) or len(value) > _ID_MAX or not value.isprintable():
        raise BdaInputError(f"document_id {_short(value)} is none; write 1 to {_ID_MAX} printable characters")
    return value


def _project(value: Any) -> str:
    if not isinstance(value, str):
        raise BdaInputError(f"project {_short(value)} is neither an ARN nor a name")
    return value


def _stage(value: Any) -> str:
    check_choice("project_stage", value, "LIVE", "DEVELOPMENT")
    stage: str = value
    return stage


def _blueprints(value: Any) -> list[Any]:
    wanted = [value] if isinstance(value, str | Mapping) else value
    if not isinstance(wanted, list) or len(wanted) > 40:
        raise BdaInputError("blueprints: write a list of 1 to 40 names, ARNs or objects with blueprintArn")
    for item in wanted:
        if isinstance(item, Mapping):
            strings = all(isinstance(member, str) for member in item.values())
            if "blueprintArn" in item and strings and not set(item) - {"blueprintArn", "version", "stage"}:
                continue
        elif isinstance(item, str) and item:
            continue
        raise BdaInputError(
            "blueprints: each is a name, an ARN, or an object with blueprintArn and, if wanted, version and stage"
        )
    return wanted


def _tags(value: Any) -> dict[str, str]:
    check_tags("tags", value)
    tags: dict[str, str] = value
    return tags


def _segment(value: Any) -> list[int]:
    check_video_segment("video_segment", value)
    return [int(edge) for edge in value]


_OVERRIDES: Mapping[str, Callable[[Any], Any]] = {
    "project": _project,
    "project_stage": _stage,
    "blueprints": _blueprints,
    "tags": _tags,
    "video_segment": _segment,
}
