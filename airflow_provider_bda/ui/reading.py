"""Reading S3 for the pages: with the task's own connection, bounded in size and time, and kept for a while.

An api-server serves everybody: a bucket that does not answer, or a file of gigabytes, must cost one request a
few seconds and no more.
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from airflow_provider_bda._compat import AirflowNotFoundException
from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook, missing_connection
from airflow_provider_bda.ui import airflow_data
from airflow_provider_bda.ui.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from botocore.loaders import Loader

#: Bytes of one result file, and of all that are kept.
MAX_FILE = 32 * 1024 * 1024
MAX_KEPT = 96 * 1024 * 1024
#: Bytes of an input whose pages are drawn.
MAX_INPUT = 64 * 1024 * 1024
#: Seconds after which a connection is read again, and after which its client is built anew though it is the same.
CONNECTION_TTL = 30.0
CLIENT_TTL = 1800.0
#: Seconds an answer waits for many objects; what is not there by then comes with the next answer.
BUDGET = 0.15
#: Objects read at once by all answers together, of each of two kinds.
THREADS = 16
_PATIENCE = Config(
    connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2}, max_pool_connections=2 * THREADS
)
_CHUNK = 256 * 1024
_MISSING = frozenset({"404", "NoSuchBucket", "NoSuchKey"})


class ReadError(Exception):
    """Something on S3 could not be read; the message is for the person who looks at the page."""


class TooLarge(ReadError):
    """It is larger than a page shows."""


#: What nobody asks again for within moments.
FAILURES = (ReadError, FileNotFoundError)
_CONNECTIONS = Kept(64)
_CLIENTS = Kept(64, FAILURES)
_BODIES = Kept(MAX_KEPT, FAILURES)


@cache
def _threads(purpose: str) -> ThreadPoolExecutor:
    # A pool for each: works that nobody waits for must not hold up what an answer cannot do without.
    return ThreadPoolExecutor(THREADS, thread_name_prefix=f"bda-ui-{purpose}")


def side_by_side(works: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    """Do works at once for :data:`BUDGET` seconds; of the rest, what has begun goes on for the next answer."""
    futures = [_threads("hasty").submit(work) for work in works]
    _, late = wait(futures, timeout=BUDGET)
    for future in late:
        future.cancel()  # what has not begun would only stand in others' way
    return futures


def all_of(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do works at once, and answer what each did.

    :raises Exception: what the first that failed raised.
    """
    if len(works) < 2:
        return [work() for work in works]
    futures = [_threads("patient").submit(work) for work in works]
    return [future.result() for future in futures]


@cache
def _loader() -> Loader:
    """Every session's reader of botocore's models: they are parsed once, not once a client."""
    loader: Loader = Session().get_component("data_loader")
    return loader


def warm() -> None:
    """Load what the first client would have to; what is wrong with the machine's AWS files is said when it matters."""
    with suppress(BotoCoreError):
        session = Session()
        session.register_component("data_loader", _loader())
        session.create_client("s3", "us-east-1", aws_access_key_id="none", aws_secret_access_key="none")  # noqa: S106 - never used


class Listed(NamedTuple):
    """An object of a list.

    :ivar written_at: epoch seconds.
    """

    uri: str
    etag: str
    written_at: float


def _weighed(body: bytes) -> tuple[bytes, int]:
    return body, len(body)


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
            connection, mark = _CONNECTIONS.get(self.conn_id, lambda: (self._connection(), 1), CONNECTION_TTL)
            return _CLIENTS.get((self, mark), lambda: (self._build(connection), 1), CLIENT_TTL)
        except (BdaInputError, BotoCoreError, ValueError) as error:
            raise ReadError(f"the connection {self.conn_id!r} cannot be used: {error}") from error

    def _connection(self) -> tuple[Any, str]:
        """Read the connection, and a mark that is another once it was changed."""
        if self.conn_id is None:
            return None, ""
        try:
            found = airflow_data.connection(self.conn_id)
        except AirflowNotFoundException as error:
            raise missing_connection(self.conn_id) from error
        said = [
            found.conn_type,
            found.login,
            found.password,
            found.host,
            found.port,
            found.schema,
            found.extra,
        ]
        return found, hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()

    def _build(self, connection: Any) -> Any:
        hook = BdaBaseHook(aws_conn_id=self.conn_id, region_name=self.region_name)
        hook.use_connection(connection)
        hook.refuse_ambient_credentials()
        return hook.client_of("s3", _PATIENCE, loader=_loader())

    def read(self, uri: str, *, limit: int = MAX_FILE, ttl: float = 300.0) -> bytes:
        """Read one object, or answer what was read a while ago.

        :param limit: bytes it may have.
        :param ttl: seconds it stays the same: a job's output never changes.
        :raises FileNotFoundError: there is no such object.
        :raises TooLarge: it has more than ``limit``.
        :raises ReadError: S3 refused or did not answer.
        """
        body: bytes = _BODIES.get((self, uri), lambda: _weighed(self.fetch(uri, limit)), ttl)
        return body

    def fetch(self, uri: str, limit: int = MAX_FILE) -> bytes:
        """Read one object, and keep nothing.

        :raises FileNotFoundError: there is no such object.
        :raises TooLarge: it has more than ``limit``.
        :raises ReadError: S3 refused, did not answer or broke off.
        """
        answer = self._get(uri)
        with closing(answer["Body"]) as stream:
            if answer["ContentLength"] > limit:
                raise TooLarge(f"{uri} has {answer['ContentLength']:,} bytes; pages show up to {limit:,}")
            try:
                body: bytes = stream.read(limit + 1)
            except BotoCoreError as error:
                raise ReadError(f"S3 broke off at {uri}: {type(error).__name__}") from error
        return body

    def lines(self, uri: str) -> Iterator[bytes]:
        """Read an object line by line, never as a whole.

        :raises FileNotFoundError: there is no such object.
        :raises ReadError: S3 refused or did not answer.
        """
        with closing(self._get(uri)["Body"]) as stream:
            yield from stream.iter_lines(chunk_size=_CHUNK)

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

    def list(self, prefix: str, most: int, after: str = "") -> list[Listed]:
        """List the objects under a prefix, in order, at most so many.

        :param after: what the names behind the prefix must lie behind.
        :raises ReadError: S3 refused or did not answer.
        """
        bucket, key = split_s3_uri(prefix)
        found: list[Listed] = []
        request = {"Bucket": bucket, "Prefix": key, **({"StartAfter": key + after} if after else {})}
        while len(found) < most:
            try:
                answer = self._called(
                    self.client.list_objects_v2, **request, MaxKeys=min(most - len(found), 1000)
                )
            except FileNotFoundError:
                break
            found += [
                Listed(f"s3://{bucket}/{row['Key']}", row["ETag"], row["LastModified"].timestamp())
                for row in answer.get("Contents", [])
            ]
            if not answer.get("IsTruncated"):
                break
            request["ContinuationToken"] = answer["NextContinuationToken"]
        return found

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
    _CONNECTIONS.clear()
    _CLIENTS.clear()
    _BODIES.clear()
