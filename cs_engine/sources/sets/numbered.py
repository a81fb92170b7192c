"""The tallies of a source whose keys are whole numbers: all that are missing are counted in one pass over its events."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from typing import BinaryIO

import duckdb
import numpy as np

from cs_engine.language.expression import Grain
from cs_engine.sources.sets import pages, segments
from cs_engine.sources.sets.counted import NONE, TOLD_AS_DAYS, Place, count_windows
from cs_engine.sources.sets.counting import Events, Pass
from cs_engine.sources.sets.pages import Page
from cs_engine.sources.sets.snapshot import Segment
from cs_engine.sources.sets.source import Source
from cs_engine.sources.sql import listed, quoted
from cs_engine.usage.tallies import Tally, day_number
from cs_engine.usage.windows_sql import Aggregate

_MOST_KEYS = 25_000_000
"""Pairs of a subject and a kind of event that are numbered one by one: as many as there might be."""


class Numbered:
    """Those tallies at one `now`."""

    def __init__(self, db: duckdb.DuckDBPyConnection, source: Source) -> None:
        self._db, self._source = db, source
        self._kept: dict[Tally, list[Path | list[Page]]] = {}
        """Of each segment; in memory where there was no room to keep it."""
        self._open: dict[Tally, list[Page]] = {}
        kinds = len(source.usage.kinds.get(source.name, ()))
        people = {g: db.execute(f"SELECT count(*) FROM src_{g}s").fetchall()[0][0] for g in Grain}
        self._kinds = {grain: kinds if kinds * many <= _MOST_KEYS else 0 for grain, many in people.items()}

    def count(self, tallies: Collection[Tally]) -> None:
        """Makes sure that they are there. Raises duckdb.Error where a `where` fails on some event."""
        new = [tally for tally in tallies if tally not in self._open]
        if not new:
            return
        found: dict[Tally, list[Path | list[Page]]] = {tally: [] for tally in new}
        for segment in self._source.tallied:
            try:
                self._keep(segment, new)
                for tally in new:
                    found[tally].append(self._file(segment, tally))
            except OSError:
                for tally, counted in self._counted(new, self._of(segment, new)).items():
                    found[tally].append(counted)
        open_now = self._counted(new, self._of_open(new))
        self._kept |= found
        self._open |= open_now

    def tell(self, tally: Tally, aggregate: Aggregate) -> None:
        """Makes the view that the aggregate reads, until it is forgotten."""
        moment = self._source.moment
        closed = {*map(day_number, self._source.late)}
        places = [Place(self._open[tally])]
        for segment, there in zip(self._source.tallied, self._kept[tally], strict=True):
            days = self._source.days_of[segment]
            span = day_number(min(days)), min(day_number(moment.today), day_number(max(days)) + 1)
            places.append(Place(pages.read(there) if isinstance(there, Path) else there, *span, closed))
        columns = count_windows(tally, [(window, moment.days(window)) for window in aggregate.metrics], places, self._kinds[tally.grain])
        shown = [f"{_told(quoted(w.name)) if w.kind in TOLD_AS_DAYS else quoted(w.name)} AS {quoted(w.name)}" for w in aggregate.metrics]
        size = max(map(len, columns.values()), default=0)
        self._db.register(_counted(aggregate), {"#no": np.arange(size, dtype=np.int32), **columns})
        self._db.execute(f'CREATE VIEW {aggregate.told} AS SELECT "#no", {listed(shown)} FROM {quoted(_counted(aggregate))}')

    def forget(self, aggregate: Aggregate) -> None:
        self._db.execute(f"DROP VIEW IF EXISTS {aggregate.told}")
        self._db.unregister(_counted(aggregate))

    # --- counting

    def _file(self, segment: Segment, tally: Tally) -> Path:
        usage = self._source.usage
        return usage.numbers(segment, tally.digest(usage.physical[self._source.name]))

    def _keep(self, segment: Segment, tallies: Sequence[Tally]) -> None:
        """Counts what is missing of a segment, and keeps it. Raises OSError where there is no room."""
        missing = [tally for tally in tallies if not self._file(segment, tally).exists()]
        if not missing:
            return
        aside = {tally: self._file(segment, tally).with_suffix(f".{uuid.uuid4().hex[:8]}") for tally in missing}
        try:
            with ExitStack() as stack:
                files: dict[Tally, BinaryIO] = {tally: stack.enter_context(path.open("wb")) for tally, path in aside.items()}
                self._run(missing, self._of(segment, missing), lambda tally, page: pages.write(files[tally], page))
            for tally, path in aside.items():
                path.replace(self._file(segment, tally))
        finally:
            for path in aside.values():
                path.unlink(missing_ok=True)

    def _counted(self, tallies: Sequence[Tally], events: Iterator[Events]) -> dict[Tally, list[Page]]:
        found: dict[Tally, list[Page]] = {tally: [] for tally in tallies}
        self._run(tallies, events, lambda tally, page: found[tally].append(page))
        return found

    def _run(self, tallies: Sequence[Tally], events: Iterator[Events], emit: Callable[[Tally, Page], None]) -> None:
        run = Pass(tallies, self._kinds, emit)
        for some in events:
            run.feed(some)
        run.finish()

    # --- events

    def _of(self, segment: Segment, tallies: Sequence[Tally]) -> Iterator[Events]:
        """While one part is counted the next is read."""
        with self._db.cursor() as db, ThreadPoolExecutor(1) as beside:
            read = partial(self._read, tallies=tallies, db=db)
            following: Future[Events] | None = None
            for part in segments.parts(self._source.usage, self._source.name, segment):
                here, following = following, beside.submit(read, part)
                if here is not None:
                    yield here.result()
            if following is not None:
                yield following.result()

    def _of_open(self, tallies: Sequence[Tally]) -> Iterator[Events]:
        for select in self._source.open():
            yield self._read(select, tallies, self._db)

    def _read(self, select: str, tallies: Sequence[Tally], db: duckdb.DuckDBPyConnection) -> Events:
        columns = sorted({tally.grain.value for tally in tallies} | {tally.column for tally in tallies if tally.column})
        wheres = sorted({tally.where for tally in tallies if tally.where})
        shown = [
            f'CAST("#day" - DATE \'{date(1970, 1, 1)}\' AS INTEGER) AS "day"',
            *(f"coalesce({quoted(f'#{column}')}, -1) AS {quoted(column)}" for column in columns),
            *(f"coalesce({where}, false) AS {quoted(f'where{i}')}" for i, where in enumerate(wheres)),
        ]
        found = db.execute(f"SELECT {listed(shown)} FROM ({select})").fetchnumpy()
        return Events.sorted(
            np.asarray(found["day"]),
            {column: np.asarray(found[column]) for column in columns},
            {where: np.asarray(found[f"where{i}"]) for i, where in enumerate(wheres)},
        )


def _counted(aggregate: Aggregate) -> str:
    """Names the columns that its view shows."""
    return "counted_" + aggregate.told.strip('"')


def _told(number: str) -> str:
    """SQL of a day that is told by its number; NULL for none."""
    return f"CASE WHEN {number} > {NONE} THEN DATE '{date(1970, 1, 1)}' + CAST({number} AS INTEGER) END"
