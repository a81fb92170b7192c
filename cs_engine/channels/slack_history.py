"""What stands in a Slack channel already, by our message ids: looked at before an uncertain message is sent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

EVENT_TYPE = "cs_engine_message"
MESSAGE_ID = "cs_message_id"
"""In the metadata's payload: `client_msg_id` is not to be relied on."""

_PAGES = 5
_PAGE = 200
"""Messages a page: with _PAGES the last thousand of a channel."""


class Standing(NamedTuple):
    """What stands in a channel, or in a thread."""

    ids: Mapping[str, str]
    """Our message id -> channel:ts."""
    whole: bool
    """Whether what was sent a moment ago is among what was read: threads are read from their beginning, and may be too long."""


class History:
    """Reads the histories of channels, each once. Needs the scopes channels:history, groups:history, im:history and, for #names and
    users, channels:read and im:write."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._names: dict[str, str] | None = None

    async def messages(self, channel: str, thread: str = "") -> Standing | None:
        """The youngest thousand of a channel, or the oldest of a thread; None when it cannot be read."""
        import aiohttp
        from slack_sdk.errors import SlackClientError

        try:
            id = await self._channel_id(channel)
            return None if id is None else await self._read(id, thread)
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError):
            return None

    async def _read(self, channel_id: str, thread: str) -> Standing:
        found: dict[str, str] = {}
        cursor = ""
        for _ in range(_PAGES):
            asked: dict[str, Any] = {"channel": channel_id, "include_all_metadata": True, "limit": _PAGE, "cursor": cursor or None}
            page = await (self._client.conversations_replies(ts=thread, **asked) if thread else self._client.conversations_history(**asked))
            messages: list[dict[str, Any]] = page.get("messages") or []
            for message in messages:
                metadata: dict[str, Any] = message.get("metadata") or {}
                if metadata.get("event_type") == EVENT_TYPE:
                    found[str(metadata.get("event_payload", {}).get(MESSAGE_ID))] = f"{channel_id}:{message['ts']}"
            cursor = _next(page)
            if not cursor:
                break
        return Standing(found, whole=not thread or not cursor)

    async def _channel_id(self, channel: str) -> str | None:
        if channel.startswith("#"):
            return (await self._ids_by_name()).get(channel[1:])
        if channel.startswith(("U", "W")):
            opened = await self._client.conversations_open(users=channel)
            return str((opened.get("channel") or {}).get("id"))
        return channel

    async def _ids_by_name(self) -> dict[str, str]:
        if self._names is None:
            names: dict[str, str] = {}
            cursor = ""
            while True:
                page = await self._client.conversations_list(
                    types="public_channel,private_channel", exclude_archived=True, limit=1000, cursor=cursor or None
                )
                channels: list[dict[str, Any]] = page.get("channels") or []
                names |= {channel["name"]: channel["id"] for channel in channels}
                cursor = _next(page)
                if not cursor:
                    break
            self._names = names
        return self._names


def _next(page: Any) -> str:
    return str((page.get("response_metadata") or {}).get("next_cursor") or "")
