"""What metrics.yaml may say of a window: kinds, columns, lengths and their limits, each with its problem and mend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cs_engine.language import durations
from cs_engine.language.expression import Type
from cs_engine.language.problems import Place, Problems, did_you_mean
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.model import WindowMetric
from cs_engine.usage.windows import COUNTED_TO_NOW, Kind, When, Window

TREND = "trend"
"""Stands where a kind does, and is made of another metric: see `comparisons`."""
LIKELY = "likely"
"""Another, made of what was learned: see `likely`."""
DAY = "day"
"""What `count_distinct` counts beside columns; a column of that name goes before."""

_OVER_VALUES = frozenset({Kind.SUM, Kind.MIN, Kind.MAX, Kind.AVG})
_ENDLESS = frozenset({Kind.DAYS_SINCE_FIRST, Kind.DAYS_SINCE_LAST})
_STREAKS = frozenset({Kind.STREAK_DAYS, Kind.STREAK_WEEKS})
_IN_WHOLE_DAYS = frozenset({Kind.ACTIVE_DAYS, Kind.ACTIVE_WEEKS}) | _STREAKS
_TIMES = frozenset({Kind.FIRST_TIME, Kind.LAST_TIME})

_GO_WITH: Mapping[str, frozenset[str]] = {
    "within": frozenset({Kind.FUNNEL, LIKELY}),
    "among": frozenset({LIKELY}),
    "facts": frozenset({LIKELY}),
    "ago": frozenset({*Kind, TREND}),
    "by": frozenset({Kind.FUNNEL}),
    "as": frozenset({Kind.FUNNEL, TREND}),
    "from": frozenset(Kind),
    "where": frozenset(Kind),
    "in": frozenset(Kind),
    "share_of": frozenset(Kind) - _TIMES,
}
"""The kinds that a key has a meaning for; `title` and the kinds themselves have for all."""
_AS = {TREND: ("ratio", "difference"), Kind.FUNNEL: ("count", "rate")}


class PlaceIn(Protocol):
    """Where a key's value stands in the definition."""

    def __call__(self, *keys: str | int) -> Place: ...


def kind_of(name: str, spec: WindowMetric, at: PlaceIn, problems: Problems) -> str | None:
    """The one kind that the metric is of, `trend` and `likely` among them; None, and a problem, where there is not one, or a key goes
    with others.
    """
    known = [*(kind.value for kind in Kind), TREND, LIKELY]
    kinds = [kind for kind in known if getattr(spec, kind) is not None]
    if len(kinds) != 1:
        message = f"{kinds[0]} and {kinds[1]} cannot be one metric" if kinds else "it is not said what to count"
        problems.add(at(), "M101", f'metric "{name}": {message}', f"write exactly one of {', '.join(known)}")
        return None
    (kind,) = kinds
    said = set(spec.model_dump(by_alias=True, exclude_unset=True))
    for key, fitting in _GO_WITH.items():
        if key in said and kind not in fitting:
            problems.add(at(key), "M107", f"`{key}` does not go with {kind}", _instead(key, kind))
            return None
    if spec.as_ is not None and spec.as_ not in _AS.get(kind, ()):
        problems.add(at("as"), "M107", f"{kind} is not given as {spec.as_}", f"write {' or '.join(_AS[kind])}")
        return None
    return kind


def _instead(key: str, kind: str) -> str:
    if kind == TREND:
        return f"say `{key}` in the metric whose trend it is"
    return f"leave `{key}` out"


def check(name: str, kind: Kind, spec: WindowMetric, attributes: Attributes, at: PlaceIn, problems: Problems) -> Window | None:
    """The window of that kind, or None and at least one problem. Its `where`, and the steps of a funnel, are the caller's to compile."""
    events = attributes.events
    columns = events.get(spec.from_)
    if columns is None:
        mend = did_you_mean(spec.from_, events) or f"known: {', '.join(sorted(events))}; project.yaml names further ones under sources.more"
        problems.add(at("from"), "M102", f'there is no source "{spec.from_}"', mend)
        return None
    before = len(problems.errors())
    column = _column(kind, spec, columns, attributes.odd, at, problems)
    if kind is Kind.COUNT_DISTINCT and column == DAY and column not in columns:
        kind, column = Kind.ACTIVE_DAYS, ""
    days, hours = _length(kind, spec, at, problems)
    ago = _ago(kind, spec, hours, at, problems)
    if len(problems.errors()) > before:
        return None
    when = _WHEN.get(kind)
    value = Type.INSTANT if kind in (Kind.MIN, Kind.MAX) and columns[column] is Type.INSTANT else Type.NUMBER
    return Window(name, kind, spec.from_, column, "", days, ago, hours, when=when, value=value)


_WHEN: Mapping[Kind, When] = {Kind.FIRST_TIME: "first", Kind.LAST_TIME: "last"}


def _column(kind: Kind, spec: WindowMetric, columns: Mapping[str, Type], odd: Mapping[str, str], at: PlaceIn, problems: Problems) -> str:
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
        problems.add(
            at(kind.value), "M104", f'"{column}" is {columns[column].value}, {said} needs {wanted}', odd.get(f"{spec.from_}.{column}", "")
        )
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
    if kind in COUNTED_TO_NOW:
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
