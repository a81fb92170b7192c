"""Tallies that are made of all events of a day together (`Tally.by_whole_day`), where a day's events lie in several segments.

What is kept beside a large segment tells of each of its days all that had come by then: its own events, and those of the same day in
segments before it. So of each day the last large segment that has it tells, and nothing is counted again as segments come. Small
segments have no tallies: of a subject that has events in them, the days of these are counted from events, and nobody else's are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from hashlib import blake2b
from pathlib import Path

import duckdb

from cs_engine.language.expression import Grain
from cs_engine.sources.sets import segments
from cs_engine.sources.sets.snapshot import Segment
from cs_engine.sources.sets.source import Source
from cs_engine.sources.sql import dates, listed, quoted, text
from cs_engine.usage.tallies import Tally


class WholeDays:
    """Those tallies of a source at one `now`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, source: Source) -> None:
        self._db, self._source = db, source
        self._touched: dict[Grain, tuple[str, list[date]]] = {}

    def view(self, tally: Tally) -> str:
        """SELECT of the tally's rows by now. Raises duckdb.IOException or OSError where there is no room to keep what is missing."""
        source = self._source
        kept, opened = self._kept(tally), source.open()
        if source.small and kept:
            table, days = self._touched_days(tally.grain)
            kept = f'SELECT * FROM ({kept}) ANTI JOIN {table} USING ("#no", "#day")'
            if days:
                opened.append(
                    f"SELECT e.* FROM ({self._events(source.tallied, days)}) AS e SEMI JOIN {table} AS t "
                    f'ON t."#no" = e.{quoted(f"#{tally.grain}")} AND t."#day" = e."#day"'
                )
        # It is read more than once.
        table = quoted(f"opened {tally.view}")
        straight = tally.straight(f"({' UNION ALL '.join(opened)})")
        self._db.execute(f"CREATE OR REPLACE TABLE {table} AS {straight}")
        return " UNION ALL ".join([*([kept] if kept else []), f"SELECT {listed(tally.columns())} FROM {table}"])

    def _kept(self, tally: Tally) -> str:
        """SELECT of what is kept of days that are over; '' for nothing."""
        source = self._source
        reads, alone = [], []
        for i, segment in enumerate(source.large):
            if segment not in source.tallied:
                continue
            file, told_later = self._made(tally, i), self._shared(i, source.large[i + 1 :])
            if told_later:
                reads.append(f'SELECT * FROM read_parquet({text(file)}) WHERE "#day" NOT IN ({dates(told_later)})')
            else:
                alone.append(text(file))
        if alone:
            reads.append(f"SELECT * FROM read_parquet([{listed(alone)}])")
        late = f' AND "#day" NOT IN ({dates(source.late)})' if source.late else ""
        some = f'WHERE "#day" < {source.moment.today_sql}{late}'
        return f"SELECT {listed(tally.columns())} FROM ({' UNION ALL '.join(reads)}) {some}" if reads else ""

    def _made(self, tally: Tally, number: int) -> Path:
        """The file that tells of that segment's days, made where it is not there."""
        source = self._source
        segment = source.large[number]
        before = [other for other in source.large[:number] if source.days_of[other] & source.days_of[segment]]
        names = blake2b("\0".join(other.name for other in before).encode(), digest_size=6).hexdigest()
        events = segments.relation(source.usage, source.name, [segment])
        if before:
            events += f" UNION ALL {self._events(before, self._shared(number, before))}"
        return source.keep(segment, f"{tally.digest(source.usage.physical[source.name])}-{names}", tally.kept(f"({events})"))

    def _shared(self, number: int, others: Sequence[Segment]) -> list[date]:
        """The days of that segment that others have too."""
        own = self._source.days_of[self._source.large[number]]
        return sorted(own & {day for other in others for day in self._source.days_of[other]})

    def _events(self, of: Sequence[Segment], days: Sequence[date]) -> str:
        return f'SELECT * FROM ({segments.relation(self._source.usage, self._source.name, of)}) WHERE "#day" IN ({dates(days)})'

    def _touched_days(self, grain: Grain) -> tuple[str, list[date]]:
        """The table of subjects and days ("#no", "#day") that small segments have events of; and which of its days large ones tell of."""
        if grain not in self._touched:
            source = self._source
            table, subject = quoted(f"touched {source.name} {grain}"), quoted(f"#{grain}")
            self._db.execute(f'CREATE TABLE {table} AS SELECT DISTINCT {subject} AS "#no", "#day" FROM ({source.small_events})')
            found = {day for (day,) in self._db.execute(f'SELECT DISTINCT "#day" FROM {table}').fetchall()}
            there = {day for segment in source.tallied for day in source.days_of[segment]} - {*source.late}
            self._touched[grain] = table, sorted(day for day in found & there if day < source.moment.today)
        return self._touched[grain]
