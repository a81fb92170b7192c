"""Slack messages through slack-sdk's AsyncWebClient over one pooled session.

Measured against a plain local sink, the SDK's blocking and asynchronous clients make equally many calls a second. This one keeps its
connections where the other makes a new one, with its TLS handshake, for every call; and its errors tell whether the request had left.
Its own retries are off: they send again what may have been taken.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cs_engine.channels.addressing import one_line, whole
from cs_engine.channels.door import Door
from cs_engine.channels.pool import Pool, checked_key, checked_url, come_again, lost
from cs_engine.channels.slack_history import EVENT_TYPE, MESSAGE_ID, History
from cs_engine.ports import Holds, Outcome, Parcel, Post, Trace, always

if TYPE_CHECKING:
    import aiohttp
    from slack_sdk.errors import SlackApiError
    from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger(__name__)

_ANSWER_WITHIN = 30.0
MOST_NAME = 80
"""Characters of the name that a message is posted under."""
_PACE = 1.0
"""Seconds between two messages to one channel: what Slack allows."""
_PATIENCE = 60.0
"""Seconds a batch may take for the pace's sake; what would come later is a `retry` with its time."""
_LANES = 8
"""Channels written to at once."""

# Slack's `ok: false`. What is not listed is the message's or its channel's fault: rejected, with Slack's own word as code.
_OURS = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope", "no_permission"}
    | {"not_allowed_token_type", "ekm_access_denied", "org_login_required", "enterprise_is_restricted", "team_access_not_granted"}
)
"""The token's fault: nothing was taken, for the whole batch."""
_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_COME_AGAIN = frozenset({"request_timeout", "team_added_to_org", "service_unavailable"})
"""Not taken, and nobody's fault: request_timeout is a body that arrived cut off."""
_PERHAPS = frozenset({"fatal_error", "internal_error"})
"""Slack: "some aspect of the operation may have succeeded"."""


