"""What of a source's events stays from set to set: segments all of whose rows are proven to be what they were.

A segment stays when every file that its rows came from is as it was or has only grown, every account in it is still there, and no account
that its files named in vain has come since. Numbers of accounts and people stay what they are from set to set (`Numbers`), so such a
segment is right as it lies, and so are the tallies beside it. The files of segments that do not stay are read anew, with what is new.

What was written last is most likely to be written again: of many files, the last few have segments of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import duckdb

from cs_engine.language.expression import Type
from cs_engine.sources.intake import columns as cols
from cs_engine.sources.intake.staging import Staged
from cs_engine.sources.outside.files import SourceFile
from cs_engine.sources.outside.pieces import Grown, Past, Piece, compare, look
from cs_engine.sources.sets import segments
from cs_engine.sources.sets.snapshot import Segment, UsageSet
from cs_engine.sources.sql import listed, quoted, text

APART_FROM = 1_000_000
"""Rows of a source from which on its last files have segments of their own. With fewer, all is read as fast."""
_APART = 8
"""So many files."""
_SPARE = 10_000
"""Numbers that may be of nobody, beside as many as are of somebody: what is counted by number has a place for each."""
_FULL = 4_000_000
"""Rows of a segment that is not put together with others any more."""


class Otherwise(Exception):
    """What is new does not go with what stays: all is to be read."""


class Part(NamedTuple):
    """Rows to be read."""

    file: SourceFile
    piece: Piece
    """Their file as it is now; with what was counted before, where they are its end."""
    place: int
    """Of the file among all."""

    @property
    def goes_on(self) -> bool:
        """Whether it is the end of a file whose beginning stays."""
        return self.piece.counted.read > 0


class Stays(NamedTuple):
    """What stays of a source, and what is read."""

    segments: tuple[Segment, ...]
    kept: Mapping[int, Piece]
    """Place -> files of which nothing is read."""
    parts: tuple[Part, ...]
    past: Past

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Files with what was counted of them before."""
        return (*self.kept.values(), *(part.piece for part in self.parts))

    @property
    def in_between(self) -> bool:
        """Whether rows that are read lie before some that stay."""
        staying = [*self.kept, *(part.place for part in self.parts if part.goes_on)]
        return bool(self.parts) and min(part.place for part in self.parts) < max(staying, default=-1)


def stays(db: duckdb.DuckDBPyConnection, before: UsageSet, name: str, files: Sequence[SourceFile], aside: Path) -> Stays | None:
    """What stays of that source; None where nothing does. The table `accounts` is there. `aside`: for what has come since."""
    past, lies = before.past.get(name), {segment.name: segment for segment in before.segments.get(name, ())}
    if past is None or any(segment not in lies for piece in past.pieces for segment in piece.segments):
        return None
    known = {piece.label: piece for piece in past.pieces}
    now = {
        file.label: compare(file, known[file.label], aside / f"staging-tail-{place}.csv")
        for place, file in enumerate(files)
        if file.label in known and not _is_known_now(db, before, known[file.label])
    }
    out = {segment for label, piece in known.items() if now.get(label) is None for segment in piece.segments}
    out |= _of_accounts_gone(db, before, name, {segment for piece in past.pieces for segment in piece.segments} - out)
    # The other files of a segment that goes are read again, and so all their segments go.
    while more := {s for piece in past.pieces if out.intersection(piece.segments) for s in piece.segments} - out:
        out |= more
    if out and past.repeats:
        # Of rows with one id another may have to count now.
        return None
    kept, parts = _sorted(files, now, out)
    staying = {segment for piece in (*kept.values(), *(part.piece for part in parts)) for segment in piece.segments}
    if not staying:
        return None
    return Stays(tuple(segment for name, segment in lies.items() if name in staying), kept, tuple(parts), past)


def _sorted(
    files: Sequence[SourceFile], now: Mapping[str, Piece | Grown | None], out: Collection[str]
) -> tuple[dict[int, Piece], list[Part]]:
    kept: dict[int, Piece] = {}
    parts: list[Part] = []
    for place, file in enumerate(files):
        match now.get(file.label):
            case Grown(piece, tail) if not set(piece.segments) & set(out):
                parts.append(Part(tail, piece, place))
            case Piece() as piece if not set(piece.segments) & set(out):
                kept[place] = piece
            case _:
                parts.append(Part(file, look(file), place))
    return kept, parts


def _is_known_now(db: duckdb.DuckDBPyConnection, before: UsageSet, piece: Piece) -> bool:
    """Whether an account has come that rows of it named in vain."""
    counted = piece.counted
    if counted.too_strange:
        there = f"SELECT 1 FROM accounts ANTI JOIN read_parquet({text(before.accounts)}) AS b USING (id) LIMIT 1"
        return bool(db.execute(there).fetchall())
    there = "SELECT 1 FROM accounts WHERE list_contains($1, id) LIMIT 1"
    return bool(counted.strange) and bool(db.execute(there, [list(counted.strange)]).fetchall())


def _of_accounts_gone(db: duckdb.DuckDBPyConnection, before: UsageSet, name: str, which: Collection[str]) -> set[str]:
    """Those of the segments that have rows of accounts that are no more."""
    db.execute(
        f'CREATE OR REPLACE TABLE gone AS SELECT "#no" FROM read_parquet({text(before.accounts)}) AS b ANTI JOIN accounts USING (id)'
    )
    if not which or not db.execute("SELECT count(*) FROM gone").fetchall()[0][0]:
        return set()
    files = {str(before.events(name, segment)): segment.name for segment in before.segments[name] if segment.name in which}
    found = db.execute(
        f'SELECT DISTINCT filename FROM read_parquet([{listed(map(text, files))}], filename = true) WHERE "#account" IN (FROM gone)'
    ).fetchall()
    return {files[file] for (file,) in found}


