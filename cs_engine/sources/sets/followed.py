"""Funnels read from what is kept of each day (see `usage.ways_sql`), with numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb
import numpy as np

from cs_engine.sources.sets.pages import Numbers, roomy
from cs_engine.sources.sql import listed, quoted
from cs_engine.usage.tallies import Tally, day_number
from cs_engine.usage.windows import Window
from cs_engine.usage.windows_sql import Aggregate, Moment

_AT_ONCE = 2_000_000
"""Days of subjects."""
_NEVER = 1 << 40
"""Lies after all days."""
_PLACES = 63
"""Of a BIGINT that is not negative."""


def tell(db: duckdb.DuckDBPyConnection, tally: Tally, aggregate: Aggregate, moment: Moment) -> None:
    """Makes the table that the aggregate reads, from the tally's view."""
    windows = [(window, *moment.days(window)) for window in aggregate.metrics]
    firsts = [first for _, first, _ in windows if first is not None]
    since = f"\"#day\" >= DATE '{min(firsts)}'" if len(firsts) == len(windows) else "true"
    counts: list[tuple[Numbers, Numbers]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64)) for _ in windows]
    rows, subjects = db.execute(f'SELECT count(*), coalesce(max("#no"), -1) + 1 FROM {tally.view} WHERE {since}').fetchall()[0]
    some = max(1, -(-subjects // (rows // _AT_ONCE + 1)))
    for start in range(0, subjects, some):
        days = _read(db, tally, f'{since} AND "#no" BETWEEN {start} AND {start + some - 1}')
        ends = _ends(days, len(tally.steps))
        for i, (window, first, last) in enumerate(windows):
            through, begun = _counted(days, ends, window, first, last)
            counts[i] = _added(counts[i][0], through), _added(counts[i][1], begun)
    _keep(db, aggregate, counts)


def _read(db: duckdb.DuckDBPyConnection, tally: Tally, which: str) -> dict[str, Numbers]:
    """These rows of the tally by its names, days since 1970, in order of whose they are and of their days."""
    names = [name.strip('"') for name in tally.columns()]
    shown = [f'CAST("#day" - DATE \'{date(1970, 1, 1)}\' AS INTEGER) AS "#day"' if name == "#day" else quoted(name) for name in names]
    found = db.execute(f"SELECT {listed(shown)} FROM {tally.view} WHERE {which}").fetchnumpy()
    columns: dict[str, Numbers] = {name: np.asarray(found[name]) for name in names}
    whose = columns["#no"].astype(np.int64)
    if "#by" in columns:
        whose = (whose << int(columns["#by"].max(initial=0)).bit_length()) | columns["#by"]
    columns["#whose"] = whose
    order = _order(whose, columns["#day"])
    return {name: column[order] for name, column in columns.items()}


def _order(whose: Numbers, day: Numbers) -> Numbers:
    since = day - day.min(initial=1 << 30)
    width = int(since.max(initial=0)).bit_length()
    if int(whose.max(initial=0)).bit_length() + width > _PLACES:
        return np.lexsort((day, whose))
    # What was kept lies in this order already, place by place, which such a sort makes use of.
    return np.argsort((whose << width) | since, kind="stable")


def _ends(days: Mapping[str, Numbers], steps: int) -> list[Numbers]:
    """By step: the day, after each, on which a way ends that had yet to take that step as it ended. Nothing of the first."""
    day, whose = days["#day"].astype(np.int64), days["#whose"]
    places, none = np.arange(len(day)), len(day)
    ends: list[Numbers] = [np.zeros(0, np.int64)] * steps
    for step in reversed(range(1, steps)):
        led = days[f"#d{step}"]
        end = np.where(led == steps - 1, day, _NEVER)
        for to in range(step, steps - 1):
            end = np.where(led == to, ends[to + 1], end)
        # Whoever goes on sooner never ends later: it is the next day that leads on.
        leading = np.where(led > 0, places, none)
        following = np.append(np.minimum.accumulate(leading[::-1])[::-1], none)[1:]
        there = np.flatnonzero(following < none)
        there = there[whose[following[there]] == whose[there]]
        ends[step] = np.full(none, _NEVER)
        ends[step][there] = end[following[there]]
    return ends


def _counted(
    days: Mapping[str, Numbers], ends: Sequence[Numbers], window: Window, first: date | None, last: date
) -> tuple[Numbers, Numbers]:
    """By subject: of the first steps taken in the window how many were followed by all others in time; and how many there were."""
    assert window.funnel is not None  # only funnels have ways
    steps, limit = len(window.funnel.steps), _NEVER - 1 if window.funnel.days is None else window.funnel.days
    day = days["#day"]
    within = day <= day_number(last)
    if first is not None:
        within &= day >= day_number(first)
    day, subjects = day[within].astype(np.int64), days["#no"][within]
    begun = [days[f"#c{step}"][within].astype(np.int64) for step in range(steps)]
    latest = np.minimum(day + limit, _NEVER - 1)
    through = begun[-1] + sum(np.where(ends[step + 1][within] <= latest, begun[step], 0) for step in range(steps - 1))
    return np.bincount(subjects, through).astype(np.int64), np.bincount(subjects, sum(begun)).astype(np.int64)


def _added(sums: Numbers, more: Numbers) -> Numbers:
    sums = roomy(sums, len(more))
    sums[: len(more)] += more
    return sums


def _keep(db: duckdb.DuckDBPyConnection, aggregate: Aggregate, counts: Sequence[tuple[Numbers, Numbers]]) -> None:
    size = max(len(through) for through, _ in counts)
    arrays = {f"{kind}{i}": roomy(of, size)[:size] for i, count in enumerate(counts) for kind, of in zip("tb", count, strict=True)}
    shown = [
        f"{f't{i} / nullif(b{i}, 0)' if window.funnel and window.funnel.rate else f't{i}'} AS {quoted(window.name)}"
        for i, window in enumerate(aggregate.metrics)
    ]
    db.register("counted", {"#no": np.arange(size, dtype=np.int32), **arrays})
    db.execute(f'CREATE TABLE {aggregate.told} AS SELECT "#no", {listed(shown)} FROM counted')
    db.unregister("counted")
