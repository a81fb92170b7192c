"""Tallies of a set, kept beside its segments: made when they are first asked for, and read ever after.

A segment never changes, so neither does what is kept of it. A fold makes a small segment more; a new or changed metric is counted once
from all events, under a name of its own. Segments with few events have no tallies: they are read as fast themselves.

What may be read of a tally at some `now` are whole days that were over by then and of which nothing was learned later. The
other days are open: today, days of whose events some were learned after `now`. Of those the events themselves are read, as far as they
had happened and were known. Nothing hangs on when a tally was made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

import duckdb

from cs_engine.sources.sets import followed
from cs_engine.sources.sets.numbered import Numbered
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sets.source import Source
from cs_engine.sources.sets.whole_days import WholeDays
from cs_engine.usage.tallies import Measure, Tally
from cs_engine.usage.windows_sql import Aggregate, Moment

TALLIED_FROM = 200_000
"""A segment with fewer events than this has no tallies."""


class Tallies:
    """What tallies say at one `now`, in the database of its facts."""

    def __init__(self, db: duckdb.DuckDBPyConnection, usage: UsageSet, moment: Moment, tallied_from: int) -> None:
        self._db = db
        self._moment = moment
        self._known: set[Tally] = set()
        self._sources = {
            source: Source(db, usage, source, moment, tallied_from)
            for source, there in usage.segments.items()
            if any(segment.rows >= tallied_from for segment in there)
        }
        self._numbered: dict[str, Numbered] = {}
        self._whole_days: dict[str, WholeDays] = {}

    @property
    def sources(self) -> Collection[str]:
        """Those that have tallies."""
        return self._sources.keys()

    @contextmanager
    def told(self, aggregates: Iterable[Aggregate]) -> Iterator[None]:
        """Meanwhile what they read is there. Raises duckdb.Error where a `where` fails on some event."""
        reading = [(aggregate, aggregate.tally) for aggregate in aggregates if aggregate.tally is not None]
        told: list[tuple[Aggregate, Tally]] = []
        try:
            for source in {tally.source for _, tally in reading}:
                numbered = {tally for _, tally in reading if tally.numbered and tally.source == source}
                if numbered:
                    self._of(source).count(numbered)
            for aggregate, tally in reading:
                if tally.told_apart:
                    told.append((aggregate, tally))
                if tally.numbered:
                    self._of(tally.source).tell(tally, aggregate)
                else:
                    self._view(tally)
                if tally.measure is Measure.WAYS:
                    followed.tell(self._db, tally, aggregate, self._moment)
            yield
        finally:
            for aggregate, tally in told:
                if tally.numbered:
                    self._of(tally.source).forget(aggregate)
                else:
                    self._db.execute(f"DROP TABLE IF EXISTS {aggregate.told}")

    def _of(self, source: str) -> Numbered:
        if source not in self._numbered:
            self._numbered[source] = Numbered(self._db, self._sources[source])
        return self._numbered[source]

    def _days_of(self, source: str) -> WholeDays:
        if source not in self._whole_days:
            self._whole_days[source] = WholeDays(self._db, self._sources[source])
        return self._whole_days[source]

    def _view(self, tally: Tally) -> None:
        if tally not in self._known:
            source = self._sources[tally.source]
            try:
                view = self._days_of(tally.source).view(tally) if tally.by_whole_day else source.read(tally)
            except (duckdb.IOException, OSError):  # no room to keep it
                view = tally.straight(f"({source.all_events})")
            self._db.execute(f"CREATE OR REPLACE VIEW {tally.view} AS {view}")
            self._known.add(tally)

    def stock(self, source: str) -> tuple[int, int | None]:
        """(number of events by now, when the latest of them was)."""
        return self._sources[source].stock()
