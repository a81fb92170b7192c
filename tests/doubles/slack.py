"""Slack's Web API, strict: Block Kit's limits, authorisation, one message a second and channel; what it takes stands in a history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from aiohttp import web
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block, ButtonElement, InteractiveElement, Option, SectionBlock
from slack_sdk.models.views import View

from tests.doubles.http import Answer, HttpDouble

TOKEN = "xoxb-double-token"


class SlackDouble(HttpDouble):
    """Channels exist by id and name; a user's id (U…) opens a direct message. Script it by channel or by number of the post.

    `pace`: seconds that must lie between two posts to a channel, else 429; 0 turns it off.
    """

    def __init__(self, token: str = TOKEN, channels: dict[str, str] | None = None, pace: float = 0.0) -> None:
        super().__init__()
        self._token, self._pace = token, pace
        self.channels = channels or {"C0SUCCESS": "customer-success", "C0NOTICES": "notices"}
        """Id -> name."""
        self.messages: dict[str, list[dict[str, Any]]] = {}
        """Channel id -> messages, oldest first."""
        self.scopes = "chat:write,channels:history,groups:history,im:history,channels:read,im:write"
        """What the token may do."""
        self.readable = True
        """Whether histories and threads can be read just now."""
        self.views: list[dict[str, Any]] = []
        """Forms that were opened."""
        self.problems: list[str] = []
        self._last_post: dict[str, float] = {}
        self._clock = 1_700_000_000

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/"

    def ids(self) -> list[str]:
        """Our message ids of all that was posted, channel by channel."""
        with self.lock:
            return [m["metadata"]["event_payload"]["cs_message_id"] for posts in self.messages.values() for m in posts]

    def _routes(self) -> list[web.RouteDef]:
        return [web.post("/api/{method}", self._method), web.get("/api/{method}", self._method)]

    async def _method(self, request: web.Request) -> web.Response:
        body = await self._heard(request)
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        in_json = request.content_type == "application/json"
        said = json.loads(body) if in_json else {**request.query, **await request.post()}
        method = request.match_info["method"]
        if method == "auth.test":
            whose = {"ok": True, "url": "https://example.slack.com/", "team": "Example", "user": "bot", "team_id": "T1", "user_id": "U1"}
            return await self._give(request, self._scripted("") or Answer(200, headers={"X-OAuth-Scopes": self.scopes}, body=whose))
        if method in {"chat.postMessage", "chat.update"}:
            return await self._chat(request, method, said)
        if method in ("views.open", "views.update"):
            return web.json_response(self._view(said))
        reading = {
            "conversations.history": self._history,
            "conversations.replies": self._replies,
            "conversations.list": self._list,
            "conversations.open": self._open,
        }.get(method)
        if method in ("conversations.history", "conversations.replies") and not self.readable:
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "30"})
        return web.json_response(reading(said) if reading else {"ok": False, "error": "unknown_method"})

    async def _chat(self, request: web.Request, method: str, said: dict[str, Any]) -> web.Response:
        channel = self._channel_id(str(said.get("channel", "")))
        if request.content_type != "application/json":
            return web.json_response({"ok": False, "error": "invalid_json"})
        if problems := list(refused_blocks(said)):
            with self.lock:
                self.problems += problems
            return web.json_response({"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": problems}})
        answer = self._scripted(str(said["channel"]))
        if answer is not None and not answer.take:
            return await self._give(request, answer)
        if channel is None:
            return web.json_response({"ok": False, "error": "channel_not_found"})
        if method == "chat.postMessage" and self._too_fast(channel):
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": "1"})
        done = self._post(channel, said) if method == "chat.postMessage" else self._update(channel, said)
        return web.json_response(done) if answer is None else await self._give(request, answer)

    def _too_fast(self, channel: str) -> bool:
        now = time.monotonic()
        with self.lock:
            # A tenth for the way here: what left a second apart may arrive a little closer.
            fast = now - self._last_post.get(channel, float("-inf")) < self._pace * 0.9
            self._last_post[channel] = now
        return fast

    def _post(self, channel: str, said: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self._clock += 1
            ts = f"{self._clock}.000100"
            self.messages.setdefault(channel, []).append({**said, "ts": ts, "channel": channel})
        return {"ok": True, "channel": channel, "ts": ts}

    def _update(self, channel: str, said: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            for message in self.messages.get(channel, []):
                if message["ts"] == said.get("ts"):
                    message.update(said, channel=channel, edited=True)
                    return {"ok": True, "channel": channel, "ts": said["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def _history(self, said: dict[str, Any]) -> dict[str, Any]:
        if said["channel"] not in self.channels and not said["channel"].startswith("D"):
            return {"ok": False, "error": "channel_not_found"}
        if str(said.get("include_all_metadata", "")).lower() not in {"1", "true"}:
            return {"ok": True, "messages": []}
        with self.lock:
            posts = [post for post in self.messages.get(said["channel"], []) if not post.get("thread_ts")][::-1]
        return self._page(said, posts)

    def _replies(self, said: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            posts = [post for post in self.messages.get(said["channel"], []) if said["ts"] in (post["ts"], post.get("thread_ts"))]
        if str(said.get("include_all_metadata", "")).lower() not in {"1", "true"}:
            posts = [{name: value for name, value in post.items() if name != "metadata"} for post in posts]
        if not posts:
            known = said["channel"] in self.channels or said["channel"].startswith("D")
            return {"ok": False, "error": "thread_not_found" if known else "channel_not_found"}
        # The thread's first message, then its replies, the oldest first: not as a channel's history.
        return self._page(said, posts)

    @staticmethod
    def _page(said: dict[str, Any], posts: list[dict[str, Any]]) -> dict[str, Any]:
        start, limit = int(said.get("cursor") or 0), int(said.get("limit") or 100)
        following = str(start + limit) if len(posts) > start + limit else ""
        return {"ok": True, "messages": posts[start : start + limit], "response_metadata": {"next_cursor": following}}

    def _list(self, said: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {"ok": True, "channels": [{"id": id, "name": name} for id, name in self.channels.items()]}

    def _view(self, said: dict[str, Any]) -> dict[str, Any]:
        try:
            View(**said["view"]).validate_json()
        except SlackObjectFormationError as error:
            self.problems.append(str(error))
            return {"ok": False, "error": "invalid_arguments"}
        with self.lock:
            self.views.append(said)
        return {"ok": True, "view": {"id": "V1"}}

    def _open(self, said: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "channel": {"id": "D" + said["users"][1:]}}

    def _channel_id(self, channel: str) -> str | None:
        if channel.startswith("#"):
            return next((id for id, name in self.channels.items() if name == channel[1:]), None)
        if channel.startswith("U"):
            return "D" + channel[1:]
        return channel if channel in self.channels or channel.startswith("D") else None


def refused_blocks(said: dict[str, Any]) -> Iterator[str]:
    """Why Slack would not take the message: the SDK's own models and lengths, and documented limits that they lack."""
    blocks = said.get("blocks") or []
    if not said.get("text"):
        yield "no fall-back text"
    if len(blocks) > 50:
        yield "more than 50 blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) + len(said.get("text", "")) > 13_000:
        yield "more than 13,000 characters in all"
    named = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(named)) < len(named):
        yield "a block_id stands twice"
    for block in blocks:
        try:
            parsed = Block.parse(block)
            if parsed is None or parsed.type != block.get("type"):
                yield f"unknown block {block.get('type')}"
                continue
            parsed.validate_json()
        except (SlackObjectFormationError, TypeError) as error:
            yield str(error)
        yield from _refused_texts(block)
        yield from _refused_elements(block.get("elements", []) if block.get("type") == "actions" else [])


