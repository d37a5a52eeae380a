"""Files of a batch on S3: whole ones copied to disk and read by line, large ones written in parts.

Memory is bounded by one part of an upload. Every refusal becomes an error that names the file and the mend.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.exceptions import BdaError
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import IO

    from airflow_provider_bda.hooks.base import BdaBaseHook

_T = TypeVar("_T")

#: Threads that read or delete at once, and so connections to S3.
THREADS = 16
#: Bytes of one part of an upload; S3 takes 10,000 parts, so a file of up to 80 GB.
PART_BYTES = 8 * 1024 * 1024
_CHUNK = 256 * 1024
#: How often a file is asked for whose body broke off.
_TRIES = 3
_DENIED = frozenset({"403", "AccessDenied"})
_ACTIONS = {
    "read": "s3:GetObject",
    "write": "s3:PutObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}
_MISSING = frozenset({"404", "NoSuchBucket", "NoSuchKey"})
#: What S3 answers to a condition of PutObject that does not hold, or no longer.
_LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


def s3_of(hook: BdaBaseHook) -> Any:
    """Build a boto3 client of S3 with a hook's connection, with room for :data:`THREADS`."""
    return hook.client_of("s3", Config(max_pool_connections=THREADS))


@contextmanager
def storage(act: str, uri: str) -> Iterator[None]:
    """Turn what S3 refuses into an error of ours.

    :param act: what was to be done: "read", "write", "list" or "delete".
    :raises FileNotFoundError: there is no such object or bucket.
    :raises BdaError: anything else; the batch's jobs are not touched, and a retry does the same again.
    """
    try:
        yield
    except CALL_ERRORS as raised:
        if isinstance(raised, FileNotFoundError):
            raise
        error = call_error(raised)
        if error.code in _MISSING:
            raise FileNotFoundError(uri) from raised
        mend = f" Allow {_ACTIONS[act]} on it." if error.code in _DENIED else ""
        raise BdaError(
            f"could not {act} {uri}: {error.code}: {error.message}.{mend} No job was started or stopped; a retry does the "
            "same again",
            error_type=error.code,
            error_message=error.message,
        ) from raised


@contextmanager
def copy_of(s3: Any, uri: str) -> Iterator[tuple[IO[bytes], str]]:
    """Copy an object to a temporary file; answer the file and the object's ETag.

    A copy is of one version however slowly it is read, and keeps no connection open meanwhile.

    :raises FileNotFoundError: there is no such object.
    :raises BdaError: S3 refuses it.
    """
    bucket, key = split_s3_uri(uri)
    with tempfile.TemporaryFile() as copy:
        with storage("read", uri):
            etag = whole(lambda: _copy(s3.get_object(Bucket=bucket, Key=key), copy))
        copy.seek(0)
        yield copy, etag


def whole(read: Callable[[], _T]) -> _T:
    """Read a body, again if it breaks off: botocore repeats calls, not bodies."""
    for _ in range(_TRIES - 1):
        with suppress(BotoCoreError):
            return read()
    return read()


def _copy(answer: Any, copy: IO[bytes]) -> str:
    copy.seek(0)
    copy.truncate()
    with closing(answer["Body"]) as stream:
        for chunk in stream.iter_chunks(_CHUNK):
            copy.write(chunk)
    return str(answer["ETag"])


def read_json(s3: Any, uri: str) -> dict[str, Any] | None:
    """Read a small file of the batch's own; None if it is not there.

    :raises BdaError: S3 refuses it, or it holds no JSON object.
    """
    try:
        with copy_of(s3, uri) as (copy, _):
            value = json.load(copy)
    except FileNotFoundError:
        return None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BdaError(f"{uri} holds no JSON object: something else has written it")
    return value


def write_json(s3: Any, uri: str, value: Mapping[str, Any], **put: Any) -> None:
    """Write a small file whole.

    :param put: further arguments of PutObject, e.g. ``Tagging``.
    :raises BdaError: S3 refuses it.
    """
    put_bytes(s3, uri, json.dumps(value, indent=2).encode(), ContentType="application/json", **put)


