"""SendGrid's mail/send, strict: what the real one would refuse is refused, what it takes is recorded."""

from __future__ import annotations

import json
import re
import time
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
        self.scopes: list[str] = ["mail.send", "recipients.erasejob.create"]
        """What the key may do."""
        self.keeps_log = False
        """Whether the account has Email Logs and the key may read them."""
        self.log_answer: Answer | None = None
        self.log_limit: int | None = None
        """How many requests of its log it takes in the minute that never ends here; None: it names no number."""
        self.searches: list[str] = []
        """What its log was searched by."""
        self.opened: list[str] = []

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v3/mail/send", self._mail_send),
            web.post("/v3/recipients/erasejob", self._erase),
            web.get("/v3/scopes", self._scopes),
            *self._log_routes(),
        ]

    def _log_routes(self) -> list[web.RouteDef]:
        return [web.post("/v3/logs", self._search), web.get("/v3/logs/{id}", self._open)]

    async def _scopes(self, request: web.Request) -> web.Response:
        """Its API of scopes: a GET without a body, and the key's own are told."""
        if await self._heard(request):
            self.problems.append(("scopes", "a GET with a body"))
        if request.headers.get("Authorization") != f"Bearer {self._api_key}":
            return await self._give(request, refusal(401))
        return await self._give(request, self._scripted("") or Answer(200, body={"scopes": self.scopes}))

    async def _search(self, request: web.Request) -> web.Response:
        """Email Logs: the query is one of the vendor's language, or it is a problem."""
        if (no := await self._no_log(request)) is not None:
            return no
        said = json.loads(await request.read())
        query = said.get("query", "")
        conditions = dict(_condition(part) for part in query.split(" AND ")) if isinstance(query, str) else {"": ""}
        wrong = set(said) - {"query", "limit"} or "" in conditions or not 1 <= said.get("limit", 10) <= 1_000
        if wrong or request.content_type != "application/json":
            self.problems.append(("query", "no query of the log"))
            return await self._give(request, refusal(400, "query"))
        with self.lock:
            self.searches.append(query)
            hits = [mail for mail in self.accepted if mail.to == conditions.get("to_email", mail.to)]
        if "categories" in conditions:
            named = set(re.findall(r"'([^']*)'", conditions["categories"]))
            hits = [mail for mail in hits if named & set(mail.payload.get("categories", []))]
        listed = [_listed(mail) for mail in hits[: said.get("limit", 10)]]
        return web.json_response({"messages": listed}, headers=self._limits())

    async def _open(self, request: web.Request) -> web.Response:
        if (no := await self._no_log(request)) is not None:
            return no
        id = request.match_info["id"]
        with self.lock:
            self.opened.append(id)
            mail = next((mail for mail in self.accepted if _listed(mail)["sg_message_id"] == id), None)
        if mail is None:
            return await self._give(request, refusal(404))
        entry = {"events": [], "api_key_id": "k", "client_ip": "", "custom_args": mail.payload["custom_args"]}
        return web.json_response(_listed(mail) | entry, headers=self._limits())

    def _limits(self) -> dict[str, str]:
        if self.log_limit is None:
            return {}
        left = max(0, self.log_limit - len(self.searches) - len(self.opened))
        reset = str(int(time.time()) + 60)
        return {"X-RateLimit-Limit": str(self.log_limit), "X-RateLimit-Remaining": str(left), "X-RateLimit-Reset": reset}

    async def _no_log(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self._api_key}" or not self.keeps_log:
            return await self._give(request, refusal(403))
        if self.log_limit is not None and len(self.searches) + len(self.opened) >= self.log_limit:
            self.problems.append(("rate", "the log was asked more often than it allows"))
            return await self._give(request, Answer(429, headers=self._limits()))
        return await self._give(request, self.log_answer) if self.log_answer is not None else None

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


def _listed(mail: TakenMail) -> dict[str, str]:
    """An entry of the log."""
    return {
        "from_email": mail.payload["from"]["email"], "sg_message_id": f"sg-{mail.id}.recvd-abc-1-0.0", "subject": mail.payload["subject"],
        "to_email": mail.to, "status": "delivered", "sg_message_id_created_at": "2026-03-02T10:00:00Z",
    }  # fmt: skip


_CONDITIONS = (
    re.compile(r'(to_email|subject|sg_message_id|reason) = "([^"]*)"'),
    re.compile(r'(sg_message_id_created_at) [<>]=? TIMESTAMP "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"'),
    re.compile(r"(categories|status) IN \(('[^']*'(?:, '[^']*')*)\)"),
)


def _condition(text: str) -> tuple[str, str]:
    """(field, value) of one condition in the log's language; ('', '') for what is none."""
    found = next((match for shape in _CONDITIONS if (match := shape.fullmatch(text))), None)
    return (found[1], found[2]) if found else ("", "")


def refusal(status: int, field: str | None = None, message: str = "refused for person@customer.example") -> Answer:
    """The vendor's error answer. Its message names a person on purpose: it must go nowhere."""
    return Answer(status, body={"errors": [{"message": message, "field": field, "help": None}]})