def carry(before: UsageSet, made: UsageSet, name: str, staying: Sequence[Segment], db: duckdb.DuckDBPyConnection) -> UsageSet:
    """The set with those segments, and the tallies beside them, under second names."""
    for segment in staying:
        for file in (before.events(name, segment), *before.folder.glob(f"tally-{segment.name}-*")):
            made.take_over(file)
    kinds = before.kinds.get(name, ())
    return made.with_events(name, tuple(staying), kinds, segments.physical(db, replace(made, segments={}), name, staying))


def drop(made: UsageSet, name: str, which: Iterable[Segment]) -> None:
    """Takes segments out of a set that is being made."""
    for segment in which:
        for file in (made.events(name, segment), *made.folder.glob(f"tally-{segment.name}-*")):
            file.unlink(missing_ok=True)


def fit(taken: Mapping[str, cols.Column], staged: Staged, past: Past, physical: Mapping[str, str]) -> dict[str, cols.Column]:
    """Columns of rows that are new as those that are there take them. Raises Otherwise where all rows together are taken otherwise."""
    if any(staged.columns[column] != kind for column, kind in past.kinds.items()):
        raise Otherwise
    found = {}
    for name, column in taken.items():
        was = Type(past.types[name]) if name in past.types else None
        if was is None or (was is column.type and was is not Type.TEXT):
            found[name] = column
        elif was is Type.TEXT:
            plain = name in staged.columns and column.type is not Type.TEXT
            found[name] = cols.Column(cols.clean_text(name, staged.columns[name]) if plain else column.sql, Type.TEXT)
        elif column.type is Type.UNKNOWN:
            found[name] = cols.Column(f"CAST(NULL AS {physical[name]})", was)
        else:
            raise Otherwise
    return found


def apart(files: Sequence[SourceFile], rows: int) -> set[int]:
    """Places of the files that have segments of their own."""
    if rows < APART_FROM or len(files) < 2:
        return set()
    written = sorted((file.path.stat().st_mtime_ns, place) for place, file in enumerate(files))
    return {place for _, place in written[-_APART:]}


def settle(
    db: duckdb.DuckDBPyConnection, usage: UsageSet, name: str, open: Collection[str], room: int = _FULL
) -> tuple[UsageSet, dict[str, str]]:
    """The set with its last segments put together where they are of like size, but for the open ones: there are never many, and each row
    moves seldom. And what became of each that is no more.
    """
    closed = [segment for segment in usage.segments[name] if segment.name not in open]
    first, rows = len(closed) - 1, closed[-1].rows if closed else 0
    while first > 0 and closed[first - 1].rows <= min(2 * rows, room):
        first -= 1
        rows += closed[first].rows
    old = closed[max(first, 0) :]
    if len(old) < 2:
        return usage, {}
    whole = segments.named(rows, arrived=False)
    some = usage.with_events(name, tuple(old), usage.kinds[name], segments.physical(db, usage, name, old))
    db.execute(f'COPY (FROM ({segments.relation(some, name)}) ORDER BY "at") TO {text(usage.events(name, whole))} ({segments.COMPRESSION})')
    drop(usage, name, old)
    there = (*closed[:first], whole, *(segment for segment in usage.segments[name] if segment.name in open))
    return usage.with_events(name, there, usage.kinds[name], usage.physical[name]), {segment.name: whole.name for segment in old}


class Numbers:
    """Numbers of accounts and people, as they are in the set before."""

    def __init__(self, db: duckdb.DuckDBPyConnection, before: UsageSet) -> None:
        self._db = db
        strangers = segments.strangers(before.folder)
        for people, file, beside in (("accounts", before.accounts, []), ("contacts", before.contacts, strangers)):
            files = listed(text(one) for one in (file, *beside))
            db.execute(f'CREATE VIEW {_was(people)} AS SELECT id, "#no" FROM read_parquet([{files}], union_by_name = true)')

    @property
    def worn(self) -> bool:
        """Whether most are of nobody any more: then all begins anew."""
        found = [
            self._db.execute(f'SELECT coalesce(max("#no"), 0), count(*) FROM {_was(people)}').fetchall()[0]
            for people in ("accounts", "contacts")
        ]
        return any(int(top) >= 2 * int(many) + _SPARE for top, many in found)

    def number(self, people: str) -> tuple[str, str]:
        """(SQL of the number of a row of `c`, a checked table; what that joins): known ids keep theirs, others follow, in their order."""
        top = f'(SELECT coalesce(max("#no"), -1) FROM {_was(people)})'
        following = f'{top} + row_number() OVER (PARTITION BY b."#no" IS NULL ORDER BY c."#file", c."#line")'
        return f'coalesce(b."#no", {following})', f"LEFT JOIN {_was(people)} AS b ON b.id = c.id"

    def open_strangers(self) -> None:
        """Makes the table of those who may act and are not among the contacts any more, or never were: each keeps its number."""
        self._db.execute(f"CREATE OR REPLACE TABLE strangers AS FROM {_was('contacts')} ANTI JOIN contacts USING (id)")

    def close_strangers(self, usage: UsageSet) -> None:
        """Forgets those who do not act."""
        files = listed(text(usage.events(name, segment)) for name, there in usage.segments.items() for segment in there)
        acts = f'SELECT "#contact" FROM read_parquet([{files}], union_by_name = true)'
        self._db.execute(
            f'DELETE FROM strangers WHERE "#no" NOT IN (SELECT DISTINCT "#contact" FROM ({acts}) WHERE "#contact" IS NOT NULL)'
        )


def _was(people: str) -> str:
    return quoted(f"{people} before")
