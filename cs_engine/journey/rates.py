"""How fast a vendor, a Slack channel and a recipient's domain are written to. Token buckets, shared by all who deliver. Pure.

A bucket holds as many as its rate names and is filled evenly: of `600 per minute` at most 600 go at once, and one each tenth of a
second from then on. A message takes a token of each bucket that it goes by in the transaction that claims it. What finds one empty
waits with the reason and the time at which its turn is likely; nothing is reserved, so that the order of claims decides again then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil
from typing import NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.journey.caps import EXEMPT_KIND, EXEMPT_TOPIC
from cs_engine.playbook.config import DEFAULT_DOMAIN

_ENOUGH = 0.98
"""Of a token: what goes every day is not late for the minutes that runs differ by. The next one makes up for it."""


_DOMAIN = "domain "
"""What the keys of domains begin with."""


class Rate(NamedTuple):
    most: int
    span: Micros
    reason: str = ""
    """What a message that waits for it is told."""
    changes: Micros | None = None
    """From when on it is another; None: it stays."""


class Bucket(NamedTuple):
    key: str
    tokens: float
    at: Micros
    """When it held so many."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A new sender's ramp: so many to each domain at first, twice as many after every while, until it ends."""

    begins: Micros
    start: Rate
    doubles: Micros
    ends: Micros

    def rate(self, now: Micros) -> Rate | None:
        """What it allows each domain now; None: it is over."""
        if now >= self.ends:
            return None
        doubled = max(0, (now - self.begins) // self.doubles)
        changes = min(self.ends, self.begins + (doubled + 1) * self.doubles)
        return self.start._replace(most=self.start.most * 2**doubled, changes=changes)


@dataclass(frozen=True, slots=True)
class Rates:
    """What project.yaml allows."""

    vendors: Mapping[str, Rate] = field(default_factory=dict)
    """sendgrid | smtp | slack | https -> all that it is given."""
    slack_channel: Rate | None = None
    """What each Slack channel, or person, is given."""
    domains: Mapping[str, Rate] = field(default_factory=dict)
    """Mail to customers, by the domain that they are mailed at."""
    warm_up: WarmUp | None = None

    def __bool__(self) -> bool:
        return bool(self.vendors or self.slack_channel or self.domains or self.warm_up)

    def domain(self, name: str, now: Micros) -> Rate | None:
        """What mail to a domain may do now: the slower of its own rate and the ramp."""
        own = self.domains.get(name) or self.domains.get(DEFAULT_DOMAIN)
        ramp = self.warm_up.rate(now) if self.warm_up is not None else None
        both = [rate for rate in (own, ramp) if rate is not None]
        return min(both, key=lambda rate: rate.most / rate.span, default=None)


class Paced(Protocol):
    """What the rates read of a message."""

    @property
    def channel(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def recipient(self) -> str: ...
    @property
    def recipient_kind(self) -> str: ...
    @property
    def domain(self) -> str:
        """Of the address that it goes to; '' without one."""


Read = Callable[[Collection[str]], Mapping[str, Bucket]]
"""Buckets by key, from the transaction of the claim, and nobody else's until that ends; those that are not there yet are left out."""


class Line:
    """How many wait for each bucket, over the claims of one tick: a hint of when each will go."""

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()

    def place(self, key: str) -> int:
        """How many go before this one."""
        self._waiting[key] += 1
        return self._waiting[key] - 1

    def moves_on(self) -> None:
        """Those who waited are asked again."""
        self._waiting.clear()


class Buckets:
    """How full each bucket is, for the messages of one claim; kept up as they go. One question a claim, and none without rates."""

    def __init__(self, rates: Rates, vendor: str, messages: Sequence[Paced], read: Read, at: Micros, line: Line) -> None:
        self._rates, self._vendor, self._at, self._line = rates, vendor, at, line
        self._tokens: dict[str, float] = {}
        self._spent: set[str] = set()
        self.next_turn: Micros | None = None
        """When the first goes of those that wait."""
        self._by: dict[str, tuple[tuple[str, Rate], ...]] = {}
        wanted = {key: rate for message in messages for key, rate in self._of(message)} if rates else {}
        found = read(sorted(wanted)) if wanted else {}
        for key, rate in wanted.items():
            self._tokens[key] = filled(found.get(key), rate, at)

    def frees(self, message: Paced) -> tuple[Micros, str] | None:
        """When all that it goes by are likely to let the message go, and the reason of the last that does; None: now."""
        waits = [self._wait(key, rate) for key, rate in self._of(message) if self._tokens[key] < _ENOUGH and _waits(message, key)]
        frees = max(waits, default=None)
        if frees is not None and (self.next_turn is None or frees[0] < self.next_turn):
            self.next_turn = frees[0]
        return frees

    def goes(self, message: Paced) -> None:
        """Takes the tokens of a message that goes now."""
        for key, rate in self._of(message):
            # What may not be kept waiting takes more than there is; the others never wait for it longer than a span.
            self._tokens[key] = max(self._tokens[key] - 1, -float(rate.most))
            self._spent.add(key)

    @property
    def spent(self) -> list[Bucket]:
        """Those that something was taken of, as they are now."""
        return [Bucket(key, self._tokens[key], self._at) for key in sorted(self._spent)]

    def _wait(self, key: str, rate: Rate) -> tuple[Micros, str]:
        missing = _ENOUGH + self._line.place(key) - self._tokens[key]
        until = self._at + max(1, ceil(missing * rate.span / rate.most))
        return until if rate.changes is None else min(until, rate.changes), rate.reason

    def _of(self, message: Paced) -> tuple[tuple[str, Rate], ...]:
        """The buckets that a message goes by. An edit of an alert that stands is no message."""
        if not self._rates or message.kind == EXEMPT_KIND:
            return ()
        by = f"{message.channel} {message.recipient_kind} {message.domain or message.recipient}"
        if by not in self._by:
            self._by[by] = tuple(self._keys(message))
        return self._by[by]

    def _keys(self, message: Paced) -> list[tuple[str, Rate]]:
        found = []
        if (rate := self._rates.vendors.get(self._vendor)) is not None:
            found.append((f"vendor {self._vendor}", rate))
        if message.channel == "slack" and self._rates.slack_channel is not None:
            found.append((f"slack {_hashed(message.recipient)}", self._rates.slack_channel))
        if message.recipient_kind == "contact" and message.domain:
            rate = self._rates.domain(message.domain, self._at)
            found += [(f"{_DOMAIN}{_hashed(message.domain)}", rate)] if rate is not None else []
        return found


def filled(bucket: Bucket | None, rate: Rate, now: Micros) -> float:
    """How many it holds by now. A clock that was set back fills nothing, and takes nothing."""
    if bucket is None:
        return float(rate.most)
    return min(float(rate.most), bucket.tokens + max(0, now - bucket.at) * rate.most / rate.span)


def _waits(message: Paced, key: str) -> bool:
    """Transactional mail counts, and waits for what the vendor takes alone."""
    return message.topic != EXEMPT_TOPIC or not key.startswith(_DOMAIN)


def _hashed(name: str) -> str:
    # Addresses of ours and domains of customers are nobody's business who reads the table.
    return blake2b(name.encode(), digest_size=12).hexdigest()
