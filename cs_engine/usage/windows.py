"""Window metrics: what is made of the events of a source in a span of days, checked and ready to become SQL.

A window is made of calendar days in the project's zone. `in: 7 days` is today so far and the six days before. With `ago` the whole
window moves back by that many days and is then whole days: `in: 7 days, ago: 7 days` ends where `in: 7 days` begins.
`in: 4 hours` is the only window that cuts a day; it cannot be moved. Without `in` a window reaches back to the first event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from cs_engine.language.expression import Expression, Type


class Kind(StrEnum):
    """What a window metric does with the events in its window. The values are the keys of metrics.yaml."""

    COUNT = "count"
    COUNT_DISTINCT = "count_distinct"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    FIRST_TIME = "first_time"
    LAST_TIME = "last_time"
    DAYS_SINCE_FIRST = "days_since_first"
    DAYS_SINCE_LAST = "days_since_last"
    ACTIVE_DAYS = "active_days"
    ACTIVE_WEEKS = "active_weeks"
    STREAK_DAYS = "streak_days"
    STREAK_WEEKS = "streak_weeks"
    FUNNEL = "funnel"


When = Literal["first", "last"]
"""Of these events the first one, or the last."""

DESCRIPTIONS: Mapping[Kind, str] = {
    Kind.COUNT: "events",
    Kind.COUNT_DISTINCT: "distinct values",
    Kind.SUM: "the sum",
    Kind.MIN: "the lowest value",
    Kind.MAX: "the highest value",
    Kind.AVG: "the mean",
    Kind.FIRST_TIME: "when the first event was",
    Kind.LAST_TIME: "when the last event was",
    Kind.DAYS_SINCE_FIRST: "calendar days since the first event",
    Kind.DAYS_SINCE_LAST: "calendar days since the last event; since sign-up where there was none",
    Kind.ACTIVE_DAYS: "days with an event",
    Kind.ACTIVE_WEEKS: "weeks with an event, counted back from today",
    Kind.STREAK_DAYS: "days in a row with an event, up to now",
    Kind.STREAK_WEEKS: "weeks in a row with an event, counted back from today",
    Kind.FUNNEL: "times that the first step was followed by the others",
}

_KNOWN = {"contact": "people who acted", "event": "kinds of events"}
"""What distinct values of these columns are."""
COUNTED_TO_NOW = frozenset({Kind.DAYS_SINCE_FIRST, Kind.DAYS_SINCE_LAST, Kind.STREAK_DAYS, Kind.STREAK_WEEKS})
_COUNTS = frozenset(
    {Kind.COUNT, Kind.COUNT_DISTINCT, Kind.ACTIVE_DAYS, Kind.ACTIVE_WEEKS, Kind.STREAK_DAYS, Kind.STREAK_WEEKS, Kind.FUNNEL}
)
_BLANK_OF_NOTHING = frozenset({Kind.MIN, Kind.MAX, Kind.AVG, Kind.FIRST_TIME, Kind.LAST_TIME, Kind.DAYS_SINCE_FIRST})


@dataclass(frozen=True, slots=True)
class Funnel:
    """What came after what: how often the first step was followed by the others, in their order."""

    steps: tuple[str, ...]
    """SQL over the event's columns, for each step; at least two."""
    said: tuple[str, ...] = field(compare=False, repr=False)
    """The steps in their author's words."""
    days: int | None = None
    """By how many calendar days after the first step the last must have come."""
    hours: int | None = None
    rate: bool = False
    """Not how often, but in which share of the times that the first step was taken."""
    one_person: bool = False
    """Whether the same person takes all steps; else anybody of the subject takes each."""

    def guarded(self) -> Funnel:
        return replace(self, steps=tuple(f"coalesce(TRY({step}), false)" for step in self.steps))

    def describe(self) -> str:
        limit = f" within {self.hours} hours" if self.hours else f" within {self.days} days" if self.days is not None else ""
        whole = f"{'share of ' if self.rate else ''}times that {' → '.join(self.said)}{limit}"
        return f"{whole}, by one person" if self.one_person else whole


@dataclass(frozen=True, slots=True)
class Window:
    """A checked window metric."""

    name: str
    kind: Kind
    source: str
    column: str
    """What is counted, added up or compared; '' for the other kinds."""
    where: str
    """SQL over the event's columns; '' for all events."""
    days: int | None
    """Length in days; None without an end in the past."""
    ago: int
    hours: int | None = None
    reads: tuple[str, ...] = ()
    """The columns that `where` reads."""
    when: When | None = None
    """Not how many there were, but when the first or the last was: what happened() compares with a time."""
    value: Type = Type.NUMBER
    """Of the column whose lowest or highest value it is."""
    funnel: Funnel | None = None
    said: str = field(default="", compare=False, repr=False)
    """`where` in its author's words."""

    @property
    def type(self) -> Type:
        return self.value if self.when is None else Type.INSTANT

    @property
    def blank_of_nothing(self) -> bool:
        """Whether it is blank, and not 0, for those of whom nothing was seen."""
        return self.when is not None or self.kind in _BLANK_OF_NOTHING or (self.funnel is not None and self.funnel.rate)

    @property
    def is_count(self) -> bool:
        """Whether it is never blank, and never below 0."""
        return not self.blank_of_nothing and self.kind in _COUNTS

    @property
    def movable(self) -> bool:
        """Whether `ago` has a meaning for it."""
        return self.hours is None and self.kind not in COUNTED_TO_NOW

    @property
    def in_order(self) -> bool:
        """Whether it hangs on what came after what, and not on each event by itself: see sequences_sql."""
        return self.kind in (Kind.STREAK_DAYS, Kind.STREAK_WEEKS, Kind.FUNNEL)

    @property
    def unbounded(self) -> bool:
        return self.days is None and self.hours is None

    def only(self, where: Expression) -> Window:
        """The same window over fewer events."""
        return replace(self, where=where.sql, reads=where.names, said=where.text)

    def through(self, funnel: Funnel, reads: tuple[str, ...]) -> Window:
        """The same window of events, of which the funnel's steps read those columns."""
        return replace(self, funnel=funnel, reads=tuple(sorted({*self.reads, *reads})))

    def guarded(self) -> Window:
        """The same, where events for which `where`, or a step, fails do not count."""
        where = f"coalesce(TRY({self.where}), false)" if self.where else ""
        return replace(self, where=where, funnel=self.funnel.guarded() if self.funnel else None)

    def moved(self, name: str, days: int) -> Window:
        """The same window as it was so many days before."""
        return replace(self, name=name, ago=self.ago + days)

    def _what(self) -> str:
        if self.kind is Kind.COUNT_DISTINCT and self.column in _KNOWN:
            return _KNOWN[self.column]
        return DESCRIPTIONS[self.kind] + (f" of {self.column}" if self.column else "")

    def describe(self) -> str:
        """One English line for lists and editors."""
        what = self.funnel.describe() if self.funnel else self._what()
        span = f" in {self.hours} hours" if self.hours else f" in {self.days} days" if self.days else ""
        moved = f", {self.ago} days ago" if self.ago else ""
        which = f", where {self.said}" if self.said else ""
        return f"{what}{span}{moved}{which}{f' ({self.source})' if self.source != 'usage' else ''}"