def _refused_texts(block: dict[str, Any]) -> Iterator[str]:
    texts = [block.get("text"), *block.get("fields", []), *(block.get("elements", []) if block.get("type") == "context" else [])]
    for text in texts:
        if isinstance(text, dict) and not 1 <= len(text.get("text", "")) <= SectionBlock.text_max_length:
            yield "a text is empty, or too long"
    if any(len(field.get("text", "")) > 2_000 for field in block.get("fields", [])):
        yield "a field is longer than 2,000 characters"


def _refused_elements(elements: list[dict[str, Any]]) -> Iterator[str]:
    actions = [element["action_id"] for element in elements if "action_id" in element]
    if len(set(actions)) < len(actions):
        yield "an action_id stands twice in a block"
    for element in elements:
        if len(element.get("action_id", "")) > InteractiveElement.action_id_max_length:
            yield "an action_id is too long"
        if element["type"] == "button":
            text = element.get("text", {})
            if text.get("type") != "plain_text" or not 1 <= len(text.get("text", "")) <= ButtonElement.text_max_length:
                yield "a button's text is empty, no plain text, or too long"
            if len(element.get("value", "")) > ButtonElement.value_max_length or len(element.get("url", "")) > ButtonElement.url_max_length:
                yield "a button's value or url is too long"
        if element["type"] == "checkboxes":
            yield from _refused_options(element)
        if element["type"] == "datepicker" and len(element.get("placeholder", {}).get("text", "")) > 150:
            yield "a placeholder is too long"


def _refused_options(element: dict[str, Any]) -> Iterator[str]:
    options = element.get("options", [])
    if not 1 <= len(options) <= 10:
        yield "checkboxes have 1 to 10 options"
    for option in options:
        if not 1 <= len(option["text"]["text"]) <= Option.label_max_length or len(option["value"]) > Option.value_max_length:
            yield "an option's text or value is too long"
    chosen = element.get("initial_options")
    if chosen is not None and (not chosen or any(option not in options for option in chosen)):
        yield "initial_options are some of the options, or left out"


def no(error: str, status: int = 200, **headers: str) -> Answer:
    """Slack's `ok: false`. Header names are written with underscores."""
    return Answer(status, headers={name.replace("_", "-"): value for name, value in headers.items()}, body={"ok": False, "error": error})
