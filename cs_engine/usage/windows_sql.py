"""Window metrics at one `now` as SQL: text only, over the view `src_<source>` of each event source.

An event source's view has "#account", "#contact" and "#event" (whole numbers of the subjects and the kind), "#day" (DATE in
the project's zone), "at", and the further columns of the events; it lies in order of time.

What makes it fast:
- windows that overlap are read in one pass over the days that they reach, and no others;
- sums are taken apart from distincts; distinct people, days, weeks or values are first grouped by (subject, that value), where
  every further window costs a comparison a group instead of a set a subject;
- a window that ends now needs of each (subject, person) only the last day on which it acted;
- of sources with many events, daily tallies are read in their place (see `tallies`), whatever the windows reach.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from cs_engine.language.expression import Grain, Type
from cs_engine.language.scope import quoted
from cs_engine.usage.tallies import Tally
from cs_engine.usage.tallies_sql import over_tally, spans
from cs_engine.usage.windows import Kind, Window


@dataclass(frozen=True, slots=True)
class Moment:
    """The `now` of the facts, and what day that is in the project's zone."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @property
    def now_sql(self) -> str:
        return f"TIMESTAMPTZ '{self.now.astimezone(UTC).isoformat()}'"

    @property
    def today_sql(self) -> str:
        return _date(self.today)

    def days(self, window: Window) -> tuple[date | None, date]:
        """First (None: no first) and last day that the window reaches."""
        if window.hours is not None:
            return (self.now - timedelta(hours=window.hours)).astimezone(self.zone).date(), self.today
        last = self.today - timedelta(days=window.ago)
        return (None if window.days is None else last - timedelta(days=window.days - 1)), last


def view(source: str) -> str:
    """The name of an event source's view."""
    return quoted(f"src_{source}")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One SELECT with a row a subject that acted: "#no" and the columns of its metrics (NULL or missing: nothing seen)."""

    sql: str
    metrics: tuple[Window, ...]
    tally: Tally | None = None
    """What it reads, where it reads no events."""
    told: str = ""
    """The table or view that it reads, where what that tally says is told apart: "#no" and the columns of its metrics."""


def aggregates(
    windows: Iterable[Window], grain: Grain, moment: Moment, learned: Iterable[str] = (), tallied: Collection[str] = ()
) -> list[Aggregate]:
    """The statements that together compute all windows at that grain. `learned`: sources whose events have a `learned_at`; `tallied`:
    sources that have tallies, from which all is read that they tell.
    """
    late = set(learned)
    by_tally: dict[tuple[Tally, bool], list[Window]] = defaultdict(list)
    left = []
    for window in sorted(windows, key=lambda w: w.name):
        tally = Tally.of(window, grain) if window.source in tallied else None
        if tally is None:
            left.append(window)
        else:
            # Numbers are read as fast from the beginning.
            by_tally[tally, window.unbounded and not tally.numbered].append(window)

    def key(window: Window) -> tuple[str, bool, str]:
        return window.source, window.unbounded, _group(window)

    made = [_of_tally(tally, tuple(found), moment) for (tally, _), found in by_tally.items()]
    for (source, _, group), members in groupby(sorted(left, key=key), key):
        found = list(members)
        made.append(_aggregate(tuple(found), group, grain, moment, _events(found, moment, late=source in late)))
    return made


def _of_tally(tally: Tally, windows: tuple[Window, ...], moment: Moment) -> Aggregate:
    if tally.told_apart:
        told = tally.told(windows)
        return Aggregate(f"SELECT * FROM {told}", windows, tally, told)
    return Aggregate(over_tally(tally, [(window, moment.days(window)) for window in windows]), windows, tally)


def column(window: Window, joined: str, grain_since: str, moment: Moment) -> str:
    """The metric's value beside a LEFT JOINed aggregate: 0 where nothing was seen, days counted from `grain_since` where nobody acted."""
    value = f"{joined}.{quoted(window.name)}"
    if window.kind is Kind.DAYS_SINCE_FIRST:
        return f"({moment.today_sql} - {value})"
    if window.blank_of_nothing:
        return value
    if window.kind is Kind.DAYS_SINCE_LAST:
        # A sign-up later than now is not there at all, and a blank one leaves the days blank.
        return f"({moment.today_sql} - coalesce({value}, CAST({grain_since} AS DATE)))"
    return f"coalesce({value}, 0)"


def _group(window: Window) -> str:
    """By what, beside the subject, its events are grouped first; '' when by nothing. Metrics with one group share a pass."""
    match window.kind:
        case Kind.COUNT_DISTINCT:
            return quoted(f"#{window.column}" if window.column in ("contact", "event") else window.column)
        case Kind.ACTIVE_DAYS | Kind.ACTIVE_WEEKS:
            return quoted("#day")
        case _:
            return ""


