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
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from aiobotocore.credentials import AioCredentials, AioRefreshableCredentials
from airflow.providers.amazon.aws.hooks.base_aws import BaseSessionFactory
from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from airflow_provider_bda._compat import AirflowNotFoundException
from airflow_provider_bda.hooks.base import BdaBaseHook, missing_connection

if TYPE_CHECKING:
    from airflow_provider_bda.aws import AwsTarget

log = logging.getLogger(__name__)

#: Seconds after which a client is built anew, so that a changed connection is noticed.
TTL = 900.0
#: Seconds without use after which a client is closed.
IDLE = 120.0
#: Seconds an exchanged client lives on for the calls that are under way.
GRACE = 90.0
#: Seconds between two rebuilds because of refused credentials.
REBUILD_PAUSE = 10.0
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
    client: asyncio.Task[Any]
    built_at: float
    used_at: float
    stale: bool = False


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

        :raises BdaInputError: the target's connection does not exist.
        """
        now = asyncio.get_running_loop().time()
        key = (target, service)
        entry = self._entries.get(key)
        if entry is not None and self._must_go(entry, now):
            self._retire(key, now)
            entry = None
        if entry is None:
            entry = _Entry(_spawn(_build(target, service)), built_at=now, used_at=now)
            self._entries[key] = entry
            self._keep_tidy()
        entry.used_at = now
        try:
            # Shielded: one waiter's cancellation must not take the client from the others.
            return await asyncio.shield(entry.client)
        except Exception:
            if self._entries.get(key) is entry:
                del self._entries[key]
            raise

    def refused(self, target: AwsTarget, service: str) -> None:
        """Note that the service no longer takes the client's credentials: build anew at next use."""
        entry = self._entries.get((target, service))
        if entry is not None:
            entry.stale = True

    async def close(self) -> None:
        """Close every client. For tests and for the end of a loop."""
        if self._janitor is not None:
            self._janitor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._janitor

    def _must_go(self, entry: _Entry, now: float) -> bool:
        age = now - entry.built_at
        return age > TTL or (entry.stale and age > REBUILD_PAUSE)

    def _retire(self, key: tuple[AwsTarget, str], now: float) -> None:
        self._retired.append(_Retired(self._entries.pop(key).client, now + GRACE))

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
                    if entry.client.done() and now - entry.used_at > IDLE
                ]
                for key in idle:
                    self._retire(key, now - GRACE)
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
    return _POOLS.setdefault(asyncio.get_running_loop(), ClientPool())


def _spawn(coroutine: Any) -> asyncio.Task[Any]:
    # A fresh context: what is shared must not log into the task that happened to come first.
    return asyncio.get_running_loop().create_task(coroutine, context=contextvars.Context())


async def _close(building: asyncio.Task[Any]) -> None:
    if not building.done():
        building.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await (await building).close()


async def _build(target: AwsTarget, service: str) -> Any:
    # Awaited here, on the loop: from a thread it finds nothing on Airflow 3.1, and boto would go on with
    # whatever credentials the machine has.
    connection = None
    if target.aws_conn_id:
        try:
            connection = await BdaBaseHook.aget_connection(target.aws_conn_id)
        except AirflowNotFoundException as error:
            raise missing_connection(target.aws_conn_id) from error
    return await asyncio.to_thread(_build_in_thread, target, service, connection)


def _build_in_thread(target: AwsTarget, service: str, connection: Any) -> Any:
    hook = BdaBaseHook.for_target(target, client_type=service)
    hook.use_connection(connection)
    session = hook.get_session(region_name=hook.region_name)
    aio_session = BaseSessionFactory(
        conn=None
    ).get_async_session()  # shares Airflow's cache of service models
    # The provider of credentials is boto's synchronous one in every case; only its results go to the async client.
    aio_session._credentials = _async_credentials(session.get_credentials())  # noqa: SLF001 - the base hook's own way
    context = aio_session.create_client(
        service_name=service,
        region_name=session.region_name,
        endpoint_url=hook.conn_config.get_service_endpoint_url(service_name=service),
        config=BASE_CONFIG.merge(hook._get_config()),  # noqa: SLF001 - adds the user agent, as every client of the hook
        verify=hook.verify,
    )
    # Entering binds nothing to a loop (connections open at the first call), so it may run here, where loading
    # the service model blocks nobody.
    return asyncio.run(context.__aenter__())


def _async_credentials(credentials: Any) -> AioCredentials | None:
    """Wrap boto's credentials; a refresh runs in a thread and is never awaited on the loop's own time."""
    if credentials is None:
        return None
    frozen = credentials.get_frozen_credentials()
    if not isinstance(credentials, RefreshableCredentials):
        return AioCredentials(frozen.access_key, frozen.secret_key, frozen.token)

    def metadata() -> dict[str, Any]:
        fresh = credentials.get_frozen_credentials()
        return {
            "access_key": fresh.access_key,
            "secret_key": fresh.secret_key,
            "token": fresh.token,
            "expiry_time": credentials._expiry_time.isoformat(),  # noqa: SLF001 - boto has no public name for it
        }

    async def refresh() -> dict[str, Any]:
        return await asyncio.to_thread(metadata)

    refreshable: AioCredentials = AioRefreshableCredentials.create_from_metadata(
        metadata=metadata(), refresh_using=refresh, method=credentials.method
    )
    return refreshable
