"""S3 as sources see it: objects read in ranges, buckets compared with the jobs' Region, refusals in plain words.

Sync, on the worker. What a retry may mend (throttling, 5xx, a broken connection) is left as botocore raises it.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks._objects import region_of_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes of one ranged GET: 2,000,000 lines of 150 bytes are 36 of them.
CHUNK = 8 * 1024 * 1024
_READS = 5

_MISSING = frozenset({"404", "NoSuchKey"})
_CHANGED = frozenset({"412", "PreconditionFailed"})
_DENIED = frozenset({"403", "AccessDenied", "AllAccessDisabled", "AccountProblem"})
_IDENTITY = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch"})
_ELSEWHERE = frozenset({"301", "PermanentRedirect", "AuthorizationHeaderMalformed"})


@contextmanager
def refusals(what: str, uri: str, action: str) -> Iterator[None]:
    """Turn the errors of S3 that no retry mends into a clear one.

    :param what: what was tried to reach, for the message: "manifest", say.
    :param action: the IAM action that it takes.
    :raises BdaInputError: S3 refused for good.
    """
    try:
        yield
    except ClientError as error:
        words = _words(str(error.response.get("Error", {}).get("Code")), uri, action)
        if words is None:
            raise
        raise BdaInputError(f"{what} {uri}: {words}. Nothing was submitted") from error


def _words(code: str, uri: str, action: str) -> str | None:
    bucket, key = split_s3_uri(uri)
    absent = "; without s3:ListBucket AWS says the same of an object that is not there" * (
        action == "s3:GetObject"
    )
    words = {
        **dict.fromkeys(
            _MISSING, f"there is no such object in bucket {bucket}" if key else f"there is no bucket {bucket}"
        ),
        "NoSuchBucket": f"there is no bucket {bucket}",
        **dict.fromkeys(_DENIED, f"access is denied; allow {action} on it{absent}"),
        **dict.fromkeys(_IDENTITY, f"S3 does not know the credentials ({code}); mend the Airflow connection"),
        **dict.fromkeys(_CHANGED, "it changed while it was read; run the task again once it is whole"),
        **dict.fromkeys(_ELSEWHERE, f"bucket {bucket} lies in another Region than the connection's"),
    }
    return words.get(code)


class S3Object(io.RawIOBase):
    """An object as a file: read in ranges, each tried again if the connection breaks, all of one version.

    A single GET would have to stay open for as long as the reader takes; and Parquet is read from its end.

    :raises BdaInputError: there is no such object, or it may not be read.
    """

    def __init__(self, s3: Any, uri: str, *, what: str = "manifest") -> None:
        super().__init__()
        self._s3, self._uri, self._what, self._at = s3, uri, what, 0
        self._bucket, self._key = split_s3_uri(uri)
        with refusals(what, uri, "s3:GetObject"):
            head = self._head()
        self._etag: str = head["ETag"]
        self.size: int = head["ContentLength"]

    @classmethod
    def buffered(cls, s3: Any, uri: str, *, what: str = "manifest") -> io.BufferedReader:
        """Open an object as a buffered binary file."""
        return io.BufferedReader(cls(s3, uri, what=what), CHUNK)

    def _head(self) -> Any:
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=self._key)
        except ClientError:
            # An answer to HEAD has no body; GET says whether it is the bucket or the object.
            self._s3.get_object(Bucket=self._bucket, Key=self._key, Range="bytes=0-0")
            raise

    def readable(self) -> bool:
        """Answer True."""
        return True

    def seekable(self) -> bool:
        """Answer True."""
        return True

    def tell(self) -> int:
        """Answer the position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; costs nothing."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read on from where we are."""
        end = min(self._at + len(buffer), self.size)
        if end <= self._at:
            return 0
        body = self._range(self._at, end)
        buffer[: len(body)] = body
        self._at += len(body)
        return len(body)

    def _range(self, start: int, end: int) -> bytes:
        for attempt in range(_READS):
            try:
                with refusals(self._what, self._uri, "s3:GetObject"):
                    body: bytes = self._s3.get_object(
                        Bucket=self._bucket,
                        Key=self._key,
                        Range=f"bytes={start}-{end - 1}",
                        IfMatch=self._etag,
                    )["Body"].read()
            except (BotoCoreError, HTTPError, OSError):
                # botocore tries a call again, but not the reading of its body.
                if attempt == _READS - 1:
                    raise
            else:
                return body
        raise AssertionError  # pragma: no cover - the loop returns or raises


class Buckets:
    """The buckets of a source's files, each looked at once.

    :param region_name: of the jobs; None takes that of the client.
    """

    def __init__(self, s3: Any, region_name: str | None = None) -> None:
        self._s3 = s3
        self._region = region_name or s3.meta.region_name
        self._seen: set[str] = set()

    def check(self, bucket: str, where: str = "") -> None:
        """Refuse a bucket that is not there, or lies where the jobs do not run.

        :param where: what named it, for the message.
        :raises BdaInputError: the batch cannot take files from it.
        """
        if bucket in self._seen:
            return
        try:
            found = region_of_bucket(self._s3, bucket)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in {"404", "NoSuchBucket"}:
                said = f"{where}: " if where else ""
                raise BdaInputError(f"{said}there is no bucket {bucket}. Nothing was submitted") from error
            if code not in _DENIED:
                raise
            found = None  # whoever may not look may still read
        if found and self._region not in {None, "aws-global", found}:
            said = f"{where}: " if where else ""
            raise BdaInputError(
                f"{said}bucket {bucket} lies in {found}, and the jobs would run in {self._region}: BDA takes no file of "
                "another Region. Pass region_name= of the bucket, or copy the files. Nothing was submitted"
            )
        self._seen.add(bucket)
