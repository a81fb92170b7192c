"""What the claim of a message asks before it lets it go. Pure: the clock's time, zones and templates are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cs_engine.instants import Micros, to_micros
from cs_engine.journey import message

HOLD = "hold"
"""Why mail waits that a playbook or the project holds."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Customer mail waits from `start` to `end`, local time of the recipient; the span may run over midnight."""

    start: time
    end: time

    def until(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When the window opens again, or None when it is open at `at`.

        In a gap of summer time the end is the first instant after it; in a fold it is the first of the two that is still to come.
        """
        local = at.astimezone(zone)
        clock = local.time()
        if self.start <= self.end:
            quiet, wraps = self.start <= clock < self.end, False
        else:
            quiet, wraps = clock >= self.start or clock < self.end, clock >= self.start
        if not quiet:
            return None
        day = local.date() + timedelta(days=1) if wraps else local.date()
        opens = datetime.combine(day, self.end, zone).astimezone(UTC)
        # In the second hour of a fold the clock has shown the end already: it comes again.
        return opens if opens > at else datetime.combine(day, self.end.replace(fold=1), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Rules:
    """The project's rules of sending."""

    zone: str
    """The project's zone: for people without one."""
    quiet_hours: QuietHours | None
    locale_of: Callable[[str], str]
    """A recipient's locale ('' for unknown) -> the locale that their mail is written in."""
    written: Callable[[str, str, str], bool]
    """(channel, template, locale) -> whether that template exists in that locale."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the rules read of a message that wants to go."""

    id: str
    state: message.State
    channel: str
    topic: str
    template: str
    recipient_kind: str
    """contact | staff | channel"""
    known: bool
    """Whether the recipient still exists."""
    address: bool
    suppressed: bool
    zone: str
    locale: str
    expires_at: Micros | None = None
    """From when on it is not sent any more."""
    hold: bool = False
    """Whether the playbook or the project holds customer mail now."""


def judge(requests: Sequence[Request], rules: Rules, at: datetime) -> list[message.Move | None]:
    """For each message None (it may go), or the move that keeps it: held until an instant, or skipped, with the reason.

    A held message is judged again when its time comes; nothing is dropped for coming at a bad hour.
    """
    opens: dict[str, Micros | None] = {}
    verdicts: list[message.Move | None] = []
    for request in requests:
        if request.zone not in opens:
            until = rules.quiet_hours.until(at, zone_or(request.zone, rules.zone)) if rules.quiet_hours else None
            opens[request.zone] = to_micros(until) if until else None
        verdicts.append(_judge(request, rules, at, opens[request.zone]))
    return verdicts


def _judge(request: Request, rules: Rules, at: datetime, opens: Micros | None) -> message.Move | None:
    if not request.known:
        return message.skipped(request.id, request.state, "recipient_gone")
    if request.expires_at is not None and request.expires_at <= to_micros(at):
        return message.skipped(request.id, request.state, "expired")
    to_customer = request.channel == "email" and request.recipient_kind == "contact"
    if to_customer:
        if not request.address:
            return message.skipped(request.id, request.state, "no_address")
        if request.suppressed:
            return message.skipped(request.id, request.state, "suppressed")
        if request.hold:
            # The tick in which the hold ends wakes it; the day is for those whose plan is not read any more.
            return message.held(request.id, request.state, HOLD, to_micros(at + timedelta(days=1)))
    # Our own people are told in the project's language what is not written in the customer's.
    if to_customer and not rules.written(request.channel, request.template, rules.locale_of(request.locale)):
        return message.held(request.id, request.state, "no_translation", to_micros(at + timedelta(days=1)))
    if opens is not None and to_customer and request.topic != "transactional":
        return message.held(request.id, request.state, "quiet_hours", opens)
    return None


def no_longer_than(move: message.Move | None, expires_at: Micros | None) -> message.Move | None:
    """What is held longer than it keeps is judged again when it expires: its passage goes on then, not later."""
    if move is None or move.until is None or expires_at is None or move.until <= expires_at:
        return move
    return move._replace(until=expires_at)


@lru_cache(maxsize=1024)
def zone_or(name: str, fallback: str) -> ZoneInfo:
    """The zone of that name, else the fall-back: a customer's record may say anything."""
    try:
        return ZoneInfo(name) if name else ZoneInfo(fallback)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(fallback)
