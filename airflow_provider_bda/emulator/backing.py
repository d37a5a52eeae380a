"""moto, as far as the emulator needs it: S3, STS, SQS, EventBridge and whatever else moto can serve.

moto keeps its state in module globals, by account. So each emulator in a process has an account of its
own, and the one thing moto shares across accounts, the names of buckets, is split by emulator here.
In-process access is used for the jobs' files: it is a hundred times faster than HTTP through moto.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote_to_bytes
from uuid import uuid4

from moto.core.base_backend import BackendDict
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeKey, s3_backends
from moto.utilities.utils import get_partition

from airflow_provider_bda.emulator.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Buckets = dict[str, tuple[str, str]]
_names: ContextVar[Buckets | None] = ContextVar("bda_emulator_bucket_names", default=None)

#: Account ids of live emulators: moto's state is the process's, so this is too.
_taken: set[str] = set()
_taken_lock = threading.Lock()


class ObjectMissing(Exception):
    """There is no such bucket or object."""


class Listed(NamedTuple):
    """An object in a listing."""

    key: str
    etag: str
    size: int


class _SplitNames(MutableMapping[str, tuple[str, str]]):
    """moto's table of bucket names, one for each emulator; the original one outside of any."""

    def __init__(self, original: Buckets) -> None:
        self._original = original

    @property
    def _here(self) -> Buckets:
        names = _names.get()
        return self._original if names is None else names

    def __getitem__(self, key: str) -> tuple[str, str]:
        return self._here[key]

    def __setitem__(self, key: str, value: tuple[str, str]) -> None:
        self._here[key] = value

    def __delitem__(self, key: str) -> None:
        del self._here[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._here)

    def __len__(self) -> int:
        return len(self._here)


def take_account(wanted: str | None) -> str:
    """Reserve an account id that no other emulator of this process has.

    :raises ValueError: the wanted one is in use.
    """
    wanted = wanted or os.environ.get("MOTO_ACCOUNT_ID")
    with _taken_lock:
        names: Any = s3_backends.bucket_accounts
        if not isinstance(names, _SplitNames):
            # Outside an emulator it answers as before, so a test's own moto is not disturbed.
            s3_backends.bucket_accounts = cast("Any", _SplitNames(names))
        if wanted in _taken:
            raise ValueError(
                f"account {wanted} belongs to another emulator running in this process;"
                " give this one another account, or none and one is chosen"
            )
        account = wanted or next(free for free in _account_ids() if free not in _taken)
        _taken.add(account)
    return account


def _account_ids() -> Iterator[str]:
    yield "123456789012"
    yield from (f"{number:012d}" for number in range(210_000_000_001, 210_000_100_000))


