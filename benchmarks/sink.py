"""What takes the mails of a benchmark: a server in a process of its own that answers each request 202, some milliseconds after it came.

As lean as Python allows, for it shares the cores with what is measured: one loop over epoll and sockets, and nothing of asyncio.
"""

from __future__ import annotations

import ipaddress
import multiprocessing
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_ANSWER = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: benchmark-message-id\r\nContent-Length: 0\r\n\r\n"
_MOST = 1 << 16


class Serving(NamedTuple):
    """A sink that runs."""

    url: str
    pid: int


@contextmanager
def serving(milliseconds: float, certificate: Path | None = None) -> Iterator[Serving]:
    """A sink, over TLS with a certificate."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(milliseconds / 1000, theirs, certificate), daemon=True)
    server.start()
    assert server.pid is not None
    yield Serving(f"{'http' if certificate is None else 'https'}://127.0.0.1:{ours.recv()}", server.pid)
    server.terminate()
    server.join()


def certified(folder: Path) -> Path:
    """Makes a certificate and key for 127.0.0.1, `sink.pem`, and the usual bundle with it among the others, for SSL_CERT_FILE: returned."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a sink")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "sink.pem").write_bytes(made + secret)
    (folder / "bundle.pem").write_bytes(made + Path(certifi.where()).read_bytes())
    return folder / "bundle.pem"


class _Client:
    """One connection."""

    __slots__ = ("heard", "shaken", "socket", "whole")

    def __init__(self, connection: socket.socket) -> None:
        self.socket, self.heard, self.whole = connection, b"", 0
        """`whole`: bytes of the request that is coming; 0 while its head is not there."""
        self.shaken = not isinstance(connection, ssl.SSLSocket)

    def request(self) -> bool:
        """Reads what is there; whether that ends a request. Raises EOFError once the client has gone."""
        if isinstance(self.socket, ssl.SSLSocket) and not self.shaken:
            self.socket.do_handshake()
            self.shaken = True
        if not (data := self.socket.recv(_MOST)):
            raise EOFError
        self.heard = self.heard + data if self.heard else data
        if not self.whole and (end := self.heard.find(b"\r\n\r\n")) >= 0:
            length = self.heard[:end].lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self.whole = end + 4 + int(length)
        if not self.whole or len(self.heard) < self.whole:
            return False
        self.heard, self.whole = self.heard[self.whole :], 0
        return True


class _Sink:
    def __init__(self, delay: float, certificate: Path | None) -> None:
        self._delay = delay
        self._context = None if certificate is None else ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        if self._context is not None:
            self._context.load_cert_chain(str(certificate))
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listening.setblocking(False)
        self.port = self._listening.getsockname()[1]
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._listening, selectors.EVENT_READ)
        self._due: deque[tuple[float, _Client]] = deque()
        """Who is to be answered when: in order, for all wait equally long."""

    def serve(self) -> None:
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _ in self._ready.select(wait):
                if key.data is None:
                    self._accept()
                else:
                    self._hear(key.data)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._due.popleft()[1].socket.send(_ANSWER)

    def _accept(self) -> None:
        connection, _ = self._listening.accept()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._ready.register(connection, selectors.EVENT_READ, _Client(connection))

    def _hear(self, client: _Client) -> None:
        try:
            while True:
                if client.request():
                    self._due.append((time.monotonic() + self._delay, client))
                    break
                # What TLS has read already, no selector tells of.
                if not (isinstance(client.socket, ssl.SSLSocket) and client.socket.pending()):
                    break
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except (EOFError, OSError):
            self._ready.unregister(client.socket)
            client.socket.close()
            self._due = deque((at, other) for at, other in self._due if other is not client)


def serve(delay: float, told: Connection, certificate: Path | None = None) -> None:
    """Serves for ever; tells its port."""
    sink = _Sink(delay, certificate)
    told.send(sink.port)
    sink.serve()
