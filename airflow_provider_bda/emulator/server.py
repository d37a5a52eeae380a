"""Serves a gateway over HTTP: uvicorn on an event loop in one thread, moto and long work in a few others.

uvicorn, because it answered two to seven times as many calls a second as the WSGI servers tried. It is
given its parser as a class, the documented way, so that a fault can close a connection without an answer.
Two settings matter: ``interface="asgi3"`` (a method is taken for ASGI 2 otherwise), and a listening
socket made with IPPROTO_TCP, without which uvicorn's connections get no TCP_NODELAY and a call takes 44 ms.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import uvicorn
from typing_extensions import override

from airflow_provider_bda.emulator.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from airflow_provider_bda.emulator.gateway import Gateway

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

_MOTO_THREADS = 8


class Server:
    """An HTTP server in a thread of its own.

    :param gateway: what answers.
    :param host: the address to listen on.
    :param port: 0 takes a free one.
    """

    def __init__(self, gateway: Gateway, host: str, port: int) -> None:
        self._gateway = gateway
        self._threads = ThreadPoolExecutor(_MOTO_THREADS, thread_name_prefix="bda-emulator-moto")
        self._socket = _listening_socket(host, port)
        found_host, found_port = self._socket.getsockname()[:2]
        shown = f"[{found_host}]" if ":" in found_host else found_host
        self.url = f"http://{shown}:{found_port}"
        gateway.base_url = self.url
        self._started = threading.Event()
        self._uvicorn = _Announcing(
            self._started,
            uvicorn.Config(
                self._application,
                interface="asgi3",
                http=_protocol(),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
            ),
        )
        self._thread = threading.Thread(target=self._run, name="bda-emulator-server", daemon=True)

    def start(self) -> None:
        """Listen; connections are accepted when this returns."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Close every connection and wait for the threads."""
        self._uvicorn.should_exit = True
        # Kept-alive connections of clients would hold a graceful exit up.
        self._uvicorn.force_exit = True
        self._thread.join()
        self._threads.shutdown(wait=True)
        self._socket.close()

    def _run(self) -> None:
        # A loop of our own, not uvicorn's choice by global policy: other loops of this process stay as they are.
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            await self._uvicorn.serve(sockets=[self._socket])
        finally:
            self._started.set()
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()

    async def _application(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = await _request(scope, receive)
        if request is None:
            return
        plan = self._gateway.plan(request)
        if plan.blocking:
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(self._threads, self._gateway.perform, plan)
        else:
            response = self._gateway.perform(plan)
        if response.delay:
            await asyncio.sleep(response.delay)
        if response.abort:
            scope["extensions"]["bda.abort"]()
            # Until uvicorn knows that the client is gone, it takes this for an application's mistake.
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await _respond(response, request, send)


class _Announcing(uvicorn.Server):
    """uvicorn's server, which says when it listens.

    :param listening: set as soon as connections are accepted.
    """

    def __init__(self, listening: threading.Event, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listening = listening

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening and say so."""
        await super().startup(sockets)
        self._listening.set()


async def _request(scope: Scope, receive: Receive) -> HttpRequest | None:
    """Read a request to its end; None if its client is gone before that: AWS then does nothing, either."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return HttpRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=b"".join(parts),
    )


async def _respond(response: HttpResponse, request: HttpRequest, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    bodiless = request.method == "HEAD" or response.status in {204, 304}
    if not bodiless and not any(name == b"content-length" for name, _ in headers):
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if bodiless else response.body})


def _listening_socket(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(1024)
    except OSError:
        listening.close()
        raise
    return listening


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _protocol() -> type[asyncio.Protocol]:
    """Answer uvicorn's HTTP protocol class, grown by a way to drop the connection."""
    try:
        base: Any = importlib.import_module("uvicorn.protocols.http.httptools_impl").HttpToolsProtocol
    except ImportError:
        base = importlib.import_module("uvicorn.protocols.http.h11_impl").H11Protocol

    class Droppable(base):  # type: ignore[misc]
        """One connection."""

        def connection_made(self, transport: Any) -> None:
            """Give the application of this connection a way to abort it."""
            super().connection_made(transport)
            me: Any = self
            inner = me.app

            async def application(scope: Scope, receive: Receive, send: Send) -> None:
                scope.setdefault("extensions", {})["bda.abort"] = transport.abort
                await inner(scope, receive, send)

            me.app = application

    return Droppable
