"""Window metrics: counts over an event source in a span of days, checked and ready to become SQL.

A window is made of calendar days in the project's zone. `in: 7 days` is today so far and the six days before. With `ago` the whole
window moves back by that many days and is then whole days: `in: 7 days, ago: 7 days` ends where `in: 7 days` begins.
`in: 4 hours` is the only window that cuts a day; it cannot be moved. Without `in` a window reaches back to the first event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, Protocol

from cs_engine.language import durations
from cs_engine.language.expression import Expression, Type
from cs_engine.language.problems import Place, Problems, did_you_mean
from cs_engine.usage.model import WindowMetric


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
}

_OVER_VALUES = frozenset({Kind.SUM, Kind.MIN, Kind.MAX, Kind.AVG})
_ENDLESS = frozenset({Kind.DAYS_SINCE_FIRST, Kind.DAYS_SINCE_LAST})
_STREAKS = frozenset({Kind.STREAK_DAYS, Kind.STREAK_WEEKS})
_IN_WHOLE_DAYS = frozenset({Kind.ACTIVE_DAYS, Kind.ACTIVE_WEEKS}) | _STREAKS
_BLANK_OF_NOTHING = frozenset({Kind.MIN, Kind.MAX, Kind.AVG, Kind.FIRST_TIME, Kind.LAST_TIME, Kind.DAYS_SINCE_FIRST})
DAY = "day"
"""What `count_distinct` counts beside columns; a column of that name goes before."""


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
    said: str = field(default="", compare=False, repr=False)
    """`where` in its author's words."""

    @property
    def type(self) -> Type:
        return self.value if self.when is None else Type.INSTANT

    @property
    def blank_of_nothing(self) -> bool:
        """Whether it is blank, and not 0, for those of whom nothing was seen."""
        return self.when is not None or self.kind in _BLANK_OF_NOTHING

    @property
    def in_order(self) -> bool:
        """Whether it hangs on what came after what, and not on each event by itself: see sequences_sql."""
        return self.kind in _STREAKS

    @property
    def unbounded(self) -> bool:
        return self.days is None and self.hours is None

    def only(self, where: Expression) -> Window:
        """The same window over fewer events."""
        return replace(self, where=where.sql, reads=where.names, said=where.text)

    def guarded(self) -> Window:
        """The same, where events for which `where` fails do not count."""
        return replace(self, where=f"coalesce(TRY({self.where}), false)") if self.where else self

    def describe(self) -> str:
        """One English line for lists and editors."""
        what = DESCRIPTIONS[self.kind] + (f" of {self.column}" if self.column else "")
        span = f" in {self.hours} hours" if self.hours else f" in {self.days} days" if self.days else ""
        moved = f", {self.ago} days ago" if self.ago else ""
        which = f", where {self.said}" if self.said else ""
        return f"{what}{span}{moved}{which}{f' ({self.source})' if self.source != 'usage' else ''}"


class PlaceIn(Protocol):
    """Where a key's value stands in the definition."""

    def __call__(self, *keys: str) -> Place: ...


def check(name: str, spec: WindowMetric, events: Mapping[str, Mapping[str, Type]], at: PlaceIn, problems: Problems) -> Window | None:
    """The window, or None and at least one problem. Its `where` is the caller's to compile."""
    kinds = [kind for kind in Kind if getattr(spec, kind.value) is not None]
    if len(kinds) != 1:
        words = ", ".join(kind.value for kind in Kind)
        message = f"{kinds[0].value} and {kinds[1].value} cannot be one metric" if kinds else "it is not said what to count"
        problems.add(at(), "M101", f'metric "{name}": {message}', f"write exactly one of {words}")
        return None
    kind = kinds[0]
    columns = events.get(spec.from_)
    if columns is None:
        mend = did_you_mean(spec.from_, events) or f"known: {', '.join(sorted(events))}; project.yaml names further ones under sources.more"
        problems.add(at("from"), "M102", f'there is no source "{spec.from_}"', mend)
        return None
    before = len(problems)
    column = _column(kind, spec, columns, at, problems)
    if kind is Kind.COUNT_DISTINCT and column == DAY and column not in columns:
        kind, column = Kind.ACTIVE_DAYS, ""
    days, hours = _length(kind, spec, at, problems)
    ago = _ago(kind, spec, hours, at, problems)
    if len(problems) > before:
        return None
    when = _WHEN.get(kind)
    value = Type.INSTANT if kind in (Kind.MIN, Kind.MAX) and columns[column] is Type.INSTANT else Type.NUMBER
    return Window(name, kind, spec.from_, column, "", days, ago, hours, when=when, value=value)


