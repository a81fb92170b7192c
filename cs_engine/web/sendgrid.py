"""What SendGrid tells of mails: its event webhook. Answered once the whole batch is kept, and never a moment before."""

from __future__ import annotations

import logging

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from cs_engine.channels.sendgrid_events import NotABatch, Unsigned
from cs_engine.errors import LostRace
from cs_engine.instants import to_micros
from cs_engine.web.body import TooLarge, body
from cs_engine.web.house import Events, House

log = logging.getLogger(__name__)

MOST_BYTES = 4 << 20
"""Of one batch; SendGrid's hold 768 KB."""

_AT_ONCE = 2
"""Batches read and kept at a time: one reads while the other waits for the disk."""
_MOST_WAITING = 32
_MOST_RACES = 3
_COME_AGAIN = {"Retry-After": "30"}


class SendgridEvents:
    """The endpoint of SendGrid's event webhook.

    | | |
    |---|---|
    | kept, or all of it known | 200 |
    | not signed by SendGrid: forged, cut off, written anew, no signature | 401 |
    | signed, and no JSON array | 403 |
    | no key is set | 404 |
    | over 4 MB | 413 |
    | the database is locked, full or away; too many at once | 503: SendGrid tries again, for a day |
    """

    def __init__(self, house: House) -> None:
        self._house, self._limit, self._waiting = house, CapacityLimiter(_AT_ONCE), 0

    async def take(self, request: Request) -> Response:
        events = self._house.events
        if events is None:
            return PlainTextResponse("SENDGRID_WEBHOOK_PUBLIC_KEY is not set\n", 404)
        try:
            raw = await body(request, MOST_BYTES)
        except TooLarge:
            return PlainTextResponse("too large\n", 413)
        if self._waiting >= _MOST_WAITING:
            return PlainTextResponse("busy\n", 503, headers=_COME_AGAIN)
        self._waiting += 1
        try:
            await run_sync(self._keep, events, dict(request.headers), raw, limiter=self._limit)
        except Unsigned:
            return PlainTextResponse("not signed by SendGrid\n", 401)
        except NotABatch:
            return PlainTextResponse("no batch of events\n", 403)
        except Exception as error:  # noqa: BLE001 - whatever the database has: SendGrid keeps the batch, and comes again
            log.error("a batch of SendGrid's was not kept: %s", type(error).__name__)  # noqa: TRY400 - a trace could quote it
            return PlainTextResponse("not kept\n", 503, headers=_COME_AGAIN)
        finally:
            self._waiting -= 1
        return Response()

    def _keep(self, events: Events, headers: dict[str, str], raw: bytes) -> None:
        received = events.reader.read(headers, raw, to_micros(self._house.clock.now()))
        for again in reversed(range(_MOST_RACES if received else 0)):
            try:
                events.store.receive(received)
            except LostRace:  # to another batch with the same events
                if not again:
                    raise
            else:
                return
