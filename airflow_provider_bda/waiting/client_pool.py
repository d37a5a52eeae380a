"""One aiobotocore client per event loop, target and service, shared by everything that waits.

A client of its own for each trigger is what makes waiting dear: 0.3 MB and 24 ms of blocked loop each, 8 MB
and up to 1.5 s with an assumed role. Nothing here blocks the loop: the connection is awaited; hook, session
and client are built in a thread; credentials are refreshed by the synchronous session in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow.providers.amazon.aws.hooks.base_aws import BaseSessionFactory
from botocore.config import Config
from botocore.utils import parse_timestamp

from airflow_provider_bda._compat import AirflowNotFoundException
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook, missing_connection
from airflow_provider_bda.waiting import spare_the_collector
from airflow_provider_bda.waiting.errors import CALL_ERRORS

if TYPE_CHECKING:
    from airflow_provider_bda.aws import AwsTarget

log = logging.getLogger(__name__)

#: Seconds after which a client is built anew, so that a changed connection is noticed.
TTL = 900.0
#: Seconds without use after which a client is closed.
IDLE = 120.0
#: Seconds an exchanged client lives on for the calls that are under way.
GRACE = 90.0
#: Seconds between two attempts to build a client whose credentials were refused or that could not be built.
REBUILD_PAUSE = 10.0
#: Pauses between looks for a connection that was not found: Airflow says just that, too, when its own
#: API server or database does not answer for a moment.
LOOKUP_PAUSES = (1.0, 3.0)
SWEEP = 15.0

# One attempt: the poller retries, and it must see every throttled answer. The connection's own settings win.
BASE_CONFIG = Config(
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=50,
    connect_timeout=10,
    read_timeout=30,
)


@dataclass(slots=True)
class _Entry:
    """A client and its life.

    :param client: the client in use.
    :param renew_at: when another attempt to build it is due.
    :param tried_at: when the last one was made.
    :param refused: whether AWS no longer takes its credentials.
    :param successor: the attempt under way; until it ends the old client is used.
    """

    client: asyncio.Task[Any]
    renew_at: float
    tried_at: float
    used_at: float
    refused: bool = False
    successor: asyncio.Task[None] | None = None

    def holds(self, client: Any) -> bool:
        return self._is_built() and self.client.result() is client

    def has_failed(self) -> bool:
        return self.client.done() and not self._is_built()

    def _is_built(self) -> bool:
        return self.client.done() and not self.client.cancelled() and self.client.exception() is None


@dataclass(slots=True)
class _Retired:
    client: asyncio.Task[Any]
    close_at: float


@dataclass(slots=True)
class ClientPool:
    """The clients of one event loop. Use :func:`client_pool`."""

    _entries: dict[tuple[AwsTarget, str], _Entry] = field(default_factory=dict)
    _retired: list[_Retired] = field(default_factory=list)
    _janitor: asyncio.Task[None] | None = None

    async def client(self, target: AwsTarget, service: str) -> Any:
        """Answer the shared client, building it if need be. Do not close it.

        :raises BdaInputError: the target's connection does not exist, or no client can be built of it.
        """
        now = asyncio.get_running_loop().time()
        key = (target, service)
        entry = self._entries.get(key)
        if entry is None or (entry.has_failed() and now >= entry.renew_at):
            entry = _Entry(_spawn(_build(target, service)), renew_at=now + TTL, tried_at=now, used_at=now)
            self._entries[key] = entry
            self._keep_tidy()
        elif now >= entry.renew_at and entry.client.done() and entry.successor is None:
            entry.successor = _spawn(self._exchange(key, entry))
        entry.used_at = now
        if entry.refused and entry.successor is not None:
            await asyncio.shield(entry.successor)
        try:
            # Shielded: one waiter's cancellation must not take the client from the others.
            return await asyncio.shield(entry.client)
        except Exception:
            # Everybody who asks within the pause hears of the same failure.
            entry.renew_at = min(entry.renew_at, asyncio.get_running_loop().time() + REBUILD_PAUSE)
            raise

    def refused(self, target: AwsTarget, service: str, client: Any) -> bool:
        """Note that AWS does not take a client's credentials; answer whether asking again now may do better.

        The connection may have been changed since the client was built, so it is read again, but not more
        often than every ``REBUILD_PAUSE`` seconds.
        """
        entry = self._entries.get((target, service))
        if entry is None or not entry.holds(client):
            return True
        entry.refused = True
        entry.renew_at = min(entry.renew_at, entry.tried_at + REBUILD_PAUSE)
        return asyncio.get_running_loop().time() >= entry.renew_at

    async def close(self) -> None:
        """Close every client. For tests and for the end of a loop."""
        if self._janitor is not None:
            self._janitor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._janitor

    async def _exchange(self, key: tuple[AwsTarget, str], entry: _Entry) -> None:
        """Build an entry's client anew. One that still works is kept where that fails."""
        built = _spawn(_build(*key))
        await asyncio.wait({built})
        now = asyncio.get_running_loop().time()
        error = built.exception()
        entry.successor, entry.tried_at = None, now
        # A connection that was taken away takes what was built of it with it.
        if error is None or isinstance(error, BdaInputError):
            self._retired.append(_Retired(entry.client, now + GRACE))
            entry.client, entry.refused = built, False
        else:
            log.warning("no new client of %s could be built, the old one stays: %r", key[1], error)
        entry.renew_at = now + (TTL if error is None else REBUILD_PAUSE)

    def _retire(self, key: tuple[AwsTarget, str], close_at: float) -> None:
        self._retired.append(_Retired(self._entries.pop(key).client, close_at))

    def _keep_tidy(self) -> None:
        if self._janitor is None or self._janitor.done():
            self._janitor = _spawn(self._tidy())

    async def _tidy(self) -> None:
        """Close what is idle or retired; when the loop ends (this task is cancelled), close everything."""
        loop = asyncio.get_running_loop()
        try:
            while self._entries or self._retired:
                await asyncio.sleep(SWEEP)
                now = loop.time()
                idle = [
                    key
                    for key, entry in self._entries.items()
                    if entry.client.done() and entry.successor is None and now - entry.used_at > IDLE
                ]
                for key in idle:
                    self._retire(key, now)
                due = [retired for retired in self._retired if retired.close_at <= now]
                self._retired = [retired for retired in self._retired if retired.close_at > now]
                for retired in due:
                    await _close(retired.client)
        finally:
            everything = [
                *(entry.client for entry in self._entries.values()),
                *(old.client for old in self._retired),
            ]
            self._entries.clear()
            self._retired.clear()
            for client in everything:
                await _close(client)


