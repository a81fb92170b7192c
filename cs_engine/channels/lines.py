"""Connections over which requests of one kind are posted: HTTP/1.1, kept open, one request at a time over each.

aiohttp makes a request of parts that differ; here its head is written once, and a mail costs half the processor's time. What a client
has beside that (redirects, cookies, proxies, compression) is not here, for none of it may happen to a mail.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cs_engine.channels.answer import Answer, Malformed, Reader

if TYPE_CHECKING:
    from aiohappyeyeballs import AddrInfoType

CONNECT_WITHIN = 10.0
"""Seconds for the address, the connection and TLS over it."""
IDLE_FOR = 10.0
"""Seconds an unused connection is kept: less than servers do, for a request sent into a closing connection would be `uncertain`."""
_ADDRESS_FOR = 10.0
_NEXT_AFTER = 0.25
"""Seconds until the next address is tried beside the one that has not answered."""


class NotConnected(ConnectionError):
    """No address, no connection, no TLS: nothing was said."""


class Line(asyncio.Protocol):
    """One connection. Its loop's alone."""

    def __init__(self, head: bytes, answer_within: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._head, self._answer_within = head, answer_within
        self._transport: asyncio.Transport | None = None
        self._reader = Reader()
        self._waiting: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked_at = self._heard_at = self._loop.time()

    @property
    def is_open(self) -> bool:
        """Whether a request may be posted: the one before is answered, and the server has not hung up."""
        return self._waiting is None and self._transport is not None and not self._transport.is_closing()

    @property
    def has_rested(self) -> bool:
        """Whether it was unused for so long that the server may be about to hang up."""
        return self._loop.time() - self._heard_at > IDLE_FOR

    async def post(self, body: bytes) -> Answer:
        """Posts one request, and returns what is answered. Raises NotConnected where the line is not open, TimeoutError when the server
        falls silent, ConnectionError when it hangs up or says what is no answer. After any of these the line is closed.
        """
        transport = self._transport
        if transport is None or not self.is_open:
            raise NotConnected
        self._reader, self._waiting = Reader(), self._loop.create_future()
        self._asked_at = self._heard_at = self._loop.time()
        self._timer = self._loop.call_later(self._answer_within, self._look)
        try:
            transport.write(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
            answer = await self._waiting
        except BaseException:
            self.close()
            raise
        finally:
            self._waiting = None
            self._timer.cancel()
        if not answer.keeps:
            self.close()
        return answer

    def close(self) -> None:
        """Hangs up, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        if self._waiting is None or self._waiting.done():
            self.close()  # nobody asked; what follows would be taken for the answer to another
            return
        try:
            answer = self._reader.feed(data)
        except Malformed as error:
            self._waiting.set_exception(error)
            return
        if answer is not None:
            self._waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error if isinstance(error, ConnectionError) else ConnectionError())

    def _look(self) -> None:
        """Whether the server is silent, or drips."""
        now = self._loop.time()
        ends = min(self._heard_at + self._answer_within, self._asked_at + 2 * self._answer_within)
        if now < ends:
            self._timer = self._loop.call_at(ends, self._look)
        else:
            self._end(TimeoutError())

    def _end(self, error: Exception) -> None:
        """Nothing more comes."""
        if self._waiting is None or self._waiting.done():
            return
        answer = self._reader.end()
        if answer is not None:
            self._waiting.set_result(answer)
        else:
            self._waiting.set_exception(error)


class Lines:
    """At most `most` of them to one address. Its loop's alone; batches that post at once share them."""

    def __init__(self, url: str, most: int, answer_within: float, headers: Mapping[str, str]) -> None:
        """`answer_within`: seconds that a server may be silent once it was asked. `headers` go with every request."""
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._is_secret = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_secret else 80)
        self._made = partial(Line, _head(f"{parts.path or '/'}", parts.netloc.rpartition("@")[2], headers), answer_within)
        self._room = asyncio.Semaphore(most)
        self._free: list[Line] = []
        self._finding = asyncio.Lock()
        self._addresses: list[AddrInfoType] = []
        self._found_at = 0.0

    async def take(self) -> Line:
        """An open one, which is to be given back; waits until there is room. Raises NotConnected."""
        await self._room.acquire()
        try:
            return self._kept() or await self._connected()
        except BaseException:
            self._room.release()
            raise

    def give(self, line: Line) -> None:
        """For others, where it is still open."""
        if line.is_open:
            self._free.append(line)
        self._room.release()

    async def close(self) -> None:
        """Hangs up all that nobody has taken."""
        while self._free:
            self._free.pop().close()

    def _kept(self) -> Line | None:
        """The one that was used last."""
        while self._free:
            line = self._free.pop()
            if line.is_open and not line.has_rested:
                return line
            line.close()
        return None

    async def _connected(self) -> Line:
        from aiohappyeyeballs import start_connection

        loop, context = asyncio.get_running_loop(), _trust() if self._is_secret else None
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                raw = await start_connection(await self._found(), happy_eyeballs_delay=_NEXT_AFTER, interleave=1)
                named = self._host if context is not None else None
                _, line = await loop.create_connection(self._made, sock=raw, ssl=context, server_hostname=named)
        except Exception as error:  # whatever it was, nothing was said
            raise NotConnected from error
        return line

    async def _found(self) -> list[AddrInfoType]:
        """The addresses of the host, each time another one first. Looked up once for all that connect together."""
        async with self._finding:
            loop = asyncio.get_running_loop()
            if not self._addresses or loop.time() - self._found_at > _ADDRESS_FOR:
                self._addresses, self._found_at = _itself(self._host, self._port) or await self._looked_up(), loop.time()
            self._addresses = [*self._addresses[1:], self._addresses[0]]
            return self._addresses

    async def _looked_up(self) -> list[AddrInfoType]:
        found: list[Any] = await asyncio.get_running_loop().getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return found


def _itself(host: str, port: int) -> list[Any]:
    """A host that is an address; [] for a name. It needs no thread to look it up, which a process that ends has none for."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, ValueError):
        return []


def _head(path: str, host: str, headers: Mapping[str, str]) -> bytes:
    """All of a request but its length and its body."""
    fields = {"Host": host, "User-Agent": "cs-engine", "Accept": "*/*", **headers}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "Content-Length: "]
    return "\r\n".join(lines).encode("ascii")


@cache
def _trust() -> ssl.SSLContext:
    """Whose certificates are believed: the system's. Reading them costs 60 ms, once."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
