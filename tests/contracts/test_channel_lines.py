"""Lines to a server that does what servers do: hang up, drip, fall silent, talk out of turn. Of a request is said what is proven."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cs_engine.channels import lines as module
from cs_engine.channels.beside import Beside
from cs_engine.channels.lines import Lines, NotConnected
from tests.doubles.loopback import Loopback, dead_port, reset

OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
Answers = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Raw(Loopback):
    """Answers each request with what `answers` writes."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._context = context
        self.connections = 0
        self.heard: list[bytes] = []
        self.answers: Answers = says(OK)

    async def _serve(self) -> int:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heard.append(head + await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2])))
                await self.answers(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _stop(self) -> None:
        self._server.close()


def says(*pieces: bytes, each: float = 0.0, then: str = "") -> Answers:
    """Writes these pieces; `then`: "close" or "reset" the connection."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(each)
        if then == "close":
            writer.close()
        elif then == "reset":
            reset(writer.transport)

    return answer


@pytest.fixture
def server() -> Iterator[Raw]:
    with Raw() as raw:
        yield raw


@pytest.fixture
def post(server: Raw) -> Iterator[Callable[..., list[Any]]]:
    """Posts these bodies one after another, over one line as long as it holds: statuses, and the kinds of what was raised."""

    async def opened() -> Lines:
        return Lines(f"http://127.0.0.1:{server.port}/v3/mail/send", 2, 0.3, {"Authorization": "Bearer k"})

    beside = Beside("lines", opened, Lines.close)

    async def work(lines: Lines, bodies: tuple[bytes, ...]) -> list[Any]:
        said: list[Any] = []
        for body in bodies:
            line = await lines.take()
            try:
                said.append((await line.post(body)).status)
            except Exception as error:  # noqa: BLE001 - its kind is what is looked at
                said.append(type(error))
            finally:
                lines.give(line)
        return said

    yield lambda *bodies: beside.run(lambda lines: work(lines, bodies))
    beside.close()


def test_a_request_says_where_it_goes_and_how_long_it_is(server: Raw, post: Callable[..., list[Any]]) -> None:
    assert post(b'{"a": 1}') == [202]
    (heard,) = server.heard
    first, *fields = heard.removesuffix(b'\r\n\r\n{"a": 1}').split(b"\r\n")
    assert first == b"POST /v3/mail/send HTTP/1.1"
    assert {b"Host: 127.0.0.1:%d" % server.port, b"Authorization: Bearer k", b"Content-Length: 8"} <= set(fields)


def test_a_line_is_kept_for_the_next_request(server: Raw, post: Callable[..., list[Any]]) -> None:
    assert post(b"1", b"2" * 3_000_000, b"3") == [202] * 3
    assert server.connections == 1
    assert [len(heard.partition(b"\r\n\r\n")[2]) for heard in server.heard] == [1, 3_000_000, 1]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (says(then="close"), ConnectionError),
        (says(then="reset"), ConnectionResetError),
        (says(b"HTTP/1.1 20", then="close"), ConnectionError),
        (says(), TimeoutError),
        (says(b"H", b"T", b"T", b"P", b"/", b"1", b".", b"1", b" ", each=0.1), TimeoutError),
        (says(OK[:-2], b"\r\n", each=0.05), 202),
        (says(b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nab", then="close"), 202),
        (says(b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nab"), 202),
        (says(OK.replace(b"Content", b"Connection: close\r\nContent")), 202),
        (says(OK + OK), 202),
    ],
)
def test_after_whatever_is_answered_nothing_of_it_is_taken_for_the_answer_to_another(
    server: Raw, post: Callable[..., list[Any]], answers: Answers, said: Any
) -> None:
    server.answers = answers
    (found,) = post(b"1")
    assert found == said or (isinstance(said, type) and issubclass(found, said))
    server.answers = says(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n")
    assert post(b"2") == [400]


def test_what_is_not_http_is_no_answer(server: Raw, post: Callable[..., list[Any]]) -> None:
    server.answers = says(b"220 mail.example ESMTP\r\n\r\n")
    (found,) = post(b"1")
    assert issubclass(found, ConnectionError)


def test_a_line_that_the_server_closed_meanwhile_is_not_used(server: Raw, post: Callable[..., list[Any]]) -> None:
    server.answers = says(OK, then="close")
    assert post(b"1") == [202]
    asyncio.run(asyncio.sleep(0.05))
    assert post(b"2") == [202]
    assert server.connections == 2


def test_where_nobody_listens_nothing_was_said() -> None:
    async def take() -> None:
        lines = Lines(f"http://127.0.0.1:{dead_port()}/", 1, 1.0, {})
        for _ in range(2):  # the room that it took is given back
            with pytest.raises(NotConnected):
                await lines.take()

    asyncio.run(take())


def certified(folder: Path, name: str) -> Path:
    """A certificate and its key, for a server of that name; nobody vouches for it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    named = x509.SubjectAlternativeName([x509.DNSName(name)])
    signed = (
        made.add_extension(named, critical=False).add_extension(x509.BasicConstraints(True, 0), critical=True).sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / f"{name}.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + secret)
    return file


@pytest.mark.parametrize(
    ("name", "believed", "taken"), [("localhost", True, True), ("localhost", False, False), ("elsewhere", True, False)]
)
def test_a_key_is_told_only_to_a_server_that_proves_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, believed: bool, taken: bool
) -> None:
    certificate = certified(tmp_path, name)
    if believed:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    module._trust.cache_clear()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def ask(port: int) -> int:
        lines = Lines(f"https://localhost:{port}/", 1, 1.0, {"Authorization": "Bearer k"})
        line = await lines.take()
        try:
            return (await line.post(b"1")).status
        finally:
            lines.give(line)
            await lines.close()

    with Raw(context) as server:
        if taken:
            assert asyncio.run(ask(server.port)) == 202
        else:
            with pytest.raises(NotConnected):
                asyncio.run(ask(server.port))
        assert len(server.heard) == taken
    module._trust.cache_clear()