_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, ClientPool] = WeakKeyDictionary()


def client_pool() -> ClientPool:
    """Answer the pool of the running loop."""
    loop = asyncio.get_running_loop()
    pool = _POOLS.get(loop)
    if pool is None:
        pool = _POOLS[loop] = ClientPool()
    return pool


def _spawn(coroutine: Any) -> asyncio.Task[Any]:
    # A fresh context: what is shared must not log into the task that happened to come first.
    return asyncio.get_running_loop().create_task(coroutine, context=contextvars.Context())


async def _close(building: asyncio.Task[Any]) -> None:
    if not building.done():
        building.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await (await building).close()


async def _build(target: AwsTarget, service: str) -> Any:
    connection = await _connection(target.aws_conn_id) if target.aws_conn_id else None
    try:
        read = None if connection is None else _Read.of(connection)
        client = await asyncio.to_thread(_build_in_thread, target, service, read)
    except CALL_ERRORS:
        raise
    except Exception as error:
        raise BdaInputError(
            f"no client of {service} could be built from the Airflow connection {target.aws_conn_id!r}: "
            f"{type(error).__name__}: {error}"
        ) from error
    spare_the_collector(service)
    return client


@dataclass(frozen=True)
class _Read:
    """What is in a connection, read on the loop.

    A connection masks its ``extra`` whenever that is read, and tells Airflow's supervisor. From a thread, on Airflow
    3.1, that runs into the triggerer's own talk with it, and the triggerer dies: "Response read out of order".
    """

    conn_id: str | None
    conn_type: str | None
    host: str | None
    login: str | None
    password: str | None
    schema: str | None
    port: int | None
    extra_dejson: dict[str, Any]

    @classmethod
    def of(cls, connection: Any) -> _Read:
        return cls(**{item.name: getattr(connection, item.name) for item in fields(cls)})


async def _connection(conn_id: str) -> Any:
    """Fetch a connection.

    Awaited, on the loop: from a thread it finds nothing on Airflow 3.1, and boto would go on with whatever
    credentials the machine has.
    """
    for pause in (*LOOKUP_PAUSES, None):
        try:
            return await BdaBaseHook.aget_connection(conn_id)
        except PermissionError as error:
            raise BdaInputError(
                f"Airflow refuses the triggerer the connection {conn_id!r} (aws_conn_id): {error}"
            ) from error
        except AirflowNotFoundException as error:
            if pause is None:
                raise missing_connection(conn_id) from error
        await asyncio.sleep(pause)
    raise AssertionError("the last look returns or raises")


def _build_in_thread(target: AwsTarget, service: str, connection: Any) -> Any:
    # Here, for the Dag files that name a batch import this module, too, and aiobotocore takes a quarter of a second.
    from airflow_provider_bda.waiting.credentials import off_the_loop  # noqa: PLC0415

    hook = BdaBaseHook.for_target(target, client_type=service)
    hook.use_connection(connection)
    hook.refuse_ambient_credentials()
    session = hook.get_session(region_name=hook.region_name)
    aio_session = BaseSessionFactory(
        conn=None
    ).get_async_session()  # shares Airflow's cache of service models
    # The provider of credentials is boto's synchronous one in every case; only its results go to the async client.
    aio_session._credentials = off_the_loop(session.get_credentials())  # noqa: SLF001 - the base hook's own way
    # dateutil, botocore's way, takes a tenth of a status call.
    aio_session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    config = BASE_CONFIG.merge(hook._get_config())  # noqa: SLF001 - adds the user agent, as every client of the hook
    if config.user_agent is None:
        # Made once: botocore makes its own anew for every request, which takes another tenth.
        config = config.merge(Config(user_agent=aio_session.user_agent()))
    context = aio_session.create_client(
        service_name=service,
        region_name=session.region_name,
        endpoint_url=hook.conn_config.get_service_endpoint_url(service_name=service),
        config=config,
        verify=hook.verify,
    )
    # Entering binds nothing to a loop (connections open at the first call), so it may run here, where loading
    # the service model blocks nobody.
    return asyncio.run(context.__aenter__())


def _timestamp(value: Any) -> datetime:
    """Read a time as the services write it: ISO 8601 quickly, all else as botocore does."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(value)
    parsed: datetime = parse_timestamp(value)
    return parsed
