"""Webhooks: a small JSON to another system, signed as standardwebhooks.com has it, so that receivers verify it with a library.

    webhook-id: msg_…            the message's id; the same however often it is posted, and Idempotency-Key too
    webhook-timestamp: 1767225600
    webhook-signature: v1,<base64 of HMAC-SHA256 over "id.timestamp.body">   one a key, newest first, separated by blanks

It goes to addresses of the Internet alone, and to what project.yaml allows: names are resolved here, for each connection, and what
was looked at is what is connected to. No redirect is followed, no proxy used.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cs_engine.channels.addressing import whole
from cs_engine.channels.door import Door
from cs_engine.channels.pool import Pool, come_again, lost
from cs_engine.errors import SettingsError
from cs_engine.playbook.endpoints import Allowed, wrong_url
from cs_engine.ports import Call, Holds, Outcome, Parcel, always

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver, ResolveResult

_ANSWER_WITHIN = 15.0
_AT_ONCE = 16
_SECRET = "whsec_"  # noqa: S105  the prefix that receivers' libraries know
_NOT_TAKEN = frozenset({408, 425, 429})
"""Besides 5xx: come again."""


class AddressRefused(Exception):
    """A host's name stands for an address that webhooks may not reach."""


class WebhookChannel:
    """`build` takes a Call. Hosts do not wait for each other, nor fail with each other."""

    name = "https"

    def __init__(
        self,
        keys: Sequence[bytes],
        *,
        allow: Collection[str] = (),
        answer_within: float = _ANSWER_WITHIN,
        wall: Callable[[], float] = time.time,
        look_up: Callable[[], AbstractResolver] | None = None,
    ) -> None:
        """`keys`: what it signs with, newest first. `allow`: one's own hosts and networks, which may be private. `wall`: seconds since
        1970, for the signature. `look_up` makes the resolver whose answers are looked at; default: the system's.
        """
        if not keys:
            raise SettingsError("webhooks have no key to be signed with", "set CS_ENGINE_WEBHOOK_SECRET")
        self._keys, self._wall = tuple(keys), wall
        self._allowed = allowed = Allowed.of(allow)
        self._pool = Pool(self.name, _AT_ONCE, answer_within, {"User-Agent": "cs-engine"}, lambda: _guarded(allowed, look_up))
        self._doors: dict[str, Door] = {}
        self._holds: Holds = always

    @staticmethod
    def build(outgoing: Call) -> Parcel:
        """The JSON. Pure; it is signed when it is posted, for the signature holds the time."""
        body = whole(json.dumps(dict(outgoing.said), ensure_ascii=False, separators=(",", ":"))).encode()
        return Parcel(outgoing.id, body, {"url": outgoing.url})

    def send(self, parcels: Sequence[Parcel], holds: Holds = always) -> list[Outcome]:
        """Posts all, many at a time; one outcome a parcel, in order. A host that limits us or is not there holds back its own alone."""
        return self._pool.run(lambda session: self._post_all(session, parcels, holds)) if parcels else []

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Outcome]:  # noqa: ARG002  the protocol's
        """Nothing: receivers cannot be asked. They know a call that comes twice by its id."""
        return {}

    def close(self) -> None:
        self._pool.close()

    async def _post_all(self, session: aiohttp.ClientSession, parcels: Sequence[Parcel], holds: Holds) -> list[Outcome]:
        self._holds = holds
        for door in self._doors.values():
            door.new_batch(asyncio.get_running_loop().time(), holds)
        outcomes: list[Outcome | None] = [None] * len(parcels)
        queue = iter(enumerate(parcels))
        await asyncio.gather(*(self._work(session, queue, outcomes) for _ in range(min(_AT_ONCE, len(parcels)))))
        return [outcome for outcome in outcomes if outcome is not None]

    async def _work(self, session: aiohttp.ClientSession, queue: Iterator[tuple[int, Parcel]], outcomes: list[Outcome | None]) -> None:
        clock = asyncio.get_running_loop().time
        for index, parcel in queue:
            url = parcel.meta["url"]
            if wrong_url(url, self._allowed) is not None:
                outcomes[index] = Outcome(parcel.id, "rejected", "address_refused")
                continue
            door = self._door(urlsplit(url).netloc.lower(), clock())
            closed = door.closed(parcel.id, clock())
            outcomes[index] = closed or _counted(door.learned(await self._post(session, parcel, url, door), clock()))

    def _door(self, host: str, now: float) -> Door:
        if host not in self._doors:
            self._doors[host] = Door()
            self._doors[host].new_batch(now, self._holds)
        return self._doors[host]

    async def _post(self, session: aiohttp.ClientSession, parcel: Parcel, url: str, door: Door) -> Outcome:
        try:
            headers = signed(self._keys, parcel.id, int(self._wall()), parcel.body)
            async with session.post(url, data=parcel.body, headers=headers, allow_redirects=False) as response:
                return self._read(parcel.id, response, door)
        except AddressRefused:
            return Outcome(parcel.id, "rejected", "address_refused")
        except Exception as error:  # noqa: BLE001  see `lost`: nothing may cost the others their outcomes
            return lost(parcel.id, error)

    def _read(self, id: str, response: aiohttp.ClientResponse, door: Door) -> Outcome:
        """What a status means. The body is not read: it may hold anything."""
        status = response.status
        if 200 <= status < 300:
            return Outcome(id, "accepted", provider_id=id)
        if status == 429:
            return door.limited(id, asyncio.get_running_loop().time(), come_again(response.headers))
        if status in _NOT_TAKEN or status >= 500:
            return Outcome(id, "retry", str(status), retry_after=come_again(response.headers))
        return Outcome(id, "rejected", "redirect" if 300 <= status < 400 else str(status))


