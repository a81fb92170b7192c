"""Window metrics at one `now` as SQL over tallies (see `tallies`): text only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from cs_engine.language.scope import quoted
from cs_engine.usage.tallies import EARLIEST, LATEST, Tally, bits, day_of, number, weeks
from cs_engine.usage.windows import Kind, Window

Reach = tuple[date | None, date]
"""First (None: no first) and last day of a window."""


def over_tally(tally: Tally, windows: Sequence[tuple[Window, Reach]]) -> str:
    """SELECT of "#no" and a column a window, of a tally that tells them all."""
    if tally.by_day:
        return _by_day(tally, windows)
    if tally.column:
        return _distinct(tally, windows)
    return _days(tally, windows)


def _by_day(tally: Tally, windows: Sequence[tuple[Window, Reach]]) -> str:
    columns = []
    for window, (first, last) in windows:
        since = f"\"#day\" >= DATE '{first}' AND " if first else ""
        days = f"{since}\"#day\" <= DATE '{last}'"
        columns.append(f"{_added(window, days)} AS {quoted(window.name)}")
    return f'SELECT "#no", {", ".join(columns)} FROM {_reached(tally, windows)} GROUP BY 1'


def _added(window: Window, days: str) -> str:
    """What the days of a window add up to."""
    filtered = f"FILTER ({days})"
    if window.when is not None:
        return f'max("#last") {filtered}' if window.when == "last" else f'min("#first") {filtered}'
    match window.kind:
        case Kind.FIRST_TIME:
            return f'min("#first") {filtered}'
        case Kind.LAST_TIME:
            return f'max("#last") {filtered}'
        case Kind.SUM:
            return f'sum("#sum") {filtered}'
        case Kind.AVG:
            return f'(sum("#sum") {filtered} / sum("#n") {filtered})'
        case Kind.MIN:
            return f'min("#low") {filtered}'
        case Kind.MAX:
            return f'max("#high") {filtered}'
        case _:
            return f'CAST(sum("#n") {filtered} AS BIGINT)'


def _distinct(tally: Tally, windows: Sequence[tuple[Window, Reach]]) -> str:
    """Each (subject, value) once, with whether it was seen in each window."""
    inner = ", ".join(f'bool_or({bits(*reach)} <> 0) AS "#{i}"' for i, (_, reach) in enumerate(windows))
    outer = ", ".join(f'count(*) FILTER ("#{i}") AS {quoted(window.name)}' for i, (window, _) in enumerate(windows))
    grouped = f'SELECT "#no", "#by", {inner} FROM {_reached(tally, windows)} GROUP BY 1, 2'
    return f'SELECT "#no", {outer} FROM ({grouped}) GROUP BY 1'


def _days(tally: Tally, windows: Sequence[tuple[Window, Reach]]) -> str:
    """Each (subject, block) once, with all of its days."""
    columns = ", ".join(f"{_told(window, reach)} AS {quoted(window.name)}" for window, reach in windows)
    grouped = f'SELECT "#no", "#block", bit_or("#bits") AS "#bits" FROM {_reached(tally, windows)} GROUP BY 1, 2'
    return f'SELECT "#no", {columns} FROM ({grouped}) GROUP BY 1'


def _told(window: Window, reach: Reach) -> str:
    first, last = reach
    match window.kind:
        case Kind.DAYS_SINCE_LAST:
            return day_of(LATEST)
        case Kind.DAYS_SINCE_FIRST:
            return day_of(EARLIEST)
        case Kind.ACTIVE_WEEKS:
            assert first is not None  # such a window has no tally
            return f"CAST(bit_count(bit_or({weeks(first, last)})) AS BIGINT)"
        case _:
            return f"CAST(sum(bit_count({bits(first, last)})) AS BIGINT)"


def _reached(tally: Tally, windows: Sequence[tuple[Window, Reach]]) -> str:
    """The rows that the windows reach, and no others, as a relation."""
    reads = []
    for first, last in spans(reach for _, reach in windows):
        if tally.by_day:
            since = f"\"#day\" >= DATE '{first}' AND " if first else ""
            reads.append(f"SELECT * FROM {tally.view} WHERE {since}\"#day\" <= DATE '{last}'")
        else:
            since = f'"#block" >= {number(first)[0]} AND ' if first else ""
            reads.append(f'SELECT * FROM {tally.view} WHERE {since}"#block" <= {number(last)[0]}')
    # Two spans may share a block of marks, which says twice then what is so.
    return f"({' UNION ALL '.join(reads)})"


def spans(reaches: Iterable[Reach]) -> list[Reach]:
    """Overlapping spans of days made one."""
    merged: list[Reach] = []
    for first, last in sorted(reaches, key=lambda span: (span[0] or date.min, span[1])):
        if merged and (first is None or first <= merged[-1][1] + timedelta(days=1)):
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