class SlackChannel:
    """`build` takes a Post. Messages to one channel keep their order, a second apart."""

    name = "slack"

    def __init__(
        self,
        token: str,
        base_url: str = "https://slack.com/api/",
        *,
        look_in: Sequence[str] = (),
        pace: float = _PACE,
        patience: float = _PATIENCE,
        answer_within: float = _ANSWER_WITHIN,
    ) -> None:
        """`look_in`: channels and users (C…, U…, #name) in which `lookup` searches for messages of an earlier process.

        Raises SettingsError for a token or address that cannot be one.
        """
        self._token = checked_key(token, "SLACK_BOT_TOKEN")
        self._base_url = checked_url(base_url, "SLACK_BASE_URL") + "/"
        self._look_in, self._pace, self._patience = tuple(look_in), pace, patience
        self._pool = Pool(self.name, _LANES, answer_within)
        self._door = Door()
        self._free_at: dict[str, float] = {}
        """Channel -> when it takes the next message, by the loop's clock."""
        self._unsure: dict[str, tuple[str, str]] = {}
        """Message id -> the channel it was meant for, and the thread if any, of those whose fate this process did not learn."""

    @staticmethod
    def build(outgoing: Post) -> Parcel:
        """The call's JSON, with our id in Slack's metadata. Pure."""
        payload: dict[str, Any] = {
            "channel": outgoing.channel,
            "text": outgoing.text,
            "blocks": outgoing.blocks,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {**outgoing.metadata, MESSAGE_ID: outgoing.id}},
        }
        if outgoing.update:
            method = "chat.update"
            place, payload["ts"] = slack_place(outgoing.update)
            # Slack edits by a channel's id alone; a post may name it `#success`.
            payload["channel"] = place or outgoing.channel
        else:
            method = "chat.postMessage"
            payload |= {"unfurl_links": False, "unfurl_media": False}
            if outgoing.speaker:  # left aside by Slack where the app lacks chat:write.customize
                payload["username"] = one_line(outgoing.speaker)[:MOST_NAME]
        if outgoing.thread:
            place, payload["thread_ts"] = slack_place(outgoing.thread)
            payload["channel"] = place or outgoing.channel
        body = whole(json.dumps(payload, ensure_ascii=False, separators=(",", ":"))).encode()
        return Parcel(outgoing.id, body, {"method": method, "channel": payload["channel"], "thread": payload.get("thread_ts", "")})

    def send(self, parcels: Sequence[Parcel], holds: Holds = always) -> list[Outcome]:
        """Posts all, channels side by side; one outcome a parcel, in order.

        A 429 or a refused token speaks for those that come after it: they are returned as `retry` without being sent.
        """
        return self._pool.run(lambda session: self._post_all(session, parcels, holds)) if parcels else []

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """`accepted` when the message stands in a channel's history; `retry` when this process knows its channel and it is not there."""
        return self._pool.run(lambda session: self._find(session, ids)) if ids else {}

    def search(self, traces: Sequence[Trace]) -> Mapping[str, Outcome]:
        """Replies, in the threads that they were meant for: `accepted` when it stands there, `retry` when the whole thread lacks it."""
        meant = {trace.id: slack_place(trace.thread) for trace in traces if trace.thread}
        return self._pool.run(lambda session: self._find_in(session, meant)) if meant else {}

    def close(self) -> None:
        self._pool.close()

    async def _post_all(self, session: aiohttp.ClientSession, parcels: Sequence[Parcel], holds: Holds) -> list[Outcome]:
        now = asyncio.get_running_loop().time()
        self._door.new_batch(now, holds)
        self._free_at = {channel: at for channel, at in self._free_at.items() if at > now}
        lanes: dict[str, list[int]] = {}
        for index, parcel in enumerate(parcels):
            lanes.setdefault(parcel.meta["channel"], []).append(index)
        client, queue = self._client(session), iter(lanes.values())
        outcomes: dict[int, Outcome] = {}

        async def work() -> None:
            for lane in queue:
                for index in lane:
                    outcomes[index] = await self._in_turn(client, parcels[index], now + self._patience)

        await asyncio.gather(*(work() for _ in range(min(_LANES, len(lanes)))))
        return [outcomes[index] for index in range(len(parcels))]

    async def _in_turn(self, client: AsyncWebClient, parcel: Parcel, deadline: float) -> Outcome:
        """Waits for the channel's next second, unless the door is shut or that would be too late, and posts."""
        clock, channel = asyncio.get_running_loop().time, parcel.meta["channel"]
        at = max(clock(), self._free_at.get(channel, -math.inf))
        if (closed := self._door.closed(parcel.id, clock())) is not None:
            return closed
        if at > deadline:
            return Outcome(parcel.id, "retry", "paced", retry_after=round(at - clock(), 3), blameless=True)
        self._free_at[channel] = at + self._pace
        await asyncio.sleep(at - clock())
        return self._door.closed(parcel.id, clock()) or self._door.learned(await self._post(client, parcel), clock())

    async def _post(self, client: AsyncWebClient, parcel: Parcel) -> Outcome:
        from slack_sdk.errors import SlackApiError

        try:
            answer = await client.api_call(parcel.meta["method"], json=json.loads(parcel.body))
        except SlackApiError as error:
            outcome = self._refused(parcel.id, error)
        except Exception as error:  # noqa: BLE001  see `lost`: nothing may cost the others their outcomes
            outcome = lost(parcel.id, error)
        else:
            return Outcome(parcel.id, "accepted", provider_id=f"{answer['channel']}:{answer['ts']}")
        if outcome.kind == "uncertain" and parcel.meta["method"] == "chat.update":
            return Outcome(parcel.id, "retry", outcome.code)  # the same edit twice is the same edit
        if outcome.kind == "uncertain":
            self._unsure[parcel.id] = (parcel.meta["channel"], parcel.meta["thread"])
        return outcome

    def _refused(self, id: str, error: SlackApiError) -> Outcome:
        status, word, headers = _said(error)
        if status == 429 or word in _LIMITED:
            return self._door.limited(id, asyncio.get_running_loop().time(), come_again(headers))
        if word in _OURS or (not word and status in {401, 403}):
            self._complain(word or str(status), "auth", "SLACK_BOT_TOKEN needs to be alive and to have the scope chat:write")
            return Outcome(id, "retry", "auth", blameless=True)
        if word in _PERHAPS or status >= 500 or (status == 200 and not word):
            return Outcome(id, "uncertain", word or str(status))
        if word in _COME_AGAIN:
            return Outcome(id, "retry", word)
        if not word:
            self._complain(str(status), "endpoint", "set SLACK_BASE_URL to Slack's Web API, https://slack.com/api/")
            return Outcome(id, "retry", "endpoint", blameless=True)
        return Outcome(id, "rejected", word)

    def _complain(self, what: str, code: str, mend: str) -> None:
        if self._door.shut(code):
            log.error("Slack answered %s: nothing was taken and it will be tried again. mend: %s", what, mend)

    def _client(self, session: aiohttp.ClientSession) -> AsyncWebClient:
        from slack_sdk.web.async_client import AsyncWebClient

        return AsyncWebClient(self._token, self._base_url, session=session, retry_handlers=[], logger=_quiet())

    async def _find(self, session: aiohttp.ClientSession, ids: Sequence[str]) -> dict[str, Outcome]:
        meant = {id: self._unsure[id] for id in ids if id in self._unsure}
        found = await self._find_in(session, meant, ids, [(channel, "") for channel in self._look_in])
        for id, outcome in found.items():
            # Who asks may ask again before it believes that a message is not there.
            if outcome.kind == "accepted":
                self._unsure.pop(id, None)
        return found

    async def _find_in(
        self,
        session: aiohttp.ClientSession,
        meant: Mapping[str, tuple[str, str]],
        ids: Sequence[str] = (),
        beside: Sequence[tuple[str, str]] = (),
    ) -> dict[str, Outcome]:
        """Looks where each was meant to go (channel, thread), and for all `ids` in these and the places `beside`."""
        history = History(self._client(session))
        found: dict[str, Outcome] = {}
        for place in dict.fromkeys([*meant.values(), *beside]):
            here = await history.messages(*place)
            if here is None:
                continue  # unreadable: it proves nothing
            found |= {id: Outcome(id, "accepted", provider_id=here.ids[id]) for id in {*meant, *ids} if id in here.ids}
            lacks = [id for id, its in meant.items() if its == place and id not in here.ids and here.whole]
            found |= {id: Outcome(id, "retry", "not_sent") for id in lacks}
        return found


def slack_place(provider_id: str) -> tuple[str, str]:
    """(channel, ts) of a message that was accepted: what `Post.channel` and `Post.update` need to edit it."""
    channel, _, ts = provider_id.rpartition(":")
    return channel, ts


def _said(error: SlackApiError) -> tuple[int, str, Mapping[str, str]]:
    """(status, Slack's error word, headers). The SDK raises with its own response, or with the client's when the body was unreadable."""
    response: Any = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", 0)
    data = getattr(response, "data", None)
    word = data.get("error", "") if isinstance(data, dict) else ""
    # A word is a slug; anything else could be text with personal data.
    return int(status or 0), word if isinstance(word, str) and word.isidentifier() else "", getattr(response, "headers", {})


def _quiet() -> logging.Logger:
    # At DEBUG the SDK writes whole messages to the log.
    logger = logging.getLogger(f"{__name__}.sdk")
    logger.setLevel(logging.WARNING)
    return logger
