"""SendGrid's own record of what it took (Email Logs): what a mail whose fate is unknown is looked for in.

The log is searched by recipient, playbook and time, and answers with ids of the vendor's; each is opened for the id that we gave it. It
may lag behind, so that what is not in there may have been taken all the same.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cs_engine.channels.addressing import ascii_domain
from cs_engine.clock import SystemClock
from cs_engine.ports import Outcome, Trace

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

REQUESTS, SPAN = 6, 60.0
"""So many requests in so many seconds: what the vendor gives the older of its two logs. What is left over is asked for another time."""
OPENED = 4
"""How many entries of one search are opened, the newest first."""
_BACK = timedelta(hours=48)
"""How far a search goes back: longer than any doubt lasts."""


class SendgridLog:
    """For one process. A key that may not read the log, or an account without one, is asked once."""

    def __init__(self, base_url: str, our_id: str) -> None:
        """`our_id`: the custom argument that holds our message's id."""
        self._url, self._our_id = f"{base_url}/v3/logs", our_id
        self._asked: deque[float] = deque()
        self._shut = False

    async def find(self, session: aiohttp.ClientSession, traces: Sequence[Trace]) -> dict[str, Outcome]:
        """Those that are in there, as `accepted`; of the others nothing is known."""
        found: dict[str, Outcome] = {}
        for trace in random.sample(traces, len(traces)):  # each has its turn some time, whatever process asks
            if self._shut or self._room() < 2:
                break
            if trace.id not in found:
                found |= await self._of_recipient(session, trace, {other.id for other in traces})
        return found

    async def _of_recipient(self, session: aiohttp.ClientSession, trace: Trace, wanted: set[str]) -> dict[str, Outcome]:
        if (query := query_for(trace)) is None:
            return {}
        listed = await self._ask(session.post(self._url, data=json.dumps({"query": query, "limit": 50}), allow_redirects=False))
        entries = [entry for entry in _list(listed, "messages") if isinstance(entry.get("sg_message_id"), str)]
        entries.sort(key=lambda entry: str(entry.get("sg_message_id_created_at", "")), reverse=True)
        found: dict[str, Outcome] = {}
        for entry in entries[:OPENED]:
            if self._shut or self._room() < 1:
                break
            theirs = entry["sg_message_id"]
            opened = await self._ask(session.get(f"{self._url}/{quote(theirs, safe='')}", allow_redirects=False))
            arguments = opened.get("custom_args")
            ours = arguments.get(self._our_id) if isinstance(arguments, dict) else None
            if isinstance(ours, str) and ours in wanted:
                found[ours] = Outcome(ours, "accepted", provider_id=theirs.partition(".")[0])
        return found

    async def _ask(self, request: Any) -> Mapping[str, Any]:
        """An answer's JSON; {} and nothing more is asked when there is none."""
        self._asked.append(asyncio.get_running_loop().time())
        try:
            async with request as response:
                if response.status == 200:
                    said = json.loads(await response.read())
                    return said if isinstance(said, dict) else {}
                self._shut = True
                if response.status in (401, 403, 404):
                    log.warning(
                        "SendGrid's log cannot be read (%d): uncertain mails are resolved by its events and by their policy alone. "
                        "mend: give the API key the permission to read Email Logs",
                        response.status,
                    )
                elif response.status == 429:
                    self._shut, self._asked = False, deque([asyncio.get_running_loop().time()] * REQUESTS)
        except Exception as error:  # noqa: BLE001 - a log that cannot be asked says nothing; its text may quote an address
            log.info("SendGrid's log did not answer: %s", type(error).__name__)
            self._shut = True
        return {}

    def _room(self) -> int:
        now = asyncio.get_running_loop().time()
        while self._asked and self._asked[0] <= now - SPAN:
            self._asked.popleft()
        return REQUESTS - len(self._asked)


def query_for(trace: Trace) -> str | None:
    """The search for a message's traces; None for an address that cannot stand in one."""
    address = ascii_domain(trace.to)
    if not address or '"' in address or "\\" in address or not address.isprintable():
        return None
    since = (SystemClock().now() - _BACK).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [f'to_email = "{address}"', f'sg_message_id_created_at > TIMESTAMP "{since}"']
    if trace.playbook and "'" not in trace.playbook:
        conditions.append(f"categories IN ('{trace.playbook}')")
    return " AND ".join(conditions)


def _list(said: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    found = said.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
