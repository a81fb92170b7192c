"""Events of one sync: of each source what stays of the set before, and what is new; or all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import duckdb

from cs_engine.language.expression import Type
from cs_engine.playbook.sources import EventsSource
from cs_engine.ports import SourceReport
from cs_engine.sources.intake import growing
from cs_engine.sources.intake.checking import EVENTS
from cs_engine.sources.intake.growing import Otherwise, Part, Stays
from cs_engine.sources.intake.reading import MOST_EXAMPLES, Checked, Reading, files_of
from cs_engine.sources.outside.files import SourceFile
from cs_engine.sources.outside.pieces import Counted, Past, Piece, look, still
from cs_engine.sources.sets.known_ids import numbers, unseen
from cs_engine.sources.sets.segments import write_segment
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sql import listed, quoted

_MOST_STRANGE = 100
"""Accounts that are not known and that are remembered, of each file."""
_PEOPLES = ("accounts", "contacts", "touches")
"""Names that a source of events cannot have among the tables of a sync."""


Taken = tuple[dict[str, Type], SourceReport]


class Events:
    """Sources of events on their way into a set that is being made. The tables of accounts, contacts and strangers are there."""

    def __init__(self, reading: Reading, before: UsageSet | None, made: UsageSet) -> None:
        """`before`: the set of which something may stay."""
        self._reading, self._before = reading, before
        self.made = made

    def take(self, name: str, source: EventsSource) -> Taken:
        """Adds a source to the set; its columns, and what became of it. Raises SyncStopped where it will not do."""
        if source.only_collected or source.stays:
            checked = self._reading.source(_table(name), source, EVENTS)
            self.made = write_segment(self._db, self.made, name, checked.table, checked.columns)
            self._db.execute(f"DROP TABLE {quoted(checked.table)}")
            return checked.columns, checked.report._replace(source=name, note="counted in its database" if source.stays else "")
        files = files_of(self._reading.project, next(one for one in self._reading.config.sources.all() if one.source is source))
        if self._before is not None:
            found = growing.stays(self._db, self._before, name, files, self.made.folder)
            if found is not None:
                made, odd = self.made, dict(self._reading.odd)
                try:
                    return self._more(name, source, files, found, self._before)
                except Otherwise:
                    growing.drop(made, name, found.segments)
                    self.made, self._reading.odd = made, odd
        return self._all(name, source, files)

    @property
    def _db(self) -> duckdb.DuckDBPyConnection:
        return self._reading.db

    def _all(self, name: str, source: EventsSource, files: Sequence[SourceFile]) -> Taken:
        parts = [Part(file, look(file), place) for place, file in enumerate(files)]
        checked = self._reading.of_files(_table(name), source, EVENTS, files)
        self._reading.stop_if_bad(checked.report)
        pieces = self._write(name, parts, checked, growing.apart(files, checked.report.read))
        self._keep(name, files, pieces, Past((), checked.kinds, _words(checked.columns)))
        return checked.columns, checked.report._replace(source=name)

    def _more(self, name: str, source: EventsSource, files: Sequence[SourceFile], found: Stays, before: UsageSet) -> Taken:
        past, columns, pieces = found.past, {column: Type(kind) for column, kind in found.past.types.items()}, dict(found.kept)
        self.made = growing.carry(before, self.made, name, found.segments, self._db)
        odd = {key: said for key, said in before.attributes.odd.items() if key.startswith(f"{_table(name)}.")}
        fresh = SourceReport(name, 0, 0, 0, ())
        if found.parts:
            fit = partial(growing.fit, past=past, physical=self.made.physical[name])
            checked = self._reading.of_files(_table(name), source, EVENTS, [part.file for part in found.parts], past.kinds, fit)
            fresh, columns = checked.report, columns | checked.columns
            new = unseen(self._db, self.made, name, numbers(self._db, checked.table)) if "id" in checked.columns else "true"
            if new != "true" and found.in_between:
                raise Otherwise  # of rows with one id the first counts, and that may be a new one
            rows = sum(piece.counted.read for piece in found.pieces) + fresh.read
            pieces |= self._write(name, found.parts, checked, growing.apart(files, rows), new)
            past = replace(past, kinds=checked.kinds, types=_words(columns), repeats=past.repeats or new != "true")
        self._reading.odd |= odd
        report = _report(name, [pieces[place].counted for place in sorted(pieces)], fresh, odd)
        self._reading.stop_if_bad(report)
        self._keep(name, files, pieces, past)
        return columns, report

    def _write(self, name: str, parts: Sequence[Part], checked: Checked, own: Collection[int], new: str = "true") -> dict[int, Piece]:
        """Adds the rows of files as segments, and gives the files as they were read. `own`: places of those that have one of their own."""
        db, counted = self._db, self._counted(parts, checked)
        alone = [number for number, part in enumerate(parts) if part.place in own and not part.goes_on]
        lies: dict[int, tuple[str, ...]] = {}
        if alone and "id" in checked.columns:
            _once(db, checked.table)
        for number in alone:
            db.execute(f'CREATE TABLE apart AS FROM {quoted(checked.table)} WHERE "#file" = {number}')
            lies[number] = self._add(name, "apart", checked, new)
            db.execute("DROP TABLE apart")
        if others := [number for number in range(len(parts)) if number not in lies]:
            if alone:
                db.execute(f'DELETE FROM {quoted(checked.table)} WHERE "#file" IN ({listed(map(str, alone))})')
            lies |= dict.fromkeys(others, self._add(name, checked.table, checked, new))
        db.execute(f"DROP TABLE {quoted(checked.table)}")
        found = {}
        for number, part in enumerate(parts):
            piece = part.piece if part.goes_on else still(part.file, part.piece)
            of = part.piece.counted + counted.get(number, Counted())
            found[part.place] = replace(piece, counted=of, segments=(*piece.segments, *lies[number]))
        return found

    def _add(self, name: str, table: str, checked: Checked, new: str) -> tuple[str, ...]:
        """One segment; its name, () where it would be empty."""
        there = {segment.name for segment in self.made.segments.get(name, ())}
        self.made = write_segment(self._db, self.made, name, table, checked.columns, new)
        return tuple(segment.name for segment in self.made.segments[name] if segment.name not in there)

    def _keep(self, name: str, files: Sequence[SourceFile], pieces: Mapping[int, Piece], past: Past) -> None:
        """How the files were read, kept with the set; small segments are put together."""
        own = growing.apart(files, sum(piece.counted.read for piece in pieces.values()))
        shared = Counter(segment for piece in pieces.values() for segment in piece.segments)
        open_ones = {segment for place in own for segment in pieces[place].segments if shared[segment] == len(pieces[place].segments) == 1}
        self.made, became = growing.settle(self._db, self.made, name, open_ones)
        there = [
            replace(pieces[place], segments=tuple(dict.fromkeys(became.get(segment, segment) for segment in pieces[place].segments)))
            for place in sorted(pieces)
        ]
        good = sum(piece.counted.read - piece.counted.bad for piece in there)
        repeats = past.repeats or good > sum(segment.rows for segment in self.made.segments[name])
        self.made = replace(self.made, past={**self.made.past, name: replace(past, pieces=tuple(there), repeats=repeats)})

    def _counted(self, parts: Sequence[Part], checked: Checked) -> dict[int, Counted]:
        """What became of the rows of each part, by its number."""
        table = quoted(checked.table)
        rows = self._db.execute(f'SELECT "#file", count(*), count("#fault") FROM {table} GROUP BY 1').fetchall()
        found = {number: Counted(read, bad) for number, read, bad in rows}
        if not checked.report.bad:
            return found
        for number, examples in self._db.execute(
            f'SELECT "#file", list(concat("#line", \' \', "#fault") ORDER BY "#line")[:{MOST_EXAMPLES}] FROM {table} '
            f'WHERE "#fault" IS NOT NULL GROUP BY 1'
        ).fetchall():
            found[number] = replace(found[number], examples=tuple(f"{parts[number].file.label}:{example}" for example in examples))
        for number, strange in self._db.execute(
            f'SELECT "#file", list(DISTINCT account ORDER BY account)[:{_MOST_STRANGE + 1}] FROM {table} '
            f'WHERE "#account" IS NULL AND account IS NOT NULL GROUP BY 1'
        ).fetchall():
            found[number] = replace(found[number], strange=tuple(strange[:_MOST_STRANGE]), too_strange=len(strange) > _MOST_STRANGE)
        return found


def _report(name: str, counted: Iterable[Counted], fresh: SourceReport, odd: Mapping[str, str]) -> SourceReport:
    """Over all of a source, of which some was read."""
    total = sum(counted, Counted())
    said = tuple(f"{key.partition('.')[2]} is text, for {said}" for key, said in odd.items())
    return SourceReport(
        name, total.read, total.read - total.bad, total.bad, total.examples[:MOST_EXAMPLES], odd=(*said, *fresh.odd), fresh=fresh.read
    )


def _once(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Of good rows that repeat an id the first stays."""
    rest = 'PARTITION BY id ORDER BY "#file", "#line") > 1'
    repeats = f'SELECT rowid FROM {quoted(table)} WHERE "#fault" IS NULL QUALIFY row_number() OVER ({rest}'
    db.execute(f"DELETE FROM {quoted(table)} WHERE rowid IN ({repeats})")


def _words(columns: Mapping[str, Type]) -> dict[str, str]:
    return {column: kind.value for column, kind in columns.items()}


def _table(name: str) -> str:
    return f"events_{name}" if name in _PEOPLES else name
