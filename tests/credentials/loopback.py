"""What stands on loopback for a company's network: fronts before the emulator, a proxy, TLS."""

from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import json
import re
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_SCOPE = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/")


class Front(ThreadingHTTPServer):
    """An address of its own that passes every request on to the emulator and notes whose it was.

    :param emulator: where requests go.
    :param tls: certificate and key files; None is plain HTTP.
    """

    daemon_threads = True

    def __init__(self, emulator, tls=None):
        super().__init__(("127.0.0.1", 0), _Forward)
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "http" if tls is None else "https"
        self.target = urlsplit(emulator.endpoint_url)
        #: (signing service, access key id, what was asked) of every request.
        self.seen: list[tuple[str, str, str]] = []
        #: Access keys AWS no longer takes.
        self.revoked: set[str] = set()

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"

    @property
    def services(self):
        return {service for service, _, _ in self.seen}

    def handle_error(self, request, client_address):
        """Nothing: a client that gives up (TLS it does not trust) is what some tests are about."""


class _Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One segment for head and body: the kernel's delay of a second one costs 40 ms a call.
    wbufsize = -1

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        found = _SCOPE.search(self.headers.get("authorization", ""))
        key, service = found.groups() if found else ("", "")
        asked = self.headers.get("x-amz-target", "").rpartition(".")[2] or f"{self.command} {self.path}"
        self.server.seen.append((service, key, asked))
        if key in self.server.revoked:
            words = {"__type": "UnrecognizedClientException", "message": "The security token is invalid."}
            self._answer(403, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(words).encode())
            return
        upstream = http.client.HTTPConnection(self.server.target.netloc, timeout=30)
        try:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in {"host", "expect"}
            }
            upstream.request(self.command, self.path, body, {**headers, "Host": self.headers["host"]})
            answer = upstream.getresponse()
            self._answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            upstream.close()

    def _answer(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        self.send_header(
            "Content-Length", headers.get("content-length", "0") if self.command == "HEAD" else str(len(body))
        )
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - the base's names

    def log_message(self, *_):
        """Nothing."""


class Proxy(ThreadingHTTPServer):
    """A forward proxy that notes which hosts it is asked for and lets nobody through."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Refuse)
        self.hosts: list[str] = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Nothing."""


class _Refuse(BaseHTTPRequestHandler):
    def do_CONNECT(self):
        self.server.hosts.append(self.path)
        self.send_error(403)

    def log_message(self, *_):
        """Nothing."""


@contextmanager
def served(server):
    """Serve in a thread."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(folder: Path):
    """Make a certificate for 127.0.0.1 that only whoever is given it trusts; answer its files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a company's own authority")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "ca.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return str(pem), str(private)


class Stray(AssertionError):
    """Something went where it must not."""


def allow_only(monkeypatch, *urls):
    """Let connections go to these addresses and to no other; answer the list of what was tried besides."""
    allowed = {(urlsplit(url).hostname, urlsplit(url).port) for url in urls}
    strays: list[object] = []
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def check(address):
        if isinstance(address, tuple) and tuple(address[:2]) not in allowed:
            strays.append(address)
            raise Stray(f"a connection to {address}")

    def guarded(original):
        def call(self, address):
            check(address)
            return original(self, address)

        return call

    def guarded_look_up(host, port, *args, **kwargs):
        name = host.decode() if isinstance(host, bytes) else host
        if name not in {host for host, _ in allowed}:
            strays.append(name)
            raise Stray(f"a look-up of {name}")
        return look_up(host, port, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    return strays
