"""E-mail through SendGrid's v3 API: the payload by the vendor's Mail helper, posted through one pooled client.

The vendor's own client opens a connection for every mail and has no time-out. Its helper knows the payload, and builds once what letters
of one kind share: 100 µs a mail otherwise.
SendGrid has no idempotency key: what may have been taken is never sent again here.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson

from cs_engine.channels.addressing import ascii_domain, copies, one_line, refused, unaddressable, whole
from cs_engine.channels.beside import Beside
from cs_engine.channels.door import Batch, Door
from cs_engine.channels.mime import MESSAGE_ID
from cs_engine.channels.pool import checked_key, checked_url, client, come_again, lost
from cs_engine.channels.sendgrid_log import SendgridLog
from cs_engine.errors import SettingsError
from cs_engine.ports import Holds, Letter, Outcome, Parcel, Person, Trace, always

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

CUSTOM_ARG = "cs_message_id"
"""Comes back as a top-level key of the vendor's events."""

_ANSWER_WITHIN = 30.0
_LARGE_BODY = 1 << 20
_LONGEST_CATEGORY = 255
_NOT_OURS = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
"""Headers that the vendor refuses."""


class _Meaning(NamedTuple):
    """What a status means for the message, and whether it means the same for the rest of the batch."""

    kind: Literal["accepted", "rejected", "retry", "uncertain"]
    code: str = ""
    all_alike: bool = False
    mend: str = ""


# Only what is proven not to have been taken is a retry. A 4xx proves it; whether the message or the set-up is at fault
# decides between rejected and retry. A 5xx proves nothing, 503 included: the mail may lie in a queue behind it.
_MEANINGS: Mapping[int, _Meaning] = {
    202: _Meaning("accepted"),
    401: _Meaning("retry", "auth", True, "set SENDGRID_API_KEY to a key that is alive"),
    403: _Meaning("retry", "forbidden", False, "give the API key the permission Mail Send, and verify the senders' addresses or domain"),
    404: _Meaning(
        "retry", "endpoint", True, "set SENDGRID_BASE_URL to the API's address, https://api.sendgrid.com or https://api.eu.sendgrid.com"
    ),
    405: _Meaning(
        "retry", "endpoint", True, "set SENDGRID_BASE_URL to the API's address, https://api.sendgrid.com or https://api.eu.sendgrid.com"
    ),
    408: _Meaning("retry", "request_timeout"),
    429: _Meaning("retry", "rate_limited"),
}


def _meaning(status: int) -> _Meaning:
    if (known := _MEANINGS.get(status)) is not None:
        return known
    if 300 <= status < 400:
        return _Meaning("retry", "endpoint", True, "SENDGRID_BASE_URL answers with a redirect; set it to where that leads")
    return _Meaning("rejected" if 400 <= status < 500 else "uncertain", str(status))


class _Way(NamedTuple):
    """What is kept in the loop."""

    session: aiohttp.ClientSession
    room: asyncio.Semaphore
    """One for each connection, taken for as long as somebody has something to post over it."""
    knocking: asyncio.Lock
    """Held by the one parcel that is risked while the vendor has not been heard."""