def _aggregate(windows: tuple[Window, ...], group: str, grain: Grain, moment: Moment, events: str) -> Aggregate:
    subject = quoted(f"#{grain.value}")
    if not group:
        columns = ", ".join(f"{_plain(w, moment)} AS {quoted(w.name)}" for w in windows)
        return Aggregate(f'SELECT {subject} AS "#no", {columns} FROM {events} WHERE {subject} IS NOT NULL GROUP BY 1', windows)
    inner: dict[str, str] = {}
    outer = []
    for window in windows:
        flag = _day_flag(window, moment, inner) if group == quoted("#day") else _value_flag(window, moment, inner)
        counted = f'count(DISTINCT ({_date(moment.days(window)[1])} - "#by") // 7)' if window.kind is Kind.ACTIVE_WEEKS else "count(*)"
        outer.append(f"{counted} FILTER ({flag}) AS {quoted(window.name)}")
    kept = "".join(f", {sql} AS {name}" for sql, name in inner.items())
    grouped = (
        f'SELECT {subject} AS "#no", {group} AS "#by"{kept} FROM {events} WHERE {subject} IS NOT NULL AND {group} IS NOT NULL GROUP BY 1, 2'
    )
    return Aggregate(f'SELECT "#no", {", ".join(outer)} FROM ({grouped}) GROUP BY 1', windows)


def _plain(window: Window, moment: Moment) -> str:
    """An aggregate straight over the events."""
    condition = _in_window(window, moment)
    return measured(window, f" FILTER ({condition})" if condition else "")


def measured(window: Window, filtered: str) -> str:
    """What is counted, added up or looked for among events, by a FILTER or all ('')."""
    if window.when is not None:
        return f'{"max" if window.when == "last" else "min"}("at"){filtered}'
    match window.kind:
        case Kind.SUM:
            return f"sum(CAST({quoted(window.column)} AS DOUBLE)){filtered}"
        case Kind.MIN | Kind.MAX | Kind.AVG:
            value = quoted(window.column) if window.value is Type.INSTANT else f"CAST({quoted(window.column)} AS DOUBLE)"
            return f"{window.kind.value}({value}){filtered}"
        case Kind.DAYS_SINCE_FIRST:
            return f'min("#day"){filtered}'
        case Kind.DAYS_SINCE_LAST:
            return f'max("#day"){filtered}'
        case _:
            return f"count(*){filtered}"


def _day_flag(window: Window, moment: Moment, inner: dict[str, str]) -> str:
    """Whether a (subject, day) counts, over the columns that `inner` collects."""
    first, last = moment.days(window)
    parts = [f'"#by" <= {_date(last)}', *([f'"#by" >= {_date(first)}'] if first else [])]
    if window.where:
        parts.append(_collected(f"bool_or({window.where})", inner))
    return " AND ".join(parts)


def _value_flag(window: Window, moment: Moment, inner: dict[str, str]) -> str:
    """Whether a (subject, value) counts."""
    first, _ = moment.days(window)
    if window.ago == 0 and window.hours is None:
        filtered = f" FILTER ({window.where})" if window.where else ""
        last_day = _collected(f'max("#day"){filtered}', inner)
        return f"{last_day} >= {_date(first)}" if first else f"{last_day} IS NOT NULL"
    return _collected(f"bool_or({_in_window(window, moment) or 'true'})", inner)


def _collected(sql: str, inner: dict[str, str]) -> str:
    return inner.setdefault(sql, quoted(f"#{len(inner)}"))


def _in_window(window: Window, moment: Moment) -> str:
    """SQL of whether an event (no later than now) lies in the window and is of its kind; '' when every one does."""
    parts = []
    first, last = moment.days(window)
    if window.hours is not None:
        start = moment.now.astimezone(UTC) - timedelta(hours=window.hours)
        parts.append(f"\"at\" > TIMESTAMPTZ '{start.isoformat()}'")
    elif first is not None:
        parts.append(f'"#day" >= {_date(first)}')
    if window.ago:
        parts.append(f'"#day" <= {_date(last)}')
    if window.where:
        parts.append(f"({window.where})")
    return " AND ".join(parts)


def _events(windows: Sequence[Window], moment: Moment, *, late: bool) -> str:
    """The events that the windows reach, none later than now, as a relation."""
    known = f' AND coalesce("learned_at", "at") <= {moment.now_sql}' if late else ""
    reads = []
    for first, last in spans(moment.days(window) for window in windows):
        # Only today's events can lie later than now: of all others not even the time is read.
        before = min(last, moment.today - timedelta(days=1))
        days = []
        if first is None or first <= before:
            days.append(f'"#day" BETWEEN {_date(first or date.min)} AND {_date(before)}')
        if last >= moment.today:
            days.append(f'"#day" = {moment.today_sql} AND "at" <= {moment.now_sql}')
        reads += [f"SELECT * FROM {view(windows[0].source)} WHERE {day}{known}" for day in days]
    return "(" + " UNION ALL ".join(reads) + ")"


def _date(day: date) -> str:
    return f"DATE '{day.isoformat()}'"
