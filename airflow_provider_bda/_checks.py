"""What an argument must look like before anything is submitted; each refusal names the argument and the mend.

Checked in the constructor where the value is already there, and again when templates are rendered. The
limits are those of botocore's model of the service.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_S3_URI = re.compile(r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/[^\x00-\x1f\x7f{^}%`\]\">\[~<#|]*)?")
_QUEUE_URL = re.compile(r"https?://[^/\s]+/(?:[^/\s]+/)*\d{12}/[A-Za-z0-9_-]{1,80}(?:\.fifo)?")
_TAG_SIGNS = "_.:/=+-@"
#: The service takes no video segment that ends before its fifth minute.
SEGMENT_END_MIN_MS = 300_000

#: What the synchronous call takes of a document (the user guide's limits page, read 2026-11-21).
SYNC_BYTES_MAX = 50 * 1024 * 1024
_ASYNC = "use BdaInvokeOperator, which runs a job"


def is_rendered(value: Any) -> bool:
    """Tell whether a value is final: neither a template nor something Airflow resolves later."""
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value
    if isinstance(value, dict):
        return all(is_rendered(item) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple):
        return all(is_rendered(item) for item in value)
    return value is None or isinstance(value, int | float | bool)


def check_s3_uri(name: str, value: Any) -> None:
    """Refuse what is no S3 URI."""
    if not isinstance(value, str) or not value.startswith("s3://"):
        raise BdaInputError(f"{name}: {value!r} is not an S3 URI; write s3://bucket/key")
    if len(value) > 1024:
        raise BdaInputError(
            f"{name}: {len(value)} characters; the service takes at most 1,024. Use a shorter key"
        )
    if not _S3_URI.fullmatch(value):
        raise BdaInputError(
            f"{name}: the service does not take {value!r}: the bucket must be a valid bucket name, and the key must not "
            'hold any of { } [ ] < > ^ % ` " ~ # | or control characters. Rename the object'
        )


def check_object_uri(name: str, value: Any) -> None:
    """Refuse what names no S3 object."""
    check_s3_uri(name, value)
    if not value.removeprefix("s3://").partition("/")[2] or value.endswith("/"):
        raise BdaInputError(f"{name}: {value!r} names no object; write s3://bucket/key of one file")


def check_queue_url(name: str, value: Any) -> None:
    """Refuse what is no URL of an SQS queue."""
    if not isinstance(value, str) or not _QUEUE_URL.fullmatch(value):
        raise BdaInputError(
            f"{name}: {value!r} is no URL of an SQS queue; write https://sqs.<region>.amazonaws.com/<account>/<name>"
        )


def check_sync_input(name: str, uri: str) -> None:
    """Refuse an object the synchronous call is known not to take, by its name."""
    if uri.lower().endswith(".docx"):
        raise BdaInputError(f"{name}: the synchronous call takes no DOCX; {_ASYNC}")


def check_sync_bytes(name: str, body: Any) -> None:
    """Refuse bytes the synchronous call is known not to take."""
    if not isinstance(body, bytes):
        raise BdaInputError(f"{name}: bytes are wanted, not {type(body).__name__}")
    if not body:
        raise BdaInputError(f"{name}: it is empty")
    if len(body) > SYNC_BYTES_MAX:
        raise BdaInputError(
            f"{name}: {len(body):,} bytes; the synchronous call takes at most {SYNC_BYTES_MAX:,}; {_ASYNC}"
        )
    if body.startswith(b"PK\x03\x04"):  # no format the synchronous call takes is a ZIP archive; DOCX is
        raise BdaInputError(f"{name}: the synchronous call takes no DOCX; {_ASYNC}")


def check_tags(name: str, tags: Any) -> None:
    """Refuse tags that break the service's pattern."""
    if not isinstance(tags, dict):
        raise BdaInputError(f"{name}: a dict of strings is wanted, not {type(tags).__name__}")
    if len(tags) > 200:
        raise BdaInputError(f"{name}: {len(tags)} tags; the service takes at most 200")
    for key, value in tags.items():
        what = f"{name}: tag {key!r}"
        if not isinstance(key, str) or not isinstance(value, str):
            raise BdaInputError(f"{what}: key and value must be strings")
        if not 1 <= len(key) <= 128 or len(value) > 256:
            raise BdaInputError(f"{what}: a key has 1 to 128 characters, a value at most 256")
        if key.startswith("aws:"):
            raise BdaInputError(f"{what}: keys that begin with 'aws:' belong to AWS; rename it")
        if not all(_is_tag_character(character) for character in key + value):
            raise BdaInputError(
                f"{what}: only letters, digits, spaces and {' '.join(_TAG_SIGNS)} may stand in a tag"
            )


def _is_tag_character(character: str) -> bool:
    return character in _TAG_SIGNS or unicodedata.category(character)[0] in "LZN"


def check_video_segment(name: str, segment: Any) -> None:
    """Refuse a segment that is no pair, or ends before it starts, or too early for the service."""
    if not isinstance(segment, list | tuple) or len(segment) != 2 or not all(map(_is_whole, segment)):
        raise BdaInputError(f"{name}: {segment!r} is no pair (start, end) of whole milliseconds")
    start, end = (int(edge) for edge in segment)
    if start < 0 or end <= start:
        raise BdaInputError(f"{name}: {segment!r} ends before it starts; write (start, end) in milliseconds")
    if end < SEGMENT_END_MIN_MS:
        raise BdaInputError(
            f"{name}: the service takes no segment that ends before {SEGMENT_END_MIN_MS} ms (5 minutes); this one ends "
            f"at {end}"
        )


def _is_whole(edge: Any) -> bool:
    # A template inside the pair renders to a string of digits.
    return type(edge) is int or (isinstance(edge, str) and edge.isdecimal())


def check_choice(name: str, value: Any, *choices: str) -> None:
    """Refuse what is not one of the choices."""
    if value not in choices:
        raise BdaInputError(f"{name}: {value!r} is not one of {', '.join(choices)}")


def duration(name: str, value: Any) -> Any:
    """Refuse a duration of nothing; ``wait_timeout`` becomes a timedelta, the rest seconds."""
    if value is None:
        return None
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        raise BdaInputError(f"{name}: {value!r} is no duration above 0 seconds")
    return timedelta(seconds=seconds) if name == "wait_timeout" else float(seconds)


def check_each(checks: Mapping[str, tuple[Any, Callable[[str, Any], None]]], *, everything: bool) -> None:
    """Run each check on its argument: name -> (value, check). None is left to the service's own rules.

    :param everything: False passes over values that are not rendered yet.
    """
    for name, (value, check) in checks.items():
        if value is not None and (everything or is_rendered(value)):
            check(name, value)
