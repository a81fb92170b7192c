"""Checked events -> a segment of a set: numbered, dated, in order of time. In the working database of a sync or a fold.

Accounts, people and kinds of events stand in segments as whole numbers (#account, #contact, #event; #id for the event's own), which
stay what they are in every set that grows out of this one. Accounts and contacts have theirs in their own files. People who act but are
not among the contacts count as people: their numbers follow, and lie in a file beside. Kinds are few, and listed in the manifest.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import duckdb

from cs_engine.sources.sets.snapshot import Segment, UsageSet
from cs_engine.sources.sql import listed, quoted, text

COMPRESSION = "FORMAT parquet, COMPRESSION snappy"
_AS_IT_IS = "FORMAT parquet, COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1"
"""What arrived is soon put together with more, and packed then: packing it at once would be half the work of writing it."""
ID_NUMBER = "CAST(md5_number({}) >> 64 AS UBIGINT)"
"""SQL of a whole number for an event's id: to look for ids among many, it alone is read. It is md5_number_lower, at a fifth of its cost."""
_NUMBERS = ("#account", "#contact", "#event", "#id")
_ROW = "file_row_number"
"""What DuckDB calls the place of a row in its file. Who has a column of that name cannot ask for it."""
_AT_ONCE = 2_000_000
"""Events."""
_STRANGERS = "numbers-contacts.parquet"


def strangers(folder: Path) -> list[Path]:
    """The file of those people who are not among the contacts; none where there are none."""
    return [file] if (file := folder / _STRANGERS).exists() else []


