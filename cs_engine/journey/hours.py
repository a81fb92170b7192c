"""When customer mail may go, in the recipient's zone: the hours, the days of the week, and the days of the year. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EVERY_DAY = frozenset(range(1, 8))
_FARTHEST = 800
"""Moves from one opening to the next before looking again later: more than a year of days that are off."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Customer mail waits from `start` to `end`, local time of the recipient; the span may run over midnight."""

    start: time
    end: time

    def until(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When the window opens again (aware, UTC), or None when it is open at `at`.

        Told by instants, not by the clock's face: a time that summer time skips stands for the one as far after the gap, of one that
        comes twice the first counts; what has opened does not close because the clock is turned back.
        """
        today = at.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            ends_on = day if self.start <= self.end else day + timedelta(days=1)
            if _instant(day, self.start, zone) <= at < (end := _instant(ends_on, self.end, zone)):
                return end
        return None


@dataclass(frozen=True, slots=True)
class Window:
    """All of it together. Open always, unless something is said."""

    quiet: QuietHours | None = None
    days: frozenset[int] = EVERY_DAY
    """Days of the week on which mail may go, 1 Monday to 7 Sunday. Not empty."""
    off: Callable[[date, str], str] = lambda _day, _locale: ""
    """(day, the recipient's locale) -> the calendar by which customer mail waits on that day; '' when none does."""

    def wait(self, at: datetime, zone: ZoneInfo, locale: str) -> tuple[datetime, str] | None:
        """The first instant from `at` that everything allows, and the reason why not now; None when it may go."""
        reason = self._reason(at, zone, locale)
        return (self.opens(at, zone, locale), reason) if reason else None

    def opens(self, at: datetime, zone: ZoneInfo, locale: str) -> datetime:
        """The first instant from `at` (aware) that everything allows."""
        for _ in range(_FARTHEST):
            day = at.astimezone(zone).date()
            if self._day_off(day, locale):
                at = _instant(day + timedelta(days=1), time(), zone)
            elif self.quiet is not None and (until := self.quiet.until(at, zone)) is not None:
                at = until
            else:
                break
        return at

    def _reason(self, at: datetime, zone: ZoneInfo, locale: str) -> str:
        day_off = self._day_off(at.astimezone(zone).date(), locale)
        return day_off or ("quiet_hours" if self.quiet is not None and self.quiet.until(at, zone) else "")

    def _day_off(self, day: date, locale: str) -> str:
        if calendar := self.off(day, locale):
            return f"no_send: {calendar}"
        return "" if day.isoweekday() in self.days else "send_days"


def _instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)
