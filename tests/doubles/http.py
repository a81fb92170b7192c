"""What the HTTP doubles share: scripted answers, served by aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from tests.doubles.loopback import Loopback, reset


@dataclass(frozen=True)
class Answer:
    """What the double does with a request. `hang`: reads it and never answers; `reset`: reads it, then breaks the connection."""

    status: int = 202
    fate: Literal["answer", "hang", "reset"] = "answer"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    """Answered as JSON; None: as the double thinks fit for the status."""
    take: bool = False
    """Whether the double takes the message all the same: accepted, but the sender does not learn it."""


HANG = Answer(fate="hang")
RESET = Answer(fate="reset")


class HttpDouble(Loopback):
    """Requests are numbered from 1. A script for one key wins over one for a number, and that over `always`."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self.on_connection: Callable[[int], object] = lambda _: None
        """Told the client's port with every request."""
        self._always: Answer | None = None
        self._nth: dict[int, Answer] = {}
        self._keyed: dict[str, Answer] = {}

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def always(self, answer: Answer | None) -> None:
        """From now on every request gets this answer; None: the usual one again."""
        self._always = answer

    def on_request(self, number: int, answer: Answer) -> None:
        """The n-th request of all gets this answer."""
        self._nth[number] = answer

    def on_key(self, key: str, answer: Answer) -> None:
        """Every request for this recipient (an address, a channel) gets this answer."""
        self._keyed[key] = answer

    def _routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    async def _serve(self) -> int:
        app = web.Application(client_max_size=40 << 20)
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _stop(self) -> None:
        await self._runner.cleanup()

    async def _heard(self, request: web.Request) -> bytes:
        """Reads the request, and counts it."""
        if request.transport is not None:
            self.on_connection(request.transport.get_extra_info("peername")[1])
        body = await request.read()
        with self.lock:
            self.requests += 1
        return body

    def _scripted(self, key: str) -> Answer | None:
        with self.lock:
            return self._keyed.get(key) or self._nth.get(self.requests) or self._always

    async def _give(self, request: web.Request, answer: Answer) -> web.Response:
        if answer.fate == "hang":
            await asyncio.sleep(3600)
        if answer.fate == "reset":
            reset(request.transport)
        if answer.body is None:
            return web.Response(status=answer.status, headers=answer.headers)
        return web.json_response(answer.body, status=answer.status, headers=answer.headers)