def open_strangers(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Makes the table of those people who are not among the contacts: who acted in segments that stay keeps its number."""
    db.execute('CREATE OR REPLACE TABLE strangers (id VARCHAR, "#no" INTEGER)')
    if (folder / _STRANGERS).exists():
        db.execute(
            f"INSERT INTO strangers SELECT * FROM read_parquet({text(folder / _STRANGERS)}) WHERE id NOT IN (SELECT id FROM contacts)"
        )


def write_strangers(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """What `open_strangers` of the next set reads."""
    file = folder / _STRANGERS
    file.unlink(missing_ok=True)
    if db.execute("SELECT count(*) FROM strangers").fetchall()[0][0]:
        db.execute(f'COPY (FROM strangers ORDER BY "#no") TO {text(file)} ({COMPRESSION})')


def write_segment(
    db: duckdb.DuckDBPyConnection,
    usage: UsageSet,
    source: str,
    table: str,
    columns: Iterable[str],
    new: str = "true",
) -> UsageSet:  # fmt: skip
    """The set with one more segment of that source: the rows of `table` without a #fault for which `new` (SQL over `t`) holds.

    Of rows that repeat an id within the table the first counts. Without any row the set stays as it is, but for its columns.
    """
    kept = list(columns)
    known = usage.kinds.get(source, ())
    shown, joins = ['t."#account"', 'CAST(NULL AS INTEGER) AS "#contact"'], []
    if "contact" in kept:
        _number_people(db, table)
        shown[1] = 'p."#no" AS "#contact"'
        joins.append("LEFT JOIN acting AS p ON p.id = t.contact")
    if "event" in kept:
        # Kinds of events are few; as numbers they are grouped several times as fast.
        known = with_kinds(db, table, known)
        shown.append('e."#no" AS "#event"')
        joins.append("LEFT JOIN kinds AS e ON e.id = t.event")
    if "id" in kept:
        shown.append(f'{ID_NUMBER.format("t.id")} AS "#id"')
        new = f"{new} AND {first_of_id(db, table)}"
    rows = f'{quoted(table)} AS t {" ".join(joins)} WHERE t."#fault" IS NULL AND {new} ORDER BY t."at"'
    return _written(db, usage, source, shown, rows, kept, known, arrived=False)


def write_numbered(
    db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, table: str, columns: Iterable[str], kinds: tuple[str, ...], new: str
) -> UsageSet:
    """The same of rows that arrived, which have their numbers already and lie in order of time: only where some of them are not `new`,
    which joins and so may change their order, are they sorted. `kinds`: all that there are by now.
    """
    order = "" if new == "true" else ' ORDER BY t."at"'
    rows = f'{quoted(table)} AS t WHERE t."#fault" IS NULL AND {new}{order}'
    shown = [f"t.{quoted(name)}" for name in _NUMBERS]
    return _written(db, usage, source, shown, rows, columns, kinds, arrived=True)


def _written(
    db: duckdb.DuckDBPyConnection,
    usage: UsageSet,
    source: str,
    numbers: Iterable[str],
    rows: str,
    columns: Iterable[str],
    kinds: tuple[str, ...],
    *,
    arrived: bool,
) -> UsageSet:  # fmt: skip
    segment = named(0, arrived=arrived)
    file = usage.events(source, segment)
    shown = listed([*numbers, 'CAST(t."at" AS DATE) AS "#day"', *(f"t.{quoted(name)}" for name in columns)])
    row = db.execute(f"COPY (SELECT {shown} FROM {rows}) TO {text(file)} ({_AS_IT_IS if arrived else COMPRESSION})").fetchone()
    assert row is not None
    there = usage.segments.get(source, ())
    if row[0] or not there:
        there = (*there, segment._replace(rows=int(row[0])))
    else:
        file.unlink()
    return usage.with_events(source, there, kinds, physical(db, usage, source, there))


def named(rows: int, *, arrived: bool) -> Segment:
    """A new segment, with a name of its own."""
    return Segment(uuid.uuid4().hex[:12], rows, arrived)


def relation(usage: UsageSet, source: str, which: Sequence[Segment] | None = None, rows: range | None = None) -> str:
    """SELECT of the events of that source: of all its segments, or of some; `rows`: of each, those at these places alone."""
    segments, columns = usage.segments[source] if which is None else which, usage.physical[source]
    files = listed(text(usage.events(source, segment)) for segment in segments)
    options, some = (f", {_ROW} = true", f" WHERE {_ROW} BETWEEN {rows[0]} AND {rows[-1]}") if rows else ("", "")
    if len(usage.segments[source]) == 1:
        return f"SELECT {f'* EXCLUDE ({_ROW})' if rows else '*'} FROM read_parquet({files}{options}){some}"
    # Segments may differ in their columns, and a column that was blank so far have a type by now.
    shown = listed(f"CAST({quoted(name)} AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
    blank = listed(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
    read = f"FROM read_parquet([{files}], union_by_name = true{options}){some}"
    return f"SELECT {shown} FROM ({read} UNION ALL BY NAME SELECT {blank} WHERE false)"


def parts(usage: UsageSet, source: str, segment: Segment) -> Iterator[str]:
    """SELECTs of the events of a segment, so many at once as fit into memory, in their order."""
    if any(column.lower() == _ROW for column in usage.physical[source]):
        yield relation(usage, source, [segment])
        return
    for first in range(0, segment.rows, _AT_ONCE):
        yield relation(usage, source, [segment], range(first, first + _AT_ONCE))


def physical(db: duckdb.DuckDBPyConnection, usage: UsageSet, source: str, segments: Iterable[Segment]) -> dict[str, str]:
    """The columns of these segments together, as DuckDB types."""
    files = listed(text(usage.events(source, segment)) for segment in segments)
    found = db.execute(f"DESCRIBE SELECT * FROM read_parquet([{files}], union_by_name = true)").fetchall()
    return {str(row[0]): str(row[1]) for row in found}


def _number_people(db: duckdb.DuckDBPyConnection, table: str) -> None:
    """Makes the table of those who act, with their numbers; who is not known yet becomes a stranger."""
    who = f'SELECT DISTINCT contact AS id FROM {quoted(table)} WHERE "#fault" IS NULL AND contact IS NOT NULL'
    db.execute(
        'CREATE OR REPLACE TABLE acting AS SELECT w.id, coalesce(c."#no", s."#no") AS "#no" '
        f"FROM ({who}) AS w LEFT JOIN contacts AS c ON c.id = w.id LEFT JOIN strangers AS s ON s.id = w.id"
    )
    if add_strangers(db, 'SELECT id FROM acting WHERE "#no" IS NULL'):
        db.execute('UPDATE acting SET "#no" = s."#no" FROM strangers AS s WHERE s.id = acting.id AND acting."#no" IS NULL')


def add_strangers(db: duckdb.DuckDBPyConnection, who: str) -> bool:
    """Numbers people who are not among the contacts, and are no strangers yet; whether there are such. `who`: SELECT of ids."""
    db.execute(f"CREATE OR REPLACE TABLE strange AS SELECT DISTINCT id FROM ({who}) ANTI JOIN strangers USING (id)")
    row = db.execute(
        'INSERT INTO strangers SELECT id, CAST(1 + greatest((SELECT coalesce(max("#no"), -1) FROM contacts), '
        '(SELECT coalesce(max("#no"), -1) FROM strangers)) + row_number() OVER (ORDER BY id) - 1 AS INTEGER) FROM strange'
    ).fetchone()
    return row is not None and row[0] > 0


def with_kinds(db: duckdb.DuckDBPyConnection, table: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The known kinds of events, and those that good rows of the table have beside them; as the table `kinds`, too."""
    found = db.execute(f'SELECT DISTINCT event FROM {quoted(table)} WHERE "#fault" IS NULL ORDER BY 1').fetchall()
    kinds = known + tuple(kind for (kind,) in found if kind not in known)
    db.execute('CREATE OR REPLACE TABLE kinds (id VARCHAR, "#no" INTEGER)')
    db.execute("INSERT INTO kinds SELECT unnest($1), unnest(range(len($1)))", [list(kinds)])
    return kinds


def first_of_id(db: duckdb.DuckDBPyConnection, table: str) -> str:
    """SQL that keeps the first row of each event id."""
    row = db.execute(f'SELECT count(*) = count(DISTINCT id) FROM {quoted(table)} WHERE "#fault" IS NULL').fetchone()
    if row is not None and row[0]:
        return "true"
    db.execute(
        f'CREATE OR REPLACE TABLE repeats AS SELECT "#file", "#line" FROM {quoted(table)} WHERE "#fault" IS NULL '
        f'QUALIFY row_number() OVER (PARTITION BY id ORDER BY "#file", "#line") > 1'
    )
    return '(t."#file", t."#line") NOT IN (SELECT "#file", "#line" FROM repeats)'
