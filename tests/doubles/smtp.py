"""An SMTP server (aiosmtpd) that can refuse, at any stage, or break off."""

from __future__ import annotations

import asyncio
import warnings
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Literal, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.doubles.loopback import Loopback, reset

USER, PASSWORD = "engine", "p@ss/word"

Fate = Literal["take", "refuse", "later", "refuse_data", "reset_before", "reset_after", "take_and_reset", "hang"]
"""`refuse`, `later`: 550, 451 at RCPT; `refuse_data`: 554 after the mail; `reset_before`: the line breaks at RCPT;
`reset_after`, `take_and_reset`: it breaks after the mail was read, lost or taken; `hang`: no answer to the mail."""


class TakenSmtp(NamedTuple):
    sender: str
    recipients: list[str]
    message: EmailMessage
    raw: bytes


class SmtpDouble(Loopback):
    """Script it by recipient. With `auth` it wants USER and PASSWORD."""

    def __init__(self, auth: bool = False) -> None:
        super().__init__()
        self._auth = auth
        self._fates: dict[str, Fate] = {}
        self._server: asyncio.Server | None = None
        self._protocols: list[SMTP] = []
        self.accepted: list[TakenSmtp] = []
        self.connections = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def on_key(self, address: str, fate: Fate) -> None:
        self._fates[address] = fate

    def break_idle(self) -> None:
        """Hangs up on all who are connected."""
        done = asyncio.run_coroutine_threadsafe(self._break(), self._loop)
        done.result(5)

    async def _break(self) -> None:
        for protocol in self._protocols:
            if protocol.transport is not None:
                protocol.transport.close()

    async def _serve(self) -> int:
        self._server = await asyncio.get_running_loop().create_server(self._protocol, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._break()

    def _protocol(self) -> SMTP:
        self.connections += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # it warns of passwords in the clear, which stay on loopback here
            protocol = SMTP(
                self,
                hostname="double.example",
                enable_SMTPUTF8=False,
                auth_required=self._auth,
                auth_require_tls=False,
                authenticator=self._authenticate,
                loop=asyncio.get_running_loop(),
            )
        self._protocols.append(protocol)
        return protocol

    def _authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)

    async def handle_RCPT(self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802
        match self._fates.get(address, "take"):
            case "refuse":
                return f"550 5.1.1 {address} is nobody here"
            case "later":
                return f"451 4.7.1 {address} try again later"
            case "reset_before":
                reset(server.transport)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        raw = envelope.original_content or b""
        fate = self._fates.get(envelope.rcpt_tos[0], "take")
        if fate in {"take", "take_and_reset"}:
            with self.lock:
                self.accepted.append(
                    TakenSmtp(envelope.mail_from or "", list(envelope.rcpt_tos), message_from_bytes(raw, policy=policy.default), raw)
                )
        match fate:
            case "refuse_data":
                return "554 5.7.1 content refused"
            case "hang":
                await asyncio.sleep(3600)
            case "reset_after" | "take_and_reset":
                reset(server.transport)
        return "250 OK"
