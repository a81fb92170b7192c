"""E-mail through an SMTP server: the standard library's client in a small pool of connections.

A server takes responsibility for a mail when it answers the dot that ends DATA. What breaks before DATA began was not taken and
may go again; what breaks after is `uncertain`.
"""

from __future__ import annotations

import logging
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from urllib.parse import parse_qs, unquote, urlsplit

from cs_engine.channels.addressing import INVALID_ADDRESS, ascii_domain, copies, refused, unaddressable
from cs_engine.channels.door import Door
from cs_engine.channels.mime import mime
from cs_engine.errors import SettingsError
from cs_engine.ports import Holds, Letter, Outcome, Parcel, always

log = logging.getLogger(__name__)

_ANSWER_WITHIN = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_LEADING_DOT = re.compile(rb"(?m)^\.")
_NOBODY = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""RFC 3463 and RFC 7505: no such mailbox, no such domain, no address, moved, a domain that takes no mail, mailbox disabled."""
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_MEND = "SMTP_URL is smtp://user:password@host:587?starttls=yes or smtps://user:password@host:465"


class SmtpChannel:
    """`build` takes a Letter. Connections stay open between batches."""

    name = "smtp"

    def __init__(self, url: str, *, connections: int = 4, answer_within: float = _ANSWER_WITHIN) -> None:
        """`url`: smtp://, with `?starttls` or `?starttls=yes` to insist on TLS, or smtps://; user and password percent-encoded.

        Raises SettingsError, never showing the URL, when it cannot be one or would send the password in the clear.
        """
        self._server = _Server(url, answer_within)
        self._connections = connections
        self._idle: list[smtplib.SMTP] = []
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._door = Door()

    @staticmethod
    def build(outgoing: Letter) -> Parcel:
        """The letter as MIME, and its envelope. Pure."""
        if (refused := unaddressable(outgoing)) is not None:
            return refused
        envelope = {"from": ascii_domain(outgoing.sender.email), "to": ascii_domain(outgoing.to.email)}
        if copied := copies(outgoing):
            envelope["cc"] = " ".join(ascii_domain(person.email) for person in copied)
        return Parcel(outgoing.id, mime(outgoing), envelope)

    def send(self, parcels: Sequence[Parcel], holds: Holds = always) -> list[Outcome]:
        """Sends all over at most `connections` connections; one outcome a parcel, in order. Batches take turns."""
        if not parcels:
            return []
        with self._turn:
            return self._send(parcels, holds)

    def _send(self, parcels: Sequence[Parcel], holds: Holds) -> list[Outcome]:
        self._door.new_batch(time.monotonic(), holds)
        outcomes: list[Outcome | None] = [None] * len(parcels)
        queue, workers = _Shared(parcels), min(self._connections, len(parcels))
        with ThreadPoolExecutor(workers, thread_name_prefix="cs-engine-smtp") as pool:
            for worker in [pool.submit(self._work, queue, outcomes) for _ in range(workers)]:
                worker.result()
        return [outcome for outcome in outcomes if outcome is not None]

    def lookup(self, ids: Sequence[str]) -> Mapping[str, Outcome]:  # noqa: ARG002  the protocol's
        """Nothing: an SMTP server cannot be asked what it took."""
        return {}

    def close(self) -> None:
        """Says QUIT to the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            _hang_up(line)

    def _work(self, queue: Iterator[tuple[int, Parcel]], outcomes: list[Outcome | None]) -> None:
        line: smtplib.SMTP | None = None
        for index, parcel in queue:
            if (outcome := refused(parcel)) is not None:
                outcomes[index] = outcome
                continue
            outcomes[index] = self._door.closed(parcel.id, time.monotonic())
            if outcomes[index] is not None:
                continue
            if line is None:
                line, outcomes[index] = self._line(parcel.id)
                if line is None:
                    continue
            outcome, line = _deliver(line, parcel)
            outcomes[index] = self._door.learned(outcome, time.monotonic())
        if line is not None:
            with self._lock:
                self._idle.append(line)

    def _line(self, id: str) -> tuple[smtplib.SMTP | None, Outcome | None]:
        """An open connection, or the outcome of a parcel that found none: nothing was sent."""
        with self._lock:
            line = self._idle.pop() if self._idle else None
        # Servers close what is idle; found out here, a broken line costs nothing.
        if line is not None and (line := _again(line)) is not None:
            return line, None
        try:
            return self._server.connect(), None
        except smtplib.SMTPNotSupportedError:
            return None, self._refused(id, "tls", "the server offers no STARTTLS; use smtps:// or a server that does")
        except smtplib.SMTPAuthenticationError:
            return None, self._refused(id, "auth", "the server refuses user or password of SMTP_URL")
        except ssl.SSLError:
            return None, self._refused(id, "tls", "the server's certificate cannot be verified, or it speaks no TLS on this port")
        except (smtplib.SMTPException, OSError):
            self._door.unreachable()
            return None, Outcome(id, "retry", "no_connection", blameless=True)

    def _refused(self, id: str, code: str, mend: str) -> Outcome:
        if self._door.shut(code):
            log.error("SMTP: nothing was sent and it will be tried again. mend: %s", mend)
        return Outcome(id, "retry", code, blameless=True)