class SendgridChannel:
    """`build` takes a Letter. One recipient a request, so that an address the vendor refuses harms nobody else."""

    name = "sendgrid"

    def __init__(
        self, api_key: str, base_url: str = "https://api.sendgrid.com", *, concurrency: int = 32, answer_within: float = _ANSWER_WITHIN
    ) -> None:
        """`concurrency`: requests, and connections, at once. `answer_within`: seconds until a silent request is `uncertain`.

        Raises SettingsError for a key or address that cannot be one.
        """
        if concurrency < 1:
            raise SettingsError("SendGrid's concurrency is less than 1")
        key = checked_key(api_key, "SENDGRID_API_KEY")
        base = checked_url(base_url, "SENDGRID_BASE_URL")
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        async def opened() -> _Way:
            return _Way(await client(concurrency, answer_within, headers), asyncio.Semaphore(concurrency), asyncio.Lock())

        self._concurrency = concurrency
        self._url, self._log = f"{base}/v3/mail/send", SendgridLog(base, CUSTOM_ARG)
        self._way = Beside(self.name, opened, lambda way: way.session.close())
        self._door = Door()
        self._said: set[int] = set()
        """Statuses already complained of in this batch."""

    @staticmethod
    def build(outgoing: Letter) -> Parcel:
        """The request's body. Pure. Opens and clicks are not tracked; categories are playbook and topic: no personal data."""
        return unaddressable(outgoing) or Parcel(outgoing.id, orjson.dumps(_payload(outgoing)))

    def send(self, parcels: Sequence[Parcel], holds: Holds = always) -> list[Outcome]:
        """Posts all, `concurrency` at a time; one outcome a parcel, in order. Batches that threads send at once share the connections:
        one begins as those of another are free.

        A 429 or a refused key speaks for those that come after it: they are returned as `retry` without being sent.
        """
        return self._way.run(lambda way: self._post_all(way, parcels, holds)) if parcels else []

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Outcome]:  # noqa: ARG002  the protocol's
        """Nothing: SendGrid cannot be asked by our id. Its event webhook tells, or its log: see `search`."""
        return {}

    def search(self, traces: Sequence[Trace]) -> Mapping[str, Outcome]:
        """`accepted` for those that stand in the vendor's log; a few at a time, for it may be asked a few times a minute only."""
        return self._way.run(lambda way: self._log.find(way.session, traces)) if traces else {}

    def close(self) -> None:
        self._way.close()

    async def _post_all(self, way: _Way, parcels: Sequence[Parcel], holds: Holds) -> list[Outcome]:
        batch = self._door.new_batch(asyncio.get_running_loop().time(), holds)
        self._said.clear()
        outcomes: list[Outcome | None] = [None] * len(parcels)
        queue = iter(enumerate(parcels))
        async with way.knocking:
            if not self._door.heard:
                await self._work(way, batch, queue, outcomes, knocking=True)
        workers = min(self._concurrency, len(parcels))
        # Workers draw from one iterator: no semaphore, no task a mail.
        await asyncio.gather(*(self._work(way, batch, queue, outcomes) for _ in range(workers)))
        return [outcome for outcome in outcomes if outcome is not None]

    async def _work(
        self, way: _Way, batch: Batch, queue: Iterator[tuple[int, Parcel]], outcomes: list[Outcome | None], *, knocking: bool = False
    ) -> None:
        """Posts what it draws from the queue, once there is room; when `knocking`, until the vendor has answered."""
        clock = asyncio.get_running_loop().time
        async with way.room:
            for index, parcel in queue:
                outcome = refused(parcel) or self._door.closed(parcel.id, clock(), batch)
                outcomes[index] = outcome or self._door.learned(await self._post(way.session, parcel), clock())
                if knocking and self._door.heard:
                    return

    async def _post(self, session: aiohttp.ClientSession, parcel: Parcel) -> Outcome:
        body = parcel.body if len(parcel.body) < _LARGE_BODY else io.BytesIO(parcel.body)
        try:
            async with session.post(self._url, data=body, allow_redirects=False) as response:
                return await self._read(parcel.id, response)
        except Exception as error:  # noqa: BLE001  see `lost`: nothing may cost the others their outcomes
            return lost(parcel.id, error)

    async def _read(self, id: str, response: aiohttp.ClientResponse) -> Outcome:
        meaning = _meaning(response.status)
        if meaning.kind == "accepted":
            return Outcome(id, "accepted", provider_id=response.headers.get("X-Message-Id", ""))
        if response.status == 429:
            return self._door.limited(id, asyncio.get_running_loop().time(), come_again(response.headers))
        if meaning.mend:
            if meaning.all_alike:
                self._door.shut(meaning.code)
            if response.status not in self._said:
                self._said.add(response.status)
                log.error("SendGrid answered %d: nothing was taken and it will be tried again. mend: %s", response.status, meaning.mend)
        code = await _code(response) if meaning.kind == "rejected" else meaning.code
        return Outcome(id, meaning.kind, code, blameless=bool(meaning.mend), nobody=_TO.fullmatch(code) is not None)


def _payload(letter: Letter) -> dict[str, Any]:
    """What every letter of its kind has alike comes from the vendor's helper, once; the letter's own words are put in."""
    personalization: dict[str, Any] = {"to": [_who(letter.to)]}
    if copied := [_who(person) for person in copies(letter)]:
        personalization["cc"] = copied
    headers = {one_line(name): one_line(value) for name, value in letter.headers.items() if name.lower() not in _NOT_OURS}
    return {
        **_alike(letter.sender, letter.reply_to, letter.topic, letter.playbook),
        "personalizations": [personalization],
        "subject": one_line(letter.subject) or " ",
        "content": [
            {"type": "text/plain", "value": whole(letter.text) or " "},
            {"type": "text/html", "value": whole(letter.html) or " "},
        ],
        "headers": {**headers, MESSAGE_ID: letter.id},
        "custom_args": {CUSTOM_ARG: letter.id},
    }


def _who(person: Person) -> dict[str, str]:
    address, name = ascii_domain(person.email), one_line(person.name)
    return {"email": address, "name": name} if name else {"email": address}


@lru_cache(maxsize=1024)
def _alike(sender: Person, reply_to: Person | None, topic: str, playbook: str) -> Mapping[str, Any]:
    helper = _helper()
    mail = helper.Mail(from_email=helper.From(ascii_domain(sender.email), one_line(sender.name) or None))
    if reply_to is not None:
        mail.reply_to = helper.ReplyTo(ascii_domain(one_line(reply_to.email)), one_line(reply_to.name) or None)
    for category in dict.fromkeys(one_line(word)[:_LONGEST_CATEGORY] for word in (topic, playbook) if word):
        mail.add_category(helper.Category(category))
    mail.tracking_settings = _no_tracking()
    payload: dict[str, Any] = mail.get()
    return payload


@cache
def _helper() -> Any:
    from sendgrid.helpers import mail  # type: ignore[import-untyped]  # the vendor ships no types

    return mail


@cache
def _no_tracking() -> Any:
    # CNIL 2026: open pixels generally need consent. Said in every request, for the account's own default may be on.
    helper = _helper()
    return helper.TrackingSettings(
        click_tracking=helper.ClickTracking(False, False),
        open_tracking=helper.OpenTracking(False),
        subscription_tracking=helper.SubscriptionTracking(False),
    )


_TO = re.compile(r"400:personalizations[.\[]\d+\]?\.to\b.*")
"""The code of a letter whose recipient SendGrid does not take."""


async def _code(response: aiohttp.ClientResponse) -> str:
    """`400:personalizations.0.to.0.email`: the status, and the field that the vendor names. Its message may hold an address: not kept."""
    try:
        field = json.loads(await response.read())["errors"][0]["field"]
    except Exception:  # noqa: BLE001  the status has said enough: whatever the body is, the mail was refused
        field = None
    named = isinstance(field, str) and field != "null" and re.fullmatch(r"[A-Za-z0-9_.\[\]-]{1,100}", field)
    return f"{response.status}:{field}" if named else str(response.status)
