"""Frequency caps: never more than so many messages in any window of that length, to the minute. Pure.

A message counts from the minute in which its tick's delivery began, for as long as it may have left: dispatching, accepted, or uncertain.
Those of the transactional topic, and edits of an alert that stands, are neither held nor counted. Touches that people logged count for
their contact and account from when they were. Nothing is reserved: what was
held asks again when the window frees, in the claim's order, so that the playbook's priority decides who goes first then too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from cs_engine.instants import Micros

_MINUTE: Micros = 60_000_000

EVERYBODY = "*"
"""The key of the project's own cap."""

EXEMPT_TOPIC = "transactional"
EXEMPT_KIND = "cta_update"


def minute(at: Micros) -> Micros:
    """The beginning of its minute. What goes every hour is not an hour late for the seconds by which schedules begin late."""
    return at - at % _MINUTE


class Scope(StrEnum):
    """Whose messages a cap counts."""

    CONTACT = "contact"
    """Mail to one person at a customer's: to one address, by whichever contacts it is known."""
    ACCOUNT = "account"
    """Mail to all people of one account."""
    STAFF = "csm"
    """What one of us gets."""
    PROJECT = "project"
    """All mail to customers: a cap of it spreads what became free at once. Those that wait get a place each, in order."""


class Cap(NamedTuple):
    scope: Scope
    most: int
    window: Micros
    reason: str
    """What a message that it holds is told to wait for."""
    channel: str = ""
    """Counts and holds messages of this channel alone; '': of all."""


class Sent(NamedTuple):
    """A message that has left, or may have; or a touch that somebody logged."""

    key: str
    """The contact, account or staff e-mail that it was asked by."""
    channel: str
    at: Micros
    """The minute from which it counts."""


History = Callable[[Scope, Collection[str], Micros], Iterable[Sent]]
"""(whose, which, since): what was sent to those after that instant, from the transaction of the claim. Exempt messages are left out."""


class Capped(Protocol):
    """What the caps read of a message that wants to go."""

    @property
    def channel(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def recipient_kind(self) -> str: ...
    @property
    def person(self) -> str:
        """Who the recipient is under whatever contact's name; '' for the recipient."""

    @property
    def reason(self) -> str:
        """Why it waits so far; '' when it does not."""


def nothing_sent(scope: Scope, keys: Collection[str], since: Micros) -> Iterable[Sent]:  # noqa: ARG001 - a history
    """The history of a project that has none."""
    return ()


class Queue:
    """How many wait in portions, over the claims of one tick: a hint of when each will go. Whether it does is told by what was sent."""

    def __init__(self, waiting: int = 0) -> None:
        self._waiting, self._passed_over = waiting, 0

    def place(self, cap: Cap, message: Capped) -> int:
        """How many go before this one: behind all that wait; one whose turn had come and was taken keeps to the front."""
        if message.reason == cap.reason:
            self._passed_over += 1
            return self._passed_over - 1
        self._waiting += 1
        return self._waiting - 1


class Ledger:
    """How full each cap is, for the messages of one claim; kept up as they go. One question to the history a scope."""

    def __init__(self, caps: Sequence[Cap], messages: Sequence[Capped], history: History, at: Micros, queue: Queue) -> None:
        self._caps, self._at, self._queue = caps, at, queue
        self._sent: dict[tuple[Cap, str], list[Micros]] = {}
        for scope in dict.fromkeys(cap.scope for cap in caps):
            keys = sorted({key for message in messages if (key := _key(scope, message))})
            of_scope = [cap for cap in caps if cap.scope is scope]
            if keys:
                self._read(of_scope, history(scope, keys, at - max(cap.window for cap in of_scope)))

    def _read(self, caps: Sequence[Cap], sent: Iterable[Sent]) -> None:
        for one in sorted(sent, key=lambda one: one.at):
            for cap in caps:
                if cap.channel in ("", one.channel) and one.at > self._at - cap.window:
                    self._sent.setdefault((cap, one.key), []).append(one.at)

    def frees(self, message: Capped) -> tuple[Micros, str] | None:
        """When all caps let the message go, and the reason of the last that does; None: now."""
        waits = [
            (self._slot(cap, times, message), cap.reason)
            for cap, key in self._applying(message)
            if len(times := self._sent.get((cap, key), [])) >= cap.most
        ]
        return max(waits, key=lambda wait: wait[0], default=None)

    def _slot(self, cap: Cap, times: Sequence[Micros], message: Capped) -> Micros:
        rounds, place = divmod(self._queue.place(cap, message) if cap.scope is Scope.PROJECT else 0, cap.most)
        return times[place - cap.most] + cap.window * (1 + rounds)

    def goes(self, message: Capped) -> None:
        """Counts a message that goes now."""
        for slot in self._applying(message):
            self._sent.setdefault(slot, []).append(minute(self._at))

    def _applying(self, message: Capped) -> list[tuple[Cap, str]]:
        return [(cap, key) for cap in self._caps if cap.channel in ("", message.channel) and (key := _key(cap.scope, message))]


def _key(scope: Scope, message: Capped) -> str:
    """By whom a cap of that scope counts the message; '' when it does not."""
    if message.topic == EXEMPT_TOPIC or message.kind == EXEMPT_KIND:
        return ""
    if scope is Scope.STAFF:
        return message.recipient if message.recipient_kind == "staff" else ""
    if message.recipient_kind != "contact":
        return ""
    return {Scope.CONTACT: message.person or message.recipient, Scope.ACCOUNT: message.account}.get(scope, EVERYBODY)
