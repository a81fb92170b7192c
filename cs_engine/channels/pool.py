"""One pooled HTTP client behind plain calls, and what a failed request proves: whether it can have been taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cs_engine.channels.beside import Beside
from cs_engine.clock import SystemClock
from cs_engine.errors import SettingsError
from cs_engine.ports import Outcome

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

_CONNECT_WITHIN = 10.0
_IDLE_FOR = 10.0
"""Seconds an unused connection is kept: less than servers do, for a request sent into a closing connection would be `uncertain`."""
_LONGEST_WAIT, _LONGEST_SKEWED_WAIT = 86_400.0, 3_600.0
"""Seconds that a server may make us wait, by its own clock and by ours."""
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class Pool(Beside["aiohttp.ClientSession"]):
    """A client of at most `connections` connections, in a loop of its own."""

    def __init__(
        self,
        name: str,
        connections: int,
        answer_within: float,
        headers: Mapping[str, str] | None = None,
        resolver: Callable[[], AbstractResolver] | None = None,
    ) -> None:
        """As `client` says."""
        super().__init__(name, lambda: client(connections, answer_within, headers, resolver), lambda session: session.close())


async def client(
    connections: int,
    answer_within: float,
    headers: Mapping[str, str] | None = None,
    resolver: Callable[[], AbstractResolver] | None = None,
) -> aiohttp.ClientSession:
    """`answer_within`: seconds that a server may be silent once the request has left. `headers` go with every request. `resolver`
    makes what says which addresses a host's name stands for: asked for each connection, and only those are connected to.
    """
    import aiohttp

    return aiohttp.ClientSession(
        # The connector verifies with aiohttp's one context: loading the CA bundle costs 60 ms, once.
        connector=aiohttp.TCPConnector(
            limit=connections,
            keepalive_timeout=_IDLE_FOR,
            resolver=None if resolver is None else resolver(),
            use_dns_cache=resolver is None,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        # Connecting and reading are timed apart, so that a failure tells whether the request had left; `total` ends a drip.
        timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_WITHIN, sock_read=answer_within, total=_CONNECT_WITHIN + 2 * answer_within),
    )


def lost(id: str, error: Exception) -> Outcome:
    """What a request that failed without an answer proves: `retry` when it surely never left, else `uncertain`."""
    import aiohttp

    # No address, no connection, no TLS: nothing was said yet.
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL):
        return Outcome(id, "retry", "no_connection", blameless=True)
    if isinstance(error, TimeoutError):
        return Outcome(id, "uncertain", "timeout")
    if isinstance(error, aiohttp.ClientError | OSError):
        return Outcome(id, "uncertain", "connection_lost")
    # A failure nobody foresaw must not cost the others of the batch their outcomes; its text may name people, its type does not.
    return Outcome(id, "uncertain", type(error).__name__)


def come_again(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds until a server that limits us wants to see us again; None when it does not say, or nothing that can be believed.

    Retry-After in seconds or as a date, else X-RateLimit-Reset in seconds since 1970. Dates are read by the server's own clock, which
    its answer tells (Date): ours may be wrong. Without it by ours (`now`, in seconds since 1970), and then within an hour only.
    """
    said = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,5}(\.\d+)?", said):
        return float(said)
    reset = headers.get("X-RateLimit-Reset", "").strip()
    at = _date(said) or (float(reset) if re.fullmatch(r"\d{9,11}(\.\d+)?", reset) else None)
    if at is None:
        return None
    if (theirs := _date(headers.get("Date", ""))) is not None:
        return max(0.0, at - theirs) if at - theirs <= _LONGEST_WAIT else None
    wait = at - (SystemClock().now().timestamp() if now is None else now)
    return wait if 0 <= wait <= _LONGEST_SKEWED_WAIT else None


def _date(text: str) -> float | None:
    """An HTTP date as seconds since 1970."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def checked_url(url: str, setting: str) -> str:
    """The base URL without its closing slash. Raises SettingsError unless it is https://, or http:// to this machine."""
    parts = urlsplit(url.strip())
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        raise SettingsError(f"{setting} is no https:// address: the key would travel in the clear", f"set {setting} to https://…")
    return url.strip().rstrip("/")


def checked_key(key: str, setting: str) -> str:
    """The key without blanks around it. Raises SettingsError, never showing it, when it is empty or cannot stand in a header."""
    key = key.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise SettingsError(f"{setting} is empty" if not key else f"{setting} holds characters that no key has", f"set {setting} anew")
    return key
