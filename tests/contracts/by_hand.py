"""The oracle of metrics: every kind counted in plain Python over one subject's events, from the language's words alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from statistics import fmean
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from tests.contracts.usage_world import Event


class Dated(NamedTuple):
    """An event with the day that it was in some zone."""

    event: Event
    at: datetime
    day: date


def dated(events: Sequence[Event], zone: str) -> list[Dated]:
    tz = ZoneInfo(zone)
    return [Dated(e, e.occurred_at.astimezone(UTC), e.occurred_at.astimezone(tz).date()) for e in events]


class Subject(NamedTuple):
    """One account, or one contact, and what it did."""

    events: Sequence[Dated]
    since: datetime | None
    seats: int | None = None
    """Its account's."""


def naive(metrics: Mapping[str, Mapping[str, Any]], name: str, subject: Subject, now: datetime, zone: str) -> Any:
    """The metric's value for one subject."""
    spec = metrics[name]
    if "trend" in spec:
        of = metrics[spec["trend"]]
        back = _days(of.get("ago", "0 days")) + _days(spec.get("ago", of["in"]))
        value, before = _counted(of, subject, now, zone), _counted({**of, "ago": f"{back} days"}, subject, now, zone)
        if spec.get("as") == "difference":
            return None if None in (value, before) else value - before
        return value / before if value is not None and before else None
    value = _counted(spec, subject, now, zone)
    if "share_of" in spec:
        return value / subject.seats if value is not None and subject.seats else None
    return value


def _counted(spec: Mapping[str, Any], subject: Subject, now: datetime, zone: str) -> Any:
    tz, since = ZoneInfo(zone), subject.since
    today = now.astimezone(tz).date()
    last = today - timedelta(days=_days(spec.get("ago", "0 days")))
    meant = [e for e in subject.events if e.at <= now and _is_meant(spec, e, tz)]
    seen = _in_window(spec, meant, now, last)
    if "funnel" in spec:
        ends = [_way(spec, e, meant) for e in seen if e.event.event == spec["funnel"][0]]
        through = sum(ends)
        return through if spec.get("as") != "rate" else through / len(ends) if ends else None
    kind = next(key for key in spec if key in KINDS)
    return KINDS[kind](Counted(spec[kind], seen, since.astimezone(tz).date() if since else None, today, last))


class Counted(NamedTuple):
    """What one kind counts."""

    of: str
    """What stands behind the kind: a column, or a star."""
    seen: list[Dated]
    since: date | None
    today: date
    last: date
    """The window's last day."""

    def values(self) -> list[Any]:
        column = {"contact": "contact_id", "at": "occurred_at"}.get(self.of, self.of)
        found = [e.day if self.of == "day" else getattr(e.event, column) for e in self.seen]
        return [value for value in found if value is not None]


def _streak(counted: Counted, days: int, latest: int) -> int:
    back = {(counted.today - e.day).days // days for e in counted.seen}
    start = 0 if 0 in back else latest
    return next(n for n in count() if start + n not in back)


def _days_since(counted: Counted, day: date | None) -> int | None:
    return None if day is None else (counted.today - day).days


KINDS: Mapping[str, Callable[[Counted], Any]] = {
    "count": lambda c: len(c.seen),
    "count_distinct": lambda c: len(set(c.values())),
    "sum": lambda c: sum(c.values()),
    "min": lambda c: min(c.values(), default=None),
    "max": lambda c: max(c.values(), default=None),
    "avg": lambda c: fmean(c.values()) if c.values() else None,
    "first_time": lambda c: min((e.at for e in c.seen), default=None),
    "last_time": lambda c: max((e.at for e in c.seen), default=None),
    "days_since_first": lambda c: _days_since(c, min((e.day for e in c.seen), default=None)),
    "days_since_last": lambda c: _days_since(c, max((e.day for e in c.seen), default=c.since)),
    "active_days": lambda c: len({e.day for e in c.seen}),
    "active_weeks": lambda c: len({(c.last - e.day).days // 7 for e in c.seen}),
    "streak_days": lambda c: _streak(c, 1, 1),
    "streak_weeks": lambda c: _streak(c, 7, 0),
}


def _way(spec: Mapping[str, Any], first: Dated, events: Sequence[Dated]) -> bool:
    """Whether some way leads from that first step through all the others, each later than the one before, in time."""
    ends = [first]
    for step in spec["funnel"][1:]:
        ends = [e for e in events if e.event.event == step and any(e.at > before.at for before in ends)]
        if spec.get("by") == "contact":
            ends = [e for e in ends if e.event.contact_id == first.event.contact_id is not None]
    amount, unit = spec.get("within", "9999 days").split(" ")
    if unit.startswith("hour"):
        return any(e.at - first.at <= timedelta(hours=int(amount)) for e in ends)
    return any((e.day - first.day).days <= _days(f"{amount} {unit}") for e in ends)


def _in_window(spec: Mapping[str, Any], events: Sequence[Dated], now: datetime, last: date) -> list[Dated]:
    seen = [e for e in events if e.day <= last]
    if "in" not in spec:
        return seen
    amount, unit = spec["in"].split(" ")
    if unit.startswith("hour"):
        return [e for e in seen if e.at > now - timedelta(hours=int(amount))]
    return [e for e in seen if e.day > last - timedelta(days=_days(spec["in"]))]


def _is_meant(spec: Mapping[str, Any], event: Dated, zone: ZoneInfo) -> bool:
    match spec.get("where"):
        case None:
            return True
        case "amount >= 1.5":
            return event.event.amount is not None and event.event.amount >= 1.5
        case "contact is null":
            return event.event.contact_id is None
        case "at < '2026-03-29' and event = 'b'":
            return event.at < datetime(2026, 3, 29, tzinfo=zone) and event.event.event == "b"
        case str() as where:
            return event.event.event == where.removeprefix("event = '").removesuffix("'")
    raise ValueError(spec)


def _days(length: str) -> int:
    amount, unit = length.split(" ")
    return int(amount) * (7 if unit.startswith("week") else 1)