_WHEN: Mapping[Kind, When] = {Kind.FIRST_TIME: "first", Kind.LAST_TIME: "last"}


def _column(kind: Kind, spec: WindowMetric, columns: Mapping[str, Type], at: PlaceIn, problems: Problems) -> str:
    if kind is not Kind.COUNT_DISTINCT and kind not in _OVER_VALUES:
        return ""
    column = str(getattr(spec, kind.value))
    if column not in columns:
        if kind is Kind.COUNT_DISTINCT and column == DAY:
            return column
        mend = did_you_mean(column, columns) or f"it has {', '.join(columns)}"
        problems.add(at(kind.value), "M103", f'events of {spec.from_} have no column "{column}"', mend)
    elif kind in _OVER_VALUES and columns[column] not in _FITTING[kind]:
        said, wanted = _NEEDS[kind]
        problems.add(at(kind.value), "M104", f'"{column}" is {columns[column].value}, {said} needs {wanted}')
    return column


_NUMBERS = frozenset({Type.NUMBER, Type.UNKNOWN})
_FITTING = {
    Kind.SUM: _NUMBERS,
    Kind.AVG: _NUMBERS,
    Kind.MIN: _NUMBERS | {Type.INSTANT},
    Kind.MAX: _NUMBERS | {Type.INSTANT},
}
_NEEDS = {
    Kind.SUM: ("a sum", "numbers"),
    Kind.AVG: ("a mean", "numbers"),
    Kind.MIN: ("the lowest value", "numbers or times"),
    Kind.MAX: ("the highest value", "numbers or times"),
}


def _length(kind: Kind, spec: WindowMetric, at: PlaceIn, problems: Problems) -> tuple[int | None, int | None]:
    """(days, hours) of the window; (None, None) without one."""
    if spec.in_ is None:
        return None, None
    if kind in _ENDLESS:
        problems.add(at("in"), "M105", f"{kind.value} looks back without an end", "leave `in` out")
        return None, None
    found = durations.check(spec.in_, at("in"), problems)
    if found is None:
        return None, None
    if found.unit == "hours" and kind in _IN_WHOLE_DAYS:
        problems.add(at("in"), "M105", f"{kind.value} counts in whole days", "write days or weeks")
        return None, None
    if found.amount == 0:
        problems.add(at("in"), "M105", "a window of no length counts nothing", "write 1 days for today")
        return None, None
    match found.unit:
        case "hours":
            return None, found.amount
        case "days":
            return found.amount, None
        case "weeks":
            return found.amount * 7, None
    problems.add(at("in"), "M105", f"a window is counted in days, weeks or hours, not in {found.unit}")
    return None, None


def _ago(kind: Kind, spec: WindowMetric, hours: int | None, at: PlaceIn, problems: Problems) -> int:
    if spec.ago is None:
        return 0
    if kind in _ENDLESS | _STREAKS:
        problems.add(at("ago"), "M106", f"{kind.value} counts from today", "leave `ago` out")
        return 0
    if hours is not None:
        problems.add(at("ago"), "M106", "a window of hours cannot be moved back", "write `in` in days")
        return 0
    found = durations.check(spec.ago, at("ago"), problems)
    if found is None:
        return 0
    if found.unit not in ("days", "weeks"):
        problems.add(at("ago"), "M106", f"windows move by days or weeks, not by {found.unit}")
        return 0
    return found.amount * (7 if found.unit == "weeks" else 1)
