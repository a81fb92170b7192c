"""What is kept of one source's events beside its segments, and which events are to be read themselves at some `now`."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path

import duckdb

from cs_engine.sources.sets import segments
from cs_engine.sources.sets.snapshot import Segment, UsageSet
from cs_engine.sources.sql import dates, listed, text
from cs_engine.usage.tallies import BLOCK, Tally, number, without
from cs_engine.usage.windows_sql import Moment

_CALENDAR = "days-known"


class Source:
    """One source of events with large segments, at one `now`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, moment: Moment, tallied_from: int) -> None:
        self._db, self.usage, self.name, self.moment = db, usage, source, moment
        self.large = [segment for segment in usage.segments[source] if segment.rows >= tallied_from]
        self.small = [segment for segment in usage.segments[source] if segment.rows < tallied_from]
        self._learned = "learned_at" in usage.physical[source]

    # --- what is kept

    @cached_property
    def tallied(self) -> list[Segment]:
        """The segments of which anything kept may be read: all but those that hold no day that is over."""
        return [segment for segment in self.large if min(self.days_of[segment]) < self.moment.today]

    def _made(self, tally: Tally, segment: Segment) -> Path:
        """The file that has the tally of the segment, made where it is not there."""
        events = segments.relation(self.usage, self.name, [segment])
        return self.keep(segment, tally.digest(self.usage.physical[self.name]), tally.kept(f"({events})"))

    def keep(self, segment: Segment, digest: str, select: str) -> Path:
        """The file of that name beside the segment, made where it is not there: by this SELECT."""
        file = self.usage.tally(segment, digest)
        if not file.exists():
            aside = file.with_suffix(f".{uuid.uuid4().hex[:8]}")
            try:
                self._db.execute(f"COPY ({select}) TO {text(aside)} ({segments.COMPRESSION})")
                aside.replace(file)
            finally:
                aside.unlink(missing_ok=True)
        return file

    # --- what may be read of it

    def read(self, tally: Tally) -> str:
        """SELECT of the tally's rows by now: what is kept of days that are over, and the events of the others."""
        files = [self._made(tally, segment) for segment in self.tallied]
        kept = f"FROM read_parquet([{listed(map(text, files))}])"
        if tally.by_day:
            not_open = f' AND "#day" NOT IN ({dates(self.late)})' if self.late else ""
            kept = f'SELECT {listed(tally.columns())} {kept} WHERE "#day" < {self.moment.today_sql}{not_open}'
        else:
            kept = self._marks(tally, kept)
        kept = f"{kept} UNION ALL " if files else ""
        return f"{kept}{tally.straight(f'({self._open})')}"

    def _marks(self, tally: Tally, kept: str) -> str:
        today, bit = number(self.moment.today)
        bits = without([*self.late, *(self.moment.today + timedelta(days=i) for i in range(BLOCK - bit))])
        return f'SELECT {listed(tally.keys)}, {bits} AS "#bits" {kept} WHERE "#block" <= {today}'

    @property
    def _known(self) -> str:
        """SQL of what only those meet that were known by now."""
        return f' AND coalesce("learned_at", "at") <= {self.moment.now_sql}' if self._learned else ""

    @property
    def _open(self) -> str:
        """SELECT of the events that are not told by what is kept."""
        return " UNION ALL ".join(self.open())

    def open(self) -> list[str]:
        """The same, as several SELECTs."""
        today = f'"#day" = {self.moment.today_sql} AND "at" <= {self.moment.now_sql}{self._known}'
        large = segments.relation(self.usage, self.name, self.large)
        reads = [f"SELECT * FROM ({large}) WHERE {today}"]
        if self.late:
            reads.append(f'SELECT * FROM ({large}) WHERE "#day" IN ({dates(self.late)}) AND "#day" < {self.moment.today_sql}{self._known}')
        if self.small:
            reads.append(self.small_events)
        return reads

    @property
    def small_events(self) -> str:
        """SELECT of the events of small segments by now."""
        return f'SELECT * FROM ({segments.relation(self.usage, self.name, self.small)}) WHERE "at" <= {self.moment.now_sql}{self._known}'

    @property
    def all_events(self) -> str:
        """SELECT of all events by now."""
        return f'SELECT * FROM ({segments.relation(self.usage, self.name)}) WHERE "at" <= {self.moment.now_sql}{self._known}'

    # --- its days

    @cached_property
    def _calendar(self) -> str:
        """A relation of the days of the large segments: "#day", how many events, when the last was, and was learned."""
        # Where it has no such column, it was learned when it was: this never changes.
        learned = 'max(coalesce("learned_at", "at"))' if self._learned else 'max("at")'
        select = f'SELECT "#day", count(*) AS "#n", max("at") AS "#last", {learned} AS "#learned" FROM ({{}}) GROUP BY 1 ORDER BY 1'
        files = [self.keep(s, _CALENDAR, select.format(segments.relation(self.usage, self.name, [s]))) for s in self.large]
        return f"read_parquet([{listed(map(text, files))}], filename = true)"

    @cached_property
    def late(self) -> list[date]:
        """Days before today of whose events some were learned after now."""
        if not self._learned:
            return []
        return self._days(f'{self._calendar} WHERE "#day" < {self.moment.today_sql} AND "#learned" > {self.moment.now_sql}')

    @cached_property
    def days_of(self) -> Mapping[Segment, frozenset[date]]:
        """Large segment -> the days that it has events of."""
        of: dict[str, set[date]] = defaultdict(set)
        for file, day in self._db.execute(f'SELECT filename, "#day" FROM {self._calendar}').fetchall():
            of[file].add(day)
        return {segment: frozenset(of[str(self.usage.tally(segment, _CALENDAR))]) for segment in self.large}

    def _days(self, relation: str) -> list[date]:
        return [day for (day,) in self._db.execute(f'SELECT DISTINCT "#day" FROM {relation}').fetchall()]

    def stock(self) -> tuple[int, int | None]:
        not_open = f' AND "#day" NOT IN ({dates(self.late)})' if self.late else ""
        rows = self._db.execute(
            f'SELECT sum("#n"), epoch_us(max("#last")) FROM {self._calendar} WHERE "#day" < {self.moment.today_sql}{not_open} '
            f'UNION ALL SELECT count(*), epoch_us(max("at")) FROM ({self._open})'
        ).fetchall()
        newest = [int(last) for _, last in rows if last is not None]
        return sum(int(n or 0) for n, _ in rows), max(newest, default=None)
