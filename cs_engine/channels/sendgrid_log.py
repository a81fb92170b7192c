"""SendGrid's own record of what it took (Email Logs): what a mail whose fate is unknown is looked for in.

The log is searched by playbook and time, for all doubts at once, and where that would be more than it lists by recipient too. It answers
with ids of the vendor's; each is opened for the id that we gave it. It may lag behind, so that what is not in there may have been taken
all the same.

How often it may be asked, its answers say (X-RateLimit-Limit, -Remaining, -Reset); where they do not, no more than the vendor documents
for the older of its two logs, which documents a number. A 429 is believed, and waited out twice as long each time.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cs_engine.channels.addressing import ascii_domain
from cs_engine.channels.pool import come_again
from cs_engine.clock import SystemClock
from cs_engine.ports import Outcome, Trace

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

_Entry = dict[str, Any]

REQUESTS, SPAN = 6, 60.0
"""So many requests in so many seconds, unless the answers say how many. What is left over is asked for another time."""
MOST = 100
"""Requests of one run, whatever is allowed: it waits for them."""
LISTED = 1_000
"""Entries that one search lists at most."""
OPENED = 4
"""How many entries of one search are opened, the newest first."""
_LONGEST_REST = 900.0
"""Seconds after which it is asked again, however often it said 429."""
_BACK = timedelta(hours=48)
"""How far a search goes back: longer than any doubt lasts."""


class SendgridLog:
    """For one process. A key that may not read the log, or an account without one, is asked once."""

    def __init__(self, base_url: str, our_id: str) -> None:
        """`our_id`: the custom argument that holds our message's id."""
        self._url, self._our_id = f"{base_url}/v3/logs", our_id
        self._allowance = _Allowance()
        self._shut = False

    async def find(self, session: aiohttp.ClientSession, traces: Sequence[Trace]) -> dict[str, Outcome]:
        """Those that are in there, as `accepted`; of the others nothing is known."""
        self._allowance.begin()
        mixed = random.sample(traces, len(traces))  # each has its turn some time, whatever process asks
        wanted, found = {trace.id for trace in traces}, dict[str, Outcome]()
        listed, whole = await self._together(session, mixed) if len(mixed) > 1 and self._may(2) else ({}, False)
        for trace in mixed:
            if trace.id in found:
                continue
            entries = listed.get(_address(trace), [])
            if not entries and not whole and self._may(2) and (query := query_for(trace)) is not None:
                entries = await self._search(session, query, 50)
            found |= await self._opened(session, entries, wanted)
        return found

    async def _together(self, session: aiohttp.ClientSession, traces: Sequence[Trace]) -> tuple[dict[str, list[_Entry]], bool]:
        """(address -> entries of the playbooks of these, whether they are all that there are)."""
        query = query_of(sorted({trace.playbook for trace in traces}))
        if query is None:
            return {}, False
        entries = await self._search(session, query, LISTED)
        by_address: dict[str, list[_Entry]] = defaultdict(list)
        for entry in entries:
            by_address[str(entry.get("to_email", "")).lower()].append(entry)
        return by_address, len(entries) < LISTED and not self._shut and self._allowance.answered

    async def _search(self, session: aiohttp.ClientSession, query: str, limit: int) -> list[_Entry]:
        """Entries, the newest first."""
        listed = await self._ask(session.post(self._url, data=json.dumps({"query": query, "limit": limit}), allow_redirects=False))
        entries = [entry for entry in _list(listed, "messages") if isinstance(entry.get("sg_message_id"), str)]
        return sorted(entries, key=lambda entry: str(entry.get("sg_message_id_created_at", "")), reverse=True)

    async def _opened(self, session: aiohttp.ClientSession, entries: Sequence[_Entry], wanted: set[str]) -> dict[str, Outcome]:
        """Those of our messages that the newest of these entries are."""
        found: dict[str, Outcome] = {}
        for entry in entries[:OPENED]:
            if not self._may(1):
                break
            theirs = entry["sg_message_id"]
            opened = await self._ask(session.get(f"{self._url}/{quote(theirs, safe='')}", allow_redirects=False))
            arguments = opened.get("custom_args")
            ours = arguments.get(self._our_id) if isinstance(arguments, dict) else None
            if isinstance(ours, str) and ours in wanted:
                found[ours] = Outcome(ours, "accepted", provider_id=theirs.partition(".")[0])
        return found

    async def _ask(self, request: Any) -> Mapping[str, Any]:
        """An answer's JSON; {} when there is none, and nothing more is asked where that would be in vain."""
        try:
            async with request as response:
                self._allowance.heard(response.status, response.headers)
                if response.status == 200:
                    said = json.loads(await response.read())
                    return said if isinstance(said, dict) else {}
                self._shut = response.status != 429
                if response.status in (401, 403, 404):
                    log.warning(
                        "SendGrid's log cannot be read (%d): uncertain mails are resolved by its events and by their policy alone. "
                        "mend: give the API key the permission to read Email Logs",
                        response.status,
                    )
        except Exception as error:  # noqa: BLE001 - a log that cannot be asked says nothing; its text may quote an address
            log.info("SendGrid's log did not answer: %s", type(error).__name__)
            self._shut = True
        return {}

    def _may(self, requests: int) -> bool:
        return not self._shut and self._allowance.room() >= requests


