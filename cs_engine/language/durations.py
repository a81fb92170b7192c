"""Lengths of time as authors write them: a whole number and one unit.

Minutes and hours are absolute. Days and weeks are calendar days in a zone: the same time of day, so a day can have 23 or
25 hours. Business days are Monday to Friday.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from unicodedata import normalize
from zoneinfo import ZoneInfo

from cs_engine.instants import Micros
from cs_engine.language.expression import Duration
from cs_engine.language.problems import Place, Problems

UNITS = ("minutes", "hours", "days", "weeks", "business days")
MAX_DAYS = 36_525
"""A century: what is longer is a slip of the keyboard."""

_SINGULAR = {unit.removesuffix("s"): unit for unit in UNITS}
_DAYS_OF = {"minutes": 1 / 1440, "hours": 1 / 24, "days": 1, "weeks": 7, "business days": 7 / 5}
_SHAPE = re.compile(r"([0-9]{1,9})\s+((?:business\s+)?[a-z]+)")
_LOOSE = re.compile(r"(?:P|PT)?([0-9]+|[a-z]+)\s*-?\s*(\D*)", re.IGNORECASE)
_WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10}
_KANJI = {ord(kanji): str(number) for number, kanji in enumerate("〇一二三四五六七八九")}
_LOOSE_UNITS = {
    "minutes": {"m", "min", "mins", "minute", "minutes", "分", "分間"},
    "hours": {"h", "hr", "hrs", "hour", "hours", "時間"},
    "days": {"d", "day", "days", "日", "日間"},
    "weeks": {"w", "wk", "wks", "week", "weeks", "週", "週間"},
    "business days": {"bd", "business day", "business days", "working day", "working days", "workday", "workdays", "weekdays", "営業日"},
}
_MONTHS = {"month", "months", "mo", "mos", "ヶ月", "か月", "カ月", "ヵ月", "ケ月", "月"}
_YEARS = {"year", "years", "y", "yr", "yrs", "年", "年間"}
_ALL_UNITS = frozenset().union(*_LOOSE_UNITS.values(), _MONTHS, _YEARS)


@lru_cache(maxsize=512)
def parse(text: str) -> Duration | None:
    """`3 days`, `1 day`, `2 business days`, `4 hours`, `52 weeks`, `30 minutes`, or None."""
    found = _SHAPE.fullmatch(text.strip())
    if not found:
        return None
    amount, unit = int(found[1]), " ".join(found[2].split())
    if amount == 1:
        unit = _SINGULAR.get(unit, unit)
    if unit not in UNITS or amount * _DAYS_OF[unit] > MAX_DAYS:
        return None
    return Duration(amount, unit)


def is_like(text: str) -> bool:
    """Whether this is a number and a unit of time in some spelling: `3d`, `1.5 hours`, `3日`."""
    found = re.fullmatch(r"[0-9.]+\s*(\D+)", normalize("NFKC", text).strip().lower())
    return found is not None and " ".join(found[1].split()) in _ALL_UNITS


def check(text: object, place: Place, problems: Problems) -> Duration | None:
    """The duration, or None and a problem with its mend. `text` is what YAML gave: a bare number gets its mend too."""
    duration = parse(text) if isinstance(text, str) else None
    if duration is None:
        problems.add(place, "X290", f"{str(text)[:40]!r} is no length of time", mend(str(text)))
    return duration


def mend(text: str) -> str:
    """What to write instead of a text that is no duration."""
    advice = "write a whole number and a unit: 3 days, 2 business days, 4 hours, 52 weeks, 30 minutes"
    plain = normalize("NFKC", text).strip().lower().translate(_KANJI)
    found = _LOOSE.fullmatch(plain)
    if not found or len(plain) > 40:
        return advice
    amount = int(found[1][:9]) if found[1].isdigit() else _WORDS.get(found[1])
    if amount is None:
        return advice
    unit = " ".join(found[2].split())
    if not unit:
        return f"write a unit: {Duration(amount, 'days')}, or {Duration(amount, 'hours')}"
    if unit in _MONTHS:
        return f"months differ in length: write {amount * 30} days"
    if unit in _YEARS:
        return f"write {amount * 52} weeks or {amount * 365} days"
    for known, spellings in _LOOSE_UNITS.items():
        if unit in spellings:
            return f"write {Duration(amount, known)}" if amount * _DAYS_OF[known] <= MAX_DAYS else "that is more than a hundred years"
    return advice


def micros(duration: Duration) -> Micros | None:
    """The length in microseconds where it is the same everywhere: minutes and hours. None for days, which differ by zone."""
    minutes = {"minutes": 1, "hours": 60}.get(duration.unit)
    return None if minutes is None else duration.amount * minutes * 60_000_000


def parse_rate(text: str) -> tuple[int, Duration] | None:
    """`200 per hour`: how many, and in which time (minute, hour, day). None when it is no such thing."""
    found = re.fullmatch(r"([1-9][0-9]{0,6})\s+per\s+(minute|hour|day)", text.strip())
    return (int(found[1]), Duration(1, f"{found[2]}s")) if found else None


def per(text: str) -> tuple[int, Micros] | None:
    """`10 per second`: how many, and in how long (second, minute, hour, a day of 24 hours). None when it is no such thing."""
    found = re.fullmatch(r"([1-9][0-9]{0,6})\s+per\s+(second|minute|hour|day)", text.strip())
    return (int(found[1]), {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}[found[2]] * 1_000_000) if found else None


def length(duration: Duration) -> Micros | None:
    """The length in microseconds, of days as 24 hours each; None for business days, which have none."""
    days = {"days": 1, "weeks": 7}.get(duration.unit)
    return micros(duration) if days is None else duration.amount * days * 24 * 60 * 60_000_000


def add(at: datetime, duration: Duration, zone: ZoneInfo, times: int = 1, off: Callable[[date], bool] | None = None) -> datetime:
    """`at` (aware) moved by `times` durations (negative: back), as an aware UTC datetime.

    A local time that summer time skips moves on by the gap (02:30 -> 03:30); one that comes twice is the first of the two.
    Business days from a Saturday or Sunday count from Friday going forward and from Monday going back. `off` says which other days
    are none.
    """
    exact = micros(duration)
    if exact is not None:
        return at.astimezone(UTC) + timedelta(microseconds=exact * times)
    amount = duration.amount * times
    local = at.astimezone(zone)
    match duration.unit:
        case "business days":
            days = _business_shift(local.isoweekday(), amount) if off is None else _business_walk(local.date(), amount, off)
        case "weeks":
            days = amount * 7
        case _:
            days = amount
    if not days:
        return at.astimezone(UTC)
    return (local.replace(tzinfo=None, fold=0) + timedelta(days=days)).replace(tzinfo=zone).astimezone(UTC)


def _business_walk(start: date, amount: int, off: Callable[[date], bool]) -> int:
    """The same, around days that are off."""
    step, day = timedelta(days=1 if amount >= 0 else -1), start
    left = abs(amount)
    while left:
        day += step
        if day.isoweekday() <= 5 and not off(day):
            left -= 1
    return (day - start).days


def weekdays_sql(day: str) -> str:
    """DuckDB SQL of the number of days from Monday to Friday that there were up to a day, from 1900 on."""
    n = f"date_diff('day', DATE '1900-01-01', {day})"
    return f"(5 * ({n} // 7) + least({n} % 7 + 1, 5))"


def _business_shift(weekday: int, amount: int) -> int:
    """Calendar days from a weekday (1 Monday .. 7 Sunday) to the business day `amount` further (negative: back)."""
    if amount >= 0:
        start = min(weekday, 5)
        return amount + 2 * ((start - 1 + amount) // 5) - (weekday - start) if amount else 0
    start = 1 if weekday > 5 else weekday
    to_start = 8 - weekday if weekday > 5 else 0
    return amount - 2 * ((5 - start - amount) // 5) + to_start


def to_sql(duration: Duration) -> str | None:
    """A DuckDB INTERVAL, or None for business days, which no interval can say (see `shifted_sql`)."""
    unit = {"minutes": "MINUTE", "hours": "HOUR", "days": "DAY", "weeks": "WEEK"}.get(duration.unit)
    return None if unit is None else f"INTERVAL {duration.amount} {unit}"


BUSINESS_DAYS = "business days"
"""The variable of the business days, by their number from `FIRST_DAY` on: INTEGER[], sorted. Unset where weekends alone are none."""
BUSINESS_DAYS_UP_TO = "business days up to"
"""The variable of how many of them there are up to each day, `FIRST_DAY` the first: INTEGER[]."""
FIRST_DAY = date(1970, 1, 1)


def shifted_sql(instant: str, duration: Duration, sign: int) -> str:
    """DuckDB SQL of an instant moved by a duration, as `add` does it, in the session's zone. `sign` is 1 or -1.

    Business days are those of the variables; without them, and outside of their span, Monday to Friday.
    """
    if interval := to_sql(duration):
        return f"({instant} {'+' if sign > 0 else '-'} {interval})"
    if not duration.amount:
        return instant
    number = f"date_diff('day', DATE '{FIRST_DAY}', CAST({instant} AS DATE))"
    every, up_to = (f"CAST(getvariable('{name}') AS INTEGER[])" for name in (BUSINESS_DAYS, BUSINESS_DAYS_UP_TO))
    # A list gives its last for the index -1, and nothing for 0.
    before = f"CASE WHEN {number} > 0 THEN {up_to}[{number}] END"
    nth = f"{up_to}[greatest({number} + 1, 0)] + {duration.amount}" if sign > 0 else f"greatest({before} - {duration.amount - 1}, 0)"
    days = f"coalesce({every}[{nth}] - {number}, {_weekdays_shift_sql(instant, duration.amount, sign)})"
    return f"({instant} + to_days(CAST({days} AS INTEGER)))"


def _weekdays_shift_sql(instant: str, n: int, sign: int) -> str:
    """By how many days that many business days from an instant move it, where weekends alone are none."""
    day = f"isodow(CAST({instant} AS DATE))"
    if sign > 0:
        return f"{n} + 2 * ((least({day}, 5) - 1 + {n}) // 5) - ({day} - least({day}, 5))"
    start = f"(CASE WHEN {day} > 5 THEN 1 ELSE {day} END)"
    return f"-{n} - 2 * ((5 - {start} + {n}) // 5) + (CASE WHEN {day} > 5 THEN 8 - {day} ELSE 0 END)"