class Moto:
    """One emulator's share of moto.

    :param account: reserved by :func:`take_account`; :meth:`close` gives it back.
    """

    def __init__(self, account: str) -> None:
        self.account = account
        self._accounts = {account}
        self._buckets: Buckets = {}
        self._application = DomainDispatcherApplication(create_backend_app)
        #: moto looks whether a conditional write may happen and then writes; S3 does both at once.
        self._writing = threading.Lock()

    @contextmanager
    def _scope(self) -> Iterator[None]:
        token = _names.set(self._buckets)
        try:
            yield
        finally:
            _names.reset(token)

    def account_of(self, access_key_id: str | None) -> str:
        """Answer the account of a caller: where an access key made by IAM or STS belongs, else ours."""
        if access_key_id:
            for account, regions in list(iam_backends.items()):
                if any(access_key_id in iam.access_keys for iam in list(regions.values())):
                    # A role of another account was assumed: what lies there is this emulator's too.
                    self._accounts.add(str(account))
                    return str(account)
        return self.account

    def handle(self, request: HttpRequest, account: str, base_url: str) -> HttpResponse:
        """Let moto answer a request. It blocks; call it in a thread."""
        found: list[tuple[int, tuple[tuple[str, str], ...]]] = []

        def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], None]:
            found.append((int(status.split(maxsplit=1)[0]), tuple(headers)))
            return lambda _data: None

        writes = request.method in {"PUT", "DELETE"}
        with self._scope(), self._writing if writes else nullcontext():
            parts = self._application(_environ(request, account, base_url), start)
            try:
                body = b"".join(parts)
            finally:
                getattr(parts, "close", lambda: None)()
        status, headers = found[-1]
        return HttpResponse(status, headers, body)

    def read_object(self, region: str, bucket: str, key: str) -> bytes:
        """Read an object in process.

        :raises ObjectMissing: no such bucket or object, in words for the job's error message.
        """
        found = self._key(region, bucket, key)
        return bytes(found.value)

    def head_object(self, region: str, bucket: str, key: str, size: int) -> bytes:
        """Read the first bytes of an object.

        :raises ObjectMissing: no such bucket or object.
        """
        found = self._key(region, bucket, key)
        with found.lock:
            found._value_buffer.seek(0)  # noqa: SLF001 - moto has no ranged read, and an object may be 500 MB
            return bytes(found._value_buffer.read(size))  # noqa: SLF001

    def _key(self, region: str, bucket: str, key: str) -> Any:
        with self._scope():
            backend = s3_backends[self.account][get_partition(region)]
            try:
                found = backend.get_object(bucket, key)
            except MissingBucket:
                raise ObjectMissing(f"The bucket {bucket} does not exist.") from None
        if not isinstance(found, FakeKey):
            raise ObjectMissing(f"The object s3://{bucket}/{key} does not exist.")
        return found

    def list_objects(self, region: str, bucket: str, prefix: str) -> list[Listed]:
        """List the objects under a prefix, by key.

        :raises ObjectMissing: no such bucket.
        """
        with self._scope():
            try:
                found = s3_backends[self.account][get_partition(region)].get_bucket(bucket)
            except MissingBucket:
                raise ObjectMissing(f"The bucket {bucket} does not exist.") from None
            keys = [key for name, key in found.keys.items() if name.startswith(prefix)]
            return sorted(Listed(key.name, key.etag.strip('"'), key.size) for key in keys)

    def has_bucket(self, region: str, bucket: str) -> bool:
        """Say whether a bucket exists."""
        with self._scope():
            try:
                s3_backends[self.account][get_partition(region)].get_bucket(bucket)
            except MissingBucket:
                return False
        return True

    def write_objects(self, region: str, bucket: str, files: Mapping[str, bytes]) -> None:
        """Write objects in process, in the order given.

        :raises ObjectMissing: no such bucket.
        """
        with self._scope():
            backend = s3_backends[self.account][get_partition(region)]
            for key, body in files.items():
                try:
                    written = backend.put_object(bucket, key, body)
                except MissingBucket:
                    raise ObjectMissing(f"The bucket {bucket} does not exist.") from None
                if key.endswith(".json"):
                    written.set_metadata({"Content-Type": "application/json"})

    def put_event(
        self, account: str, region: str, detail_type: str, detail: Mapping[str, Any], time: float
    ) -> None:
        """Put an event of Bedrock on the account's default bus; moto delivers it to the rules' targets.

        Its own ``put_events`` leaves the account out of what a queue gets, and nothing but that and the
        Region leads from an event back to the job's ARN. So its rules are asked directly.
        """
        event = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": detail_type,
            "source": "aws.bedrock",
            "account": account,
            "time": time,
            "region": region,
            "resources": [],
            "detail": dict(detail),
        }
        with self._scope():
            bus = events_backends[account][region].describe_event_bus("default")
            for rule in list(bus.rules.values()):
                if rule.state == "ENABLED":
                    transform = any("InputTransformer" in target for target in rule.targets)
                    sent = {**event, "ingestion-time": time} if transform else dict(event)
                    rule.send_to_targets(cast("Any", sent), transform)

    def reset(self) -> None:
        """Forget everything in this emulator's accounts, and in no other."""
        # moto tracks every key ever made, for its own reset; without this, closed emulators keep their memory.
        tracked = cast("Any", FakeKey).instances_tracked
        for key in list(tracked):
            if key.account_id in self._accounts:
                key.dispose()
        tracked[:] = [key for key in tracked if key.account_id not in self._accounts]
        for backends in list(cast("Any", BackendDict)._instances):  # noqa: SLF001 - the only list of what is in use
            for account in self._accounts:
                backends.pop(account, None)
        self._buckets.clear()

    def close(self) -> None:
        """Forget everything and give the account back."""
        self.reset()
        with _taken_lock:
            _taken.discard(self.account)


def _environ(request: HttpRequest, account: str, base_url: str) -> dict[str, Any]:
    """Build the WSGI environment that moto expects."""
    _, _, authority = base_url.partition("://")
    host, _, port = authority.partition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        # PEP 3333: bytes in the guise of latin-1.
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "RAW_URI": f"{request.path}?{request.query}" if request.query else request.path,
        "REQUEST_URI": f"{request.path}?{request.query}" if request.query else request.path,
        "QUERY_STRING": request.query,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    # WSGI folds "_" and "-" of header names into one, and S3 metadata keys may hold either.
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {
        environ_key_for_header(name): name
        for name in request.headers
        if should_preserve_original_header_name(name)
    }
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
    return environ
