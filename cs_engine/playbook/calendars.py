"""Calendars: named sets of days, made of public holidays and an author's own days. `holidays` is imported when one needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from cs_engine.playbook.config import CalendarSpec, ProjectConfig

SHIPPED: Mapping[str, CalendarSpec] = {
    "jp": CalendarSpec(holidays="JP", **{"with": ("year_end",)}),
    "us": CalendarSpec(holidays="US"),
    "year_end": CalendarSpec(days=("12-29/01-03",)),
    "golden_week": CalendarSpec(days=("04-29/05-05",)),
    "obon": CalendarSpec(days=("08-13/08-16",)),
}
"""Those that every project has. One of the same name in project.yaml takes its place."""

_DAYS = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)(?:/(?:(\d{4})-)?(\d\d)-(\d\d))?")
_LONGEST = 366
_ONE = timedelta(days=1)
_LEAP_YEAR = 2000


@dataclass(frozen=True, slots=True)
class Span:
    """Days from one to another, both included. Without a year they come every year, and may run over its end."""

    start: tuple[int | None, int, int]
    end: tuple[int | None, int, int]

    def __contains__(self, day: date) -> bool:
        return day in self.days(day.year)

    def days(self, year: int) -> Iterator[date]:
        """Those of its days that lie in that year."""
        begins = [self.start[0]] if self.start[0] is not None else [year - 1, year]
        for first in begins:
            last = self.end[0] if self.end[0] is not None else first + (self.end[1:] < self.start[1:])
            day, end = _day(first, *self.start[1:]), _day(last, *self.end[1:])
            while day <= end:
                if day.year == year:
                    yield day
                day += _ONE


def parse_span(text: str) -> Span | None:
    """`2026-08-10`, `2026-08-10/2026-08-14`, or of every year `08-13`, `12-29/01-03`. None when it is none, or ends before it begins."""
    found = _DAYS.fullmatch(text.strip())
    if not found:
        return None
    start = (int(found[1]) if found[1] else None, int(found[2]), int(found[3]))
    end = (int(found[4]) if found[4] else None, int(found[5]), int(found[6])) if found[5] else start
    if (start[0] is None) != (end[0] is None):
        return None
    try:
        first, last = (date(year or _LEAP_YEAR, month, day) for year, month, day in (start, end))
    except ValueError:
        return None
    too_long = start[0] is not None and not 0 <= (last - first).days < _LONGEST
    return None if too_long else Span(start, end)


@dataclass(slots=True)
class Calendars:
    """The calendars of a project, by name. Years are worked out once, as they are asked for."""

    specs: Mapping[str, CalendarSpec]
    _years: dict[tuple[str, int], frozenset[date]] = field(default_factory=dict)

    @classmethod
    def of(cls, config: ProjectConfig) -> Calendars:
        return cls({**SHIPPED, **config.calendars})

    def has(self, name: str, day: date) -> bool:
        """Whether that day lies in the calendar."""
        return day in self.days(name, day.year)

    def first(self, names: Sequence[str], day: date) -> str:
        """The first of these calendars in which that day lies; '' when it lies in none."""
        return next((name for name in names if self.has(name, day)), "")

    def days(self, name: str, year: int) -> frozenset[date]:
        """Its days of that year, weekends only where it names them."""
        key = (name, year)
        if key not in self._years:
            plain, spec = self._plain(name, year), self.specs[name]
            self._years[key] = plain | self._bridges(name, year) if spec.bridge_days else plain
        return self._years[key]

    def weekdays_off(self, name: str, first: date, last: date) -> list[date]:
        """Its days from Monday to Friday, from `first` to `last`, sorted."""
        years = range(first.year, last.year + 1)
        return sorted(d for year in years for d in self.days(name, year) if first <= d <= last and d.isoweekday() <= 5)

    def _plain(self, name: str, year: int) -> frozenset[date]:
        spec = self.specs[name]
        days = set(_holidays(spec.holidays, year)) if spec.holidays else set()
        days.update(*(self.days(other, year) for other in spec.with_))
        days.update(*(span.days(year) for text in spec.days if (span := parse_span(text))))
        return frozenset(days.difference(*(span.days(year) for text in spec.without if (span := parse_span(text)))))

    def _bridges(self, name: str, year: int) -> set[date]:
        """Working days alone between two days off."""
        off = set().union(*(self._plain(name, y) for y in (year - 1, year, year + 1)))

        def is_off(day: date) -> bool:
            return day.isoweekday() > 5 or day in off

        beside = {day + step for day in off for step in (-_ONE, _ONE)}
        return {day for day in beside if day.year == year and not is_off(day) and is_off(day - _ONE) and is_off(day + _ONE)}


def is_country(code: str) -> bool:
    """Whether there are public holidays of that name: `JP`, `US`, `US-CA`."""
    try:
        _holidays(code, _LEAP_YEAR)
    except NotImplementedError:
        return False
    return True


@lru_cache(maxsize=512)
def _holidays(code: str, year: int) -> tuple[date, ...]:
    from holidays import country_holidays

    country, _, part = code.partition("-")
    return tuple(country_holidays(country, subdiv=part or None, years=year))


def _day(year: int, month: int, day: int) -> date:
    """The day, or the last of February where there is no 29th."""
    try:
        return date(year, month, day)
    except ValueError:
        return date(year, 2, 28)
