"""Another system that takes webhooks: it verifies each signature by itself, and knows a call that comes twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, NamedTuple

from aiohttp import web

from tests.doubles.http import Answer, HttpDouble

KEY = b"a key of thirty-two bytes, or so"


class TakenCall(NamedTuple):
    id: str
    path: str
    said: dict[str, Any]
    headers: dict[str, str]


class Receiver(HttpDouble):
    """Script it by request number or by path. `problems` names every call whose signature does not hold."""

    def __init__(self, key: bytes = KEY) -> None:
        super().__init__()
        self._key = key
        self.accepted: list[TakenCall] = []
        self.problems: list[str] = []

    def _routes(self) -> list[web.RouteDef]:
        return [web.post("/{path:.*}", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        body = await self._heard(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        if (wrong := self._wrong(headers, body)) is not None:
            with self.lock:
                self.problems.append(wrong)
            return web.Response(status=401)
        answer = self._scripted(request.path) or Answer(204)
        if answer.take or (200 <= answer.status < 300 and answer.fate == "answer"):
            with self.lock:
                self.accepted.append(TakenCall(headers["webhook-id"], request.path, json.loads(body), headers))
        return await self._give(request, answer)

    def _wrong(self, headers: dict[str, str], body: bytes) -> str | None:
        """As standardwebhooks.com tells receivers to verify."""
        if headers.get("content-type") != "application/json":
            return "content-type"
        if headers.get("idempotency-key") != headers.get("webhook-id"):
            return "idempotency-key"
        said = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        right = "v1," + base64.b64encode(hmac.new(self._key, said, hashlib.sha256).digest()).decode()
        return None if right in headers.get("webhook-signature", "").split() else "webhook-signature"