def put_bytes(s3: Any, uri: str, body: bytes, **put: Any) -> None:
    """Write a file whole.

    :param put: further arguments of PutObject.
    :raises BdaError: S3 refuses it.
    """
    bucket, key = split_s3_uri(uri)
    with storage("write", uri):
        s3.put_object(Bucket=bucket, Key=key, Body=body, **put)


def swap(s3: Any, uri: str, body: bytes, etag: str | None, **put: Any) -> bool:
    """Put a file in the place of the version that was read; say whether nobody else was faster.

    :param etag: of that version; None if there was none.
    :param put: further arguments of PutObject.
    :raises FileNotFoundError: there is no such bucket.
    :raises BdaError: S3 refuses it, or its answer was lost: then it may be there or not.
    """
    bucket, key = split_s3_uri(uri)
    condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
    with storage("write", uri):
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=body, **condition, **put)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _LOST:
                raise
            # botocore may have repeated a call whose answer was lost: then what is there is ours.
            with copy_of(s3, uri) as (there, _):
                return there.read() == body
    return True


def delete(s3: Any, uris: Iterable[str]) -> None:
    """Delete objects; one that is gone is no error.

    :raises BdaError: S3 refuses it.
    """
    for uri in uris:
        bucket, key = split_s3_uri(uri)
        with storage("delete", uri):
            s3.delete_object(Bucket=bucket, Key=key)


def objects_under(s3: Any, prefix_uri: str) -> Iterator[tuple[str, int]]:
    """List the objects below a prefix: URI and bytes.

    :raises FileNotFoundError: there is no such bucket.
    :raises BdaError: S3 refuses it.
    """
    bucket, prefix = split_s3_uri(prefix_uri)
    pages = iter(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix))
    while True:
        with storage("list", prefix_uri):
            page = next(pages, None)
        if page is None:
            return
        for item in page.get("Contents", ()):
            yield f"s3://{bucket}/{item['Key']}", int(item["Size"])


class Upload:
    """A file written piece by piece: there as a whole once the ``with`` has ended well, else as it was before.

    :param put: further arguments of PutObject and CreateMultipartUpload, e.g. ``Tagging``.
    """

    def __init__(self, s3: Any, uri: str, **put: Any) -> None:
        self._s3 = s3
        self._uri = uri
        self._put = put
        self._buffer = bytearray()
        self._id: str | None = None
        self._parts: list[dict[str, Any]] = []
        bucket, key = split_s3_uri(uri)
        self._where = {"Bucket": bucket, "Key": key}

    def __enter__(self) -> Self:
        return self

    def write(self, data: bytes) -> None:
        """Add to its end.

        :raises BdaError: S3 refuses it.
        """
        self._buffer += data
        if len(self._buffer) >= PART_BYTES:
            self._send()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._end()
                self._id = None
        finally:
            if self._id is not None:  # parts that lie about are billed
                with suppress(*CALL_ERRORS):
                    self._s3.abort_multipart_upload(**self._where, UploadId=self._id)

    def _send(self) -> None:
        with storage("write", self._uri):
            if self._id is None:
                self._id = self._s3.create_multipart_upload(**self._where, **self._put)["UploadId"]
            number = len(self._parts) + 1
            answer = self._s3.upload_part(
                **self._where, UploadId=self._id, PartNumber=number, Body=bytes(self._buffer)
            )
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})
        self._buffer.clear()

    def _end(self) -> None:
        if self._id is None:
            with storage("write", self._uri):
                self._s3.put_object(**self._where, Body=bytes(self._buffer), **self._put)
            return
        if self._buffer:
            self._send()
        with storage("write", self._uri):
            self._s3.complete_multipart_upload(
                **self._where, UploadId=self._id, MultipartUpload={"Parts": self._parts}
            )
