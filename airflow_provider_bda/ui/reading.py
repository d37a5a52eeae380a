"""Reading S3 for the pages: with the task's own connection, bounded in size and time, and kept for a while.

An api-server serves everybody: a bucket that does not answer, or a file of gigabytes, must cost one request a
few seconds and no more.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from airflow_provider_bda._compat import AirflowNotFoundException
from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.base import missing_connection
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.ui import airflow_data

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

#: Bytes of one result file, and of all that are kept.
MAX_FILE = 32 * 1024 * 1024
MAX_KEPT = 96 * 1024 * 1024
#: Bytes of an input whose pages are drawn.
MAX_INPUT = 64 * 1024 * 1024
#: Seconds a client is used before its connection is read again.
CLIENT_TTL = 120.0
_PATIENCE = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
_MISSING = frozenset({"404", "NoSuchBucket", "NoSuchKey"})


class ReadError(Exception):
    """Something on S3 could not be read; the message is for the person who looks at the page."""


class TooLarge(ReadError):
    """It is larger than a page shows."""


class Kept:
    """The newest values by key, up to a weight and an age.

    :param weight: in all; the oldest go first.
    """

    def __init__(self, weight: int) -> None:
        self._weight = weight
        self._total = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[float, int, Any]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], tuple[Any, int]], ttl: float) -> Any:
        """Answer what is kept, or make it: ``make`` answers the value and its weight."""
        now = time.monotonic()
        with self._lock:
            if key in self._values and self._values[key][0] > now:
                self._values.move_to_end(key)
                return self._values[key][2]
        value, weight = make()
        with self._lock:
            self._drop(key)
            if weight <= self._weight:
                self._values[key] = (now + ttl, weight, value)
                self._total += weight
            while self._total > self._weight:
                self._drop(next(iter(self._values)))
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._total = 0

    def _drop(self, key: Hashable) -> None:
        if key in self._values:
            self._total -= self._values.pop(key)[1]


_CLIENTS = Kept(64)
_BODIES = Kept(MAX_KEPT)


@dataclass(frozen=True, slots=True)
class Source:
    """S3 as a task's connection sees it.

    :param conn_id: the Airflow connection; None for boto's own chain.
    """

    conn_id: str | None
    region_name: str | None = None

    @property
    def client(self) -> Any:
        """The boto3 client.

        :raises ReadError: the connection does not exist, or cannot be used.
        """
        try:
            return _CLIENTS.get(self, lambda: (self._build(), 1), CLIENT_TTL)
        except (BdaInputError, BotoCoreError, ValueError) as error:
            raise ReadError(f"the connection {self.conn_id!r} cannot be used: {error}") from error

    def _build(self) -> Any:
        hook = BedrockDataAutomationRuntimeHook(aws_conn_id=self.conn_id, region_name=self.region_name)
        if self.conn_id is None:
            hook.use_connection(None)
        else:
            try:
                hook.use_connection(airflow_data.connection(self.conn_id))
            except AirflowNotFoundException as error:
                raise missing_connection(self.conn_id) from error
        hook.refuse_ambient_credentials()
        return hook.client_of("s3", _PATIENCE)

    def read(self, uri: str, *, limit: int = MAX_FILE, ttl: float = 300.0) -> bytes:
        """Read one object, or answer what was read a while ago.

        :param limit: bytes it may have.
        :param ttl: seconds it stays the same: a job's output never changes.
        :raises FileNotFoundError: there is no such object.
        :raises TooLarge: it has more than ``limit``.
        :raises ReadError: S3 refused or did not answer.
        """

        def fetch() -> tuple[bytes, int]:
            answer = self._get(uri)
            with closing(answer["Body"]) as stream:
                if answer["ContentLength"] > limit:
                    raise TooLarge(f"{uri} has {answer['ContentLength']:,} bytes; pages show up to {limit:,}")
                body: bytes = stream.read(limit + 1)
            return body, len(body)

        body: bytes = _BODIES.get((self, uri), fetch, ttl)
        return body

    def lines(self, uri: str) -> Iterator[bytes]:
        """Read an object line by line, never as a whole.

        :raises FileNotFoundError: there is no such object.
        :raises ReadError: S3 refused or did not answer.
        """
        with closing(self._get(uri)["Body"]) as stream:
            yield from stream.iter_lines()

    def exists(self, uri: str) -> bool:
        """Answer whether there is such an object.

        :raises ReadError: S3 does not say: a refusal is no "no".
        """

        def ask() -> tuple[bool, int]:
            bucket, key = split_s3_uri(uri)
            try:
                self._called(self.client.head_object, Bucket=bucket, Key=key)
            except FileNotFoundError:
                return False, 1
            return True, 1

        found: bool = _BODIES.get((self, uri, "exists"), ask, 300.0)
        return found

    def list(self, prefix: str, most: int) -> list[tuple[str, str]]:
        """List the URIs under a prefix with their ETags, in order, at most so many.

        :raises ReadError: S3 refused or did not answer.
        """
        bucket, key = split_s3_uri(prefix)
        try:
            answer = self._called(
                self.client.list_objects_v2, Bucket=bucket, Prefix=key, MaxKeys=min(most, 1000)
            )
        except FileNotFoundError:
            return []
        return [(f"s3://{bucket}/{row['Key']}", row["ETag"]) for row in answer.get("Contents", [])]

    def _get(self, uri: str) -> Any:
        bucket, key = split_s3_uri(uri)
        return self._called(self.client.get_object, Bucket=bucket, Key=key)

    @staticmethod
    def _called(method: Callable[..., Any], **request: Any) -> Any:
        where = f"s3://{request['Bucket']}/{request.get('Key', request.get('Prefix', ''))}"
        try:
            return method(**request)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _MISSING:
                raise FileNotFoundError(where) from error
            raise ReadError(f"S3 refused {where} to the task's connection: {code}") from error
        except BotoCoreError as error:
            raise ReadError(f"S3 did not answer for {where}: {type(error).__name__}") from error


def forget() -> None:
    """Forget what was read and every client, for tests."""
    _CLIENTS.clear()
    _BODIES.clear()