class _Allowance:
    """How often the log may be asked, by the loop's clock: what its answers say, else REQUESTS in SPAN."""

    def __init__(self) -> None:
        self._asked: deque[float] = deque()
        self._left: int | None = None
        """What the last answer that said so left us, until then:"""
        self._renewed = 0.0
        self._not_before, self._refused = 0.0, 0
        self._most = MOST
        self.answered = True
        """Whether the last answer was one."""

    def begin(self) -> None:
        """A run begins."""
        self._most = MOST

    def heard(self, status: int, headers: Mapping[str, str]) -> None:
        """An answer has come."""
        now = asyncio.get_running_loop().time()
        self._asked.append(now)
        self._most -= 1
        self.answered = status == 200
        left, reset = headers.get("X-RateLimit-Remaining", "").strip(), come_again(headers)
        if left.isascii() and left.isdigit() and reset is not None:
            self._left, self._renewed = int(left), now + reset
        if status == 429:
            rest = min(SPAN * 2**self._refused, _LONGEST_REST)
            self._not_before, self._refused = now + max(rest if reset is None else reset, 1.0), self._refused + 1
        else:
            self._refused = 0

    def room(self) -> int:
        """How many requests may be made now."""
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            return 0
        if self._left is not None and now < self._renewed:
            return min(self._left, self._most)
        self._left = None
        while self._asked and self._asked[0] <= now - SPAN:
            self._asked.popleft()
        return min(REQUESTS - len(self._asked), self._most)


def query_for(trace: Trace) -> str | None:
    """The search for a message's traces; None for an address that cannot stand in one."""
    address = ascii_domain(trace.to)
    if not address or '"' in address or "\\" in address or not address.isprintable():
        return None
    conditions = [f'to_email = "{address}"', _lately()]
    if trace.playbook and "'" not in trace.playbook:
        conditions.append(f"categories IN ('{trace.playbook}')")
    return " AND ".join(conditions)


def query_of(playbooks: Sequence[str]) -> str | None:
    """The search for all that was sent of these lately; None where one of them cannot stand in it."""
    if not all(playbook and "'" not in playbook and "\\" not in playbook for playbook in playbooks):
        return None
    listed = "', '".join(playbooks)
    return f"{_lately()} AND categories IN ('{listed}')"


def _lately() -> str:
    since = (SystemClock().now() - _BACK).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f'sg_message_id_created_at > TIMESTAMP "{since}"'


def _address(trace: Trace) -> str:
    return ascii_domain(trace.to).lower()


def _list(said: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = said.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
