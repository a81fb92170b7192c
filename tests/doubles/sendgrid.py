"""SendGrid's mail/send, strict: what the real one would refuse is refused, what it takes is recorded."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from aiohttp import web

from tests.doubles.http import Answer, HttpDouble
from tests.doubles.sendgrid_spec import refusals

API_KEY = "SG.double-key.0123456789"


class TakenMail(NamedTuple):
    """A request that was answered 202 (or taken without the sender's learning it)."""

    id: str
    """Our message id, from custom_args."""
    to: str
    payload: dict[str, Any]


class SendgridDouble(HttpDouble):
    """Script it by request number or by recipient. `problems` names every request that the vendor would have refused."""

    def __init__(self, api_key: str = API_KEY) -> None:
        super().__init__()
        self._api_key = api_key
        self.accepted: list[TakenMail] = []
        self.problems: list[tuple[str, str]] = []
        self.erased: list[str] = []
        """Addresses of which it was asked to erase everything."""

    def _routes(self) -> list[web.RouteDef]:
        return [web.post("/v3/mail/send", self._mail_send), web.post("/v3/recipients/erasejob", self._erase)]

    async def _erase(self, request: web.Request) -> web.Response:
        body = await self._heard(request)
        if request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return await self._give(request, refusal(401))
        if (scripted := self._scripted("")) is not None:
            return await self._give(request, scripted)
        payload = json.loads(body)
        addresses = payload.get("email_addresses")
        if (
            set(payload) != {"email_addresses"}
            or not isinstance(addresses, list)
            or not 0 < len(addresses) <= 5_000
            or len(body) > 256 * 1024
        ):
            with self.lock:
                self.problems.append(("email_addresses", "no list of 1 to 5000 addresses within 256 KB"))
            return await self._give(request, refusal(400, "email_addresses"))
        with self.lock:
            self.erased += addresses
        return await self._give(request, Answer(202, body={"job_id": "job-1"}))

    async def _mail_send(self, request: web.Request) -> web.Response:
        body = await self._heard(request)
        if request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return await self._give(request, refusal(401, None, "The provided authorization grant is invalid, expired, or revoked"))
        if request.content_type != "application/json":
            return await self._give(request, refusal(415, "Content-Type", "Content-Type should be application/json."))
        try:
            payload = json.loads(body)
        except ValueError:
            return await self._give(request, refusal(400, None, "Bad Request"))
        if found := refusals(payload):
            with self.lock:
                self.problems += found
            return await self._give(request, refusal(400, *found[0]))
        to = payload["personalizations"][0]["to"][0]["email"]
        answer = self._scripted(to) or Answer(202)
        if answer.take or (answer.status == 202 and answer.fate == "answer"):
            self._take(payload, to)
        if answer.status == 202 and answer.fate == "answer":
            answer = Answer(202, headers={"X-Message-Id": f"sg-{payload.get('custom_args', {}).get('cs_message_id', '')}"})
        return await self._give(request, answer)

    def _take(self, payload: dict[str, Any], to: str) -> None:
        with self.lock:
            self.accepted.append(TakenMail(payload.get("custom_args", {}).get("cs_message_id", ""), to, payload))


def refusal(status: int, field: str | None = None, message: str = "refused for person@customer.example") -> Answer:
    """The vendor's error answer. Its message names a person on purpose: it must go nowhere."""
    return Answer(status, body={"errors": [{"message": message, "field": field, "help": None}]})