def signed(keys: Sequence[bytes], id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers of a call. `at`: seconds since 1970."""
    said = f"{id}.{at}.".encode() + body
    signatures = (base64.b64encode(hmac.new(key, said, hashlib.sha256).digest()).decode() for key in keys)
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": id,
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def read_keys(text: str) -> list[bytes]:
    """Keys as `whsec_` and base64, newest first, separated by commas. Raises SettingsError, never showing them."""
    keys = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        try:
            keys.append(base64.b64decode(re.sub(f"^{_SECRET}", "", part), validate=True))
        except (binascii.Error, ValueError):
            keys.append(b"")
    if not keys or any(len(key) < 16 for key in keys):
        raise SettingsError(
            "CS_ENGINE_WEBHOOK_SECRET has a key that is no base64 of 16 bytes or more",
            "make one: python3 -c 'import base64, secrets; print(\"whsec_\" + base64.b64encode(secrets.token_bytes(32)).decode())'",
        )
    return keys


def derived_key(secret: str) -> bytes:
    """The key of webhooks that is made of one of CS_ENGINE_SECRET_KEYS: it tells nothing of that one."""
    return hmac.new(secret.encode(), b"cs-engine webhook", hashlib.sha256).digest()


def _counted(outcome: Outcome) -> Outcome:
    """A host that is not there is this call's own trouble: its attempts count, or it would be tried for ever."""
    return outcome._replace(blameless=False) if outcome.code == "no_connection" else outcome


def _guarded(allowed: Allowed, look_up: Callable[[], AbstractResolver] | None) -> AbstractResolver:
    """A resolver that answers with addresses that webhooks may reach, or raises AddressRefused."""
    from aiohttp.abc import AbstractResolver
    from aiohttp.resolver import ThreadedResolver

    inner = (look_up or ThreadedResolver)()

    class Guarded(AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
            found = await inner.resolve(host, port, family)
            # All of them: a name that stands for both kinds is somebody's attempt to get in.
            if any(allowed.refuses(host, one["host"]) for one in found):
                raise AddressRefused
            return found

        async def close(self) -> None:
            await inner.close()

    return Guarded()