class _Server:
    """Where to connect, and how."""

    def __init__(self, url: str, answer_within: float) -> None:
        parts = urlsplit(url.strip())
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or port == -1:
            raise SettingsError("SMTP_URL is no address of an SMTP server", _MEND)
        starttls = parse_qs(parts.query, keep_blank_values=True).get("starttls", ["no"])[-1].lower()
        self._starttls = starttls in {"", "yes", "true", "1", "required"}
        self._tls = parts.scheme == "smtps"
        self._host, self._port = parts.hostname, port or (465 if self._tls else 587 if self._starttls else 25)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._answer_within = answer_within
        if self._user and not (self._tls or self._starttls or self._host in _LOOPBACK):
            raise SettingsError("SMTP_URL would send the password in the clear", "add ?starttls=yes to SMTP_URL, or use smtps://")

    def connect(self) -> smtplib.SMTP:
        """An open, authenticated connection. Raises smtplib's and the system's errors."""
        line: smtplib.SMTP
        if self._tls:
            line = smtplib.SMTP_SSL(self._host, self._port, _own_name(), timeout=self._answer_within, context=self._context)
        else:
            line = smtplib.SMTP(self._host, self._port, _own_name(), timeout=self._answer_within)
        try:
            if self._starttls:
                line.starttls(context=self._context)
            if self._user:
                line.login(self._user, self._password)
            line.ehlo_or_helo_if_needed()
        except BaseException:
            line.close()
            raise
        return line

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context()


class _Shared:
    """Parcels with their places, drawn by several threads."""

    def __init__(self, parcels: Sequence[Parcel]) -> None:
        self._parcels = iter(enumerate(parcels))
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[tuple[int, Parcel]]:
        return self

    def __next__(self) -> tuple[int, Parcel]:
        with self._lock:
            return next(self._parcels)


def _deliver(line: smtplib.SMTP, parcel: Parcel) -> tuple[Outcome, smtplib.SMTP | None]:
    """One transaction. Returns the outcome, and the line when it can be used again."""
    left = False
    try:
        refused = _envelope(line, parcel)
        if refused is None:
            answer = line.docmd("DATA")
            if answer[0] == 354:
                left = True
                line.send(_LEADING_DOT.sub(b"..", parcel.body) + b".\r\n")
                answer = line.getreply()
            refused = None if left and answer[0] // 100 == 2 else _outcome(parcel.id, *answer)
    except Exception as error:  # noqa: BLE001  nothing may cost the others their outcomes
        line.close()
        if not left:
            return Outcome(parcel.id, "retry", "no_connection", blameless=True), None
        # smtplib says "disconnected" of every failed read, and keeps the time-out as its context.
        silent = isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)
        return Outcome(parcel.id, "uncertain", "timeout" if silent else "connection_lost"), None
    if refused is None:
        return Outcome(parcel.id, "accepted", provider_id=parcel.id), line
    return refused, _again(line)


def _envelope(line: smtplib.SMTP, parcel: Parcel) -> Outcome | None:
    """MAIL FROM and RCPT TO; the outcome when the server refuses sender or recipient. A refused copy goes without its mail."""
    sender, recipient = parcel.meta["from"], parcel.meta["to"]
    if not (sender + recipient).isascii():
        return Outcome(parcel.id, "rejected", INVALID_ADDRESS, nobody=sender.isascii())  # would need SMTPUTF8 all the way to the recipient
    size = [f"size={len(parcel.body)}"] if line.has_extn("size") else []
    answer = line.mail(sender, size)
    if answer[0] // 100 == 2:
        answer = line.rcpt(recipient)
    if answer[0] // 100 != 2:
        return _outcome(parcel.id, *answer)
    for copied in parcel.meta.get("cc", "").split():
        if copied.isascii():
            line.rcpt(copied)
    return None


def _outcome(id: str, status: int, reply: bytes) -> Outcome:
    """4xx: not taken now, so again later; 5xx: never. The code is `550:5.1.1`; the server's text may hold the address and is not kept."""
    if status < 400:
        return Outcome(id, "uncertain", str(status))
    enhanced = _ENHANCED.match(reply.decode("ascii", "replace"))
    code = f"{status}:{enhanced[0]}" if enhanced else str(status)
    if status == 530:
        return Outcome(id, "retry", "auth", blameless=True)
    return Outcome(id, "rejected" if status >= 500 else "retry", code, nobody=status >= 500 and code.partition(":")[2] in _NOBODY)


def _again(line: smtplib.SMTP) -> smtplib.SMTP | None:
    """The line, ready for the next transaction; None when the server has hung up."""
    try:
        if line.rset()[0] == 250:
            return line
    except (smtplib.SMTPException, OSError):
        pass
    line.close()
    return None


def _hang_up(line: smtplib.SMTP) -> None:
    try:
        line.quit()
    except (smtplib.SMTPException, OSError):
        line.close()


def _own_name() -> str:
    # smtplib's own way looks the host up in DNS, which costs ten seconds where there is none.
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
