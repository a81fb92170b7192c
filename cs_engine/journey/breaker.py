"""The breaker of a way out: when a vendor fails again and again it is given a rest, and one message tries whether it is back. Pure.

    closed ──opened──▶ open ──probing──▶ half_open ──closed──▶ closed
                        ▲                    │
                        └──────opened────────┘

One for each vendor, shared by all who deliver. What the vendor says of one message, and its limits, are no failures of the vendor.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from cs_engine.instants import Micros

_MINUTE: Micros = timedelta(minutes=1) // timedelta(microseconds=1)

FAILURES = 5
"""So many failures within the window open it, when they are half of what was tried or more."""
WINDOW: Micros = 60 * _MINUTE
REST: Micros = _MINUTE
"""How long it rests at first; twice as long each time that the vendor is still not back."""
LONGEST_REST: Micros = 10 * _MINUTE
PROBE: Micros = 5 * _MINUTE
"""How long a probe is waited for: who sent it may have died."""


class State(StrEnum):
    CLOSED = "closed"
    """All goes."""
    OPEN = "open"
    """Nothing goes before `until`."""
    HALF_OPEN = "half_open"
    """One message tries."""


class Breaker(NamedTuple):
    """As it stands. Applied as UPDATE … WHERE revision = :was."""

    way: str
    """The vendor: sendgrid | smtp | slack."""
    state: State = State.CLOSED
    since: Micros = 0
    """When it came to that state; of an open one, when it opened first."""
    until: Micros = 0
    """Open: when it may be tried. Half-open: until when the probe's answer is waited for."""
    reason: str = ""
    """What failed last: auth, no_connection, 503, timeout, …"""
    times: int = 0
    """How often it has opened since it was closed."""
    began: Micros = 0
    """Of the window in which failures are counted."""
    failed: int = 0
    answered: int = 0
    revision: int = 0


def opened(breaker: Breaker, reason: str, now: Micros) -> Breaker:
    """Nothing is sent for a while; the longer, the more often it came to this."""
    rest = min(LONGEST_REST, REST * 2**breaker.times)
    since = breaker.since if breaker.state is State.HALF_OPEN else now
    return breaker._replace(
        state=State.OPEN, since=since, until=now + rest, reason=reason, times=breaker.times + 1, failed=0, answered=0, began=now
    )


def probing(breaker: Breaker, now: Micros) -> Breaker:
    """Somebody tries it with one message, and nobody else meanwhile."""
    return breaker._replace(state=State.HALF_OPEN, until=now + PROBE)


def untried(breaker: Breaker, now: Micros) -> Breaker:
    """There was nothing to try it with: whoever has something may."""
    return breaker._replace(state=State.OPEN, until=now)


def closed(breaker: Breaker, now: Micros) -> Breaker:
    """The vendor is back."""
    return Breaker(breaker.way, since=now, began=now, revision=breaker.revision)


def may_be_tried(breaker: Breaker, now: Micros) -> bool:
    """Of one that is not closed: whether its rest is over, or its prober has not been heard of. A clock that was set back makes no rest
    longer than any may be.
    """
    return breaker.until <= now or breaker.until > now + LONGEST_REST


def learned(breaker: Breaker, failed: int, answered: int, reason: str, now: Micros) -> Breaker:
    """How it stands after some messages: so many failed by the vendor's fault, the last for that reason, so many were answered."""
    if not failed and not answered:
        return breaker
    if breaker.state is not State.CLOSED:
        return opened(breaker, reason, now) if failed >= answered else closed(breaker, now)
    if not failed and not breaker.failed:
        return breaker
    fresh = breaker._replace(began=now, failed=0, answered=0) if not 0 <= now - breaker.began < WINDOW else breaker
    counted = fresh._replace(failed=fresh.failed + failed, answered=fresh.answered + answered)
    if counted.failed >= FAILURES and counted.failed >= counted.answered:
        return opened(counted, reason, now)
    return counted
