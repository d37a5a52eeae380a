"""The objects of a processed index on S3: read, listed, written under a condition, deleted.

Whether a write may happen is left to S3 (If-Match, If-None-Match): that is what two batches at once are held apart by.
Calls that fail for a reason that passes are made again by the client itself, as its ``retries`` say.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from botocore.exceptions import ClientError

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.exceptions import BdaError, BdaInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
R = TypeVar("R")

#: How often a write that others came before is tried again; the pause before the n-th time is n times this, in seconds.
TRIES = 40
PAUSE = 0.02
#: Bytes up to which an object is kept in memory.
SMALL = 16_384
#: What DeleteObjects takes at once.
_AT_ONCE = 1000
_MISSING = frozenset({"NoSuchKey", "404"})
#: Another was faster: the object has changed, has come to be, has gone, or is being written at this moment.
_OVERTAKEN = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", *_MISSING})
_DENIED = frozenset({"AccessDenied", "403"})


class Stored(NamedTuple):
    """An object: its bytes and its version."""

    body: bytes
    etag: str


class Listed(NamedTuple):
    """An object in a listing: its version and its size in bytes."""

    etag: str
    size: int


class IndexStore:
    """Objects by their names below the index's prefix.

    :param s3: a boto3 S3 client; it is used from several threads.
    :param state_s3_uri: the prefix.
    :param parallel: calls at once; 1 makes them in a fixed order.
    :raises BdaInputError: the prefix is none.
    """

    def __init__(self, s3: Any, state_s3_uri: str, parallel: int) -> None:
        bucket, prefix = split_s3_uri(state_s3_uri)
        if not state_s3_uri.startswith("s3://") or not bucket or not prefix.strip("/"):
            raise BdaInputError(
                f"state_s3_uri must be a prefix of its own, like s3://bucket/bda-index/; it is {state_s3_uri!r}"
            )
        self.uri = state_s3_uri.rstrip("/")
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix.rstrip("/") + "/"
        self._parallel = parallel
        #: By name: the version that was kept, and its bytes if they are few; the others lie in a folder.
        self._kept: dict[str, tuple[str, bytes | None]] = {}
        self._making_folder = threading.Lock()

    def get(self, name: str) -> Stored | None:
        """Read an object; None if there is none (GetObject)."""
        with self._told("s3:GetObject"):
            try:
                answer = self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
            return Stored(answer["Body"].read(), _plain(answer["ETag"]))

    def read(self, name: str, listed: Listed) -> Stored | None:
        """Read an object that was listed: as it was kept if that is this version, else what is there (GetObject)."""
        etag, body = self._kept.get(name, (None, None))
        if etag == listed.etag:
            with suppress(OSError):
                return Stored(self._file(name).read_bytes() if body is None else body, listed.etag)
        stored = self.get(name)
        if stored is not None:
            self.keep(name, stored)
        return stored

    def keep(self, name: str, stored: Stored) -> None:
        """Keep an object, large ones on disk, so that the next claim need not fetch it; a full disk is no error."""
        self._kept.pop(name, None)
        small = len(stored.body) <= SMALL
        with suppress(OSError):
            if not small:
                self._file(name).write_bytes(stored.body)
            self._kept[name] = (stored.etag, stored.body if small else None)

    def find(self, folder: str, most: int | None = None) -> dict[str, Listed]:
        """Answer the objects whose names begin so (ListObjectsV2).

        :param most: this many are enough.
        """
        found: dict[str, Listed] = {}
        page: dict[str, Any] = {"MaxKeys": most} if most else {}
        while True:
            with self._told("s3:ListBucket"):
                answer = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix + folder, **page)
            for item in answer.get("Contents", ()):
                name = item["Key"].removeprefix(self._prefix)
                found[name] = Listed(_plain(item["ETag"]), item["Size"])
            if most or not answer.get("IsTruncated"):
                return found
            page = {"ContinuationToken": answer["NextContinuationToken"]}

    def put(self, name: str, body: bytes, *, over: str | None) -> str | None:
        """Write an object unless another was faster (PutObject).

        :param over: the version that it replaces; None if there must be none.
        :return: its version now. None if another was faster, or, after a lost answer, we ourselves: read again.
        """
        condition = {"IfNoneMatch": "*"} if over is None else {"IfMatch": f'"{over}"'}
        with self._told("s3:PutObject"):
            try:
                answer = self._s3.put_object(
                    Bucket=self._bucket, Key=self._prefix + name, Body=body, **condition
                )
            except ClientError as error:
                if _code(error) in _OVERTAKEN:
                    return None
                raise
            return _plain(answer["ETag"])

    def put_anyway(self, name: str, body: bytes, **metadata: str) -> None:
        """Write an object whose name says what is in it, so that writing it twice changes nothing (PutObject)."""
        with self._told("s3:PutObject"):
            self._s3.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body, Metadata=metadata)

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects, whether they are there or not (DeleteObjects)."""
        left = [{"Key": self._prefix + name} for name in names]
        for start in range(0, len(left), _AT_ONCE):
            with self._told("s3:DeleteObject"):
                answer = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": left[start : start + _AT_ONCE], "Quiet": True}
                )
                for error in answer.get("Errors", ())[:1]:
                    raise ClientError({"Error": error}, "DeleteObjects")

    def each(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Call a function for each item, some at once, and answer what they answer in the items' order.

        :raises Exception: the first that one of them raised; those not begun are left.
        """
        if self._parallel == 1:
            return [function(item) for item in items]
        with ThreadPoolExecutor(self._parallel, "bda-index") as threads:
            return list(threads.map(function, items))

    def replace(self, name: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        """Replace an object by what a function makes of it; call it again as often as another was faster.

        :param change: gets what is there, None if nothing is, and answers what shall be; the same, or None, leaves it.
        :return: what is there now.
        :raises BdaError: others were faster too often; a retry goes on.
        """
        overtaken = 0
        while True:
            stored = self.get(name)
            before = stored.body if stored else None
            after = change(before)
            if after is None or after == before:
                return before
            if self.put(name, after, over=stored.etag if stored else None) is not None:
                return after
            overtaken += 1
            self.let_pass(overtaken)

    def let_pass(self, overtaken: int) -> None:
        """Pause before one more try to write what others changed meanwhile.

        Whoever is overtaken is so by one who got on, so there is no standstill; the limit is for what cannot be.

        :param overtaken: how often that was so already.
        :raises BdaError: too often; a retry goes on.
        """
        if overtaken > TRIES:
            raise BdaError(
                f"The index at {self.uri} was changed by others {overtaken} times while it was to be written."
                " Nothing is lost: a retry goes on."
            )
        time.sleep(PAUSE * overtaken * random.uniform(0.5, 1.5))  # noqa: S311 - jitter

    def _file(self, name: str) -> Path:
        with self._making_folder:
            return self._folder / name.replace("/", "-")

    @cached_property
    def _folder(self) -> Path:
        folder = tempfile.mkdtemp(prefix="bda-index-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    @contextmanager
    def _told(self, action: str) -> Iterator[None]:
        """Say in words what no retry mends."""
        try:
            yield
        except ClientError as error:
            code = _code(error)
            if code == "NoSuchBucket":
                raise BdaInputError(
                    f"The bucket of state_s3_uri {self.uri} does not exist. Create it, or name another."
                ) from error
            if code in _DENIED:
                raise BdaInputError(
                    f"The index at {self.uri} is out of reach: S3 denied {action}. The role needs s3:ListBucket,"
                    " s3:GetObject, s3:PutObject and s3:DeleteObject there."
                ) from error
            raise


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _plain(etag: str) -> str:
    return etag.strip('"')
