"""DuckDB files that sources lie in: what they have is copied, so that their lock is let go at once.

Of events with a time that can be compared each day is a part: the file itself tells of each day whether any value of it is another than
before, and only days that are not as they were are copied.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from cs_engine.errors import SourceAway, SyncStopped
from cs_engine.playbook.sources import EventsSource, Origin
from cs_engine.sources.outside.landed import DAY, TIMELESS, WHOLE, Landed, start, together
from cs_engine.sources.sql import ZONED, quoted, text

_AT_ONCE = 4_000_000
"""Rows of days that one look through the file takes."""
_MEMORY = "640MB"
_ANY_DAY = "{} BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-30 00:00:00+00'"


def land(folder: Path, file: Path, source: Origin, before: Landed | None, fresh: Landed) -> None:
    """Brings what has changed. Raises SourceAway, SyncStopped."""
    mark = stamp(file)
    if before is not None and before.marks.get(WHOLE) == mark:
        fresh.files, fresh.counts, fresh.marks, fresh.read = before.files, before.counts, before.marks, before.read
        return
    with _opened(file) as db:
        db.execute(f"SET memory_limit = '{_MEMORY}'; SET temp_directory = {text(folder)}")
        if isinstance(source, EventsSource) and _kind(db, source, source.at) == ZONED:
            _days(db, folder, source, before, fresh)
        if not fresh.files:
            fresh.files[WHOLE] = f"{WHOLE}-{uuid.uuid4().hex[:8]}.parquet"
            fresh.counts[WHOLE] = _copy(db, f"SELECT * FROM {_relation(source)}", folder / fresh.files[WHOLE])
    fresh.marks[WHOLE] = mark


def sample(file: Path, source: Origin, path: Path, most: int) -> None:
    """The first rows, as a file."""
    with _opened(file) as db:
        _copy(db, f"SELECT * FROM {_relation(source)} LIMIT {most}", path)


def names(file: Path, source: Origin) -> list[str]:
    """The source's columns."""
    with _opened(file) as db:
        return [str(row[0]) for row in _ask(db, f"DESCRIBE SELECT * FROM {_relation(source)}")]


def stamp(file: Path) -> str:
    """What a DuckDB file looks like from outside. Raises SyncStopped where there is none."""
    try:
        stat = file.stat()
    except OSError:
        raise SyncStopped(f"{file.name}: no such file", f"put it at {file}, or correct `duckdb:` under sources.databases") from None
    return f"{stat.st_size} {stat.st_mtime_ns}"


def _days(db: duckdb.DuckDBPyConnection, folder: Path, source: EventsSource, before: Landed | None, fresh: Landed) -> None:
    at, relation = quoted(source.at), f"{_relation(source)} AS source"
    known = _ANY_DAY.format(at)
    day = f"CASE WHEN {known} THEN CAST(CAST({at} AS DATE) AS VARCHAR) ELSE '{TIMELESS}' END"
    changed = []
    for part, rows, mark in _ask(db, f"SELECT {day}, count(*), CAST(sum(hash(source)) AS VARCHAR) FROM {relation} GROUP BY 1 ORDER BY 1"):
        fresh.marks[part], fresh.counts[part] = f"{rows}|{mark}", int(rows)
        if before is not None and part in before.files and before.marks.get(part) == fresh.marks[part]:
            fresh.files[part] = before.files[part]
        else:
            changed.append((str(part), int(rows)))
    for parts in together(changed, _AT_ONCE):
        within = (
            f"NOT coalesce({known}, false)"
            if parts[0] == TIMELESS
            else f"{known} AND {at} >= {_first(parts[0])} AND {at} < {_after(parts[-1])}"
        )
        _ask(db, f'CREATE OR REPLACE TEMP TABLE some_days AS SELECT *, {day} AS "#part" FROM {relation} WHERE {within}')
        for part in parts:
            fresh.files[part] = f"{part}-{uuid.uuid4().hex[:8]}.parquet"
            _copy(db, f'SELECT * EXCLUDE ("#part") FROM some_days WHERE "#part" = {text(part)}', folder / fresh.files[part])


def _first(part: str) -> str:
    return f"TIMESTAMPTZ '{start(part).isoformat()}'"


def _after(part: str) -> str:
    return f"TIMESTAMPTZ '{(start(part) + DAY).isoformat()}'"


def _kind(db: duckdb.DuckDBPyConnection, source: Origin, column: str) -> str:
    """The type of a column, '' where there is none of that name."""
    return next((str(row[1]) for row in _ask(db, f"DESCRIBE SELECT * FROM {_relation(source)}") if row[0] == column), "")


@contextmanager
def _opened(file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    stamp(file)
    try:
        db = duckdb.connect(str(file), read_only=True)
    except (duckdb.IOException, duckdb.ConnectionException):
        raise SourceAway(f"{file.name} is being written by another process, or is no DuckDB file", "read it when that is done") from None
    try:
        db.execute("SET TimeZone = 'UTC'")
        yield db
    finally:
        db.close()


def _relation(source: Origin) -> str:
    if source.query is not None:
        return "(" + source.query.rstrip(" \n;") + "\n)"  # it may end with a comment
    return ".".join(map(quoted, (source.table or "").split(".")))


def _copy(db: duckdb.DuckDBPyConnection, select: str, path: Path) -> int:
    return int(_ask(db, f"COPY ({select}) TO {text(path)} (FORMAT parquet, COMPRESSION snappy)")[0][0])


def _ask(db: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    try:
        return db.execute(sql).fetchall()
    except duckdb.CatalogException:
        raise SyncStopped("the DuckDB file has no such table or function", "correct `table` or `query`") from None
    except duckdb.Error as error:  # its own words can quote rows
        raise SyncStopped(
            f"the DuckDB file refuses the query: {type(error).__name__}", "try it there; correct `table` or `query`"
        ) from None
