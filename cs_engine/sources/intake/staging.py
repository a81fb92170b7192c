"""Source files -> one DuckDB table of raw rows, each with its file and line.

CSV is read by DuckDB's own reader, which is fast but gives up at the first broken record and knows no lines. Where it gives up,
or lines are asked for, the file is read record by record instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import duckdb
import numpy as np

from cs_engine.errors import SyncStopped
from cs_engine.sources.outside.files import ASIDE, CsvFile, ParquetFile, Record, SourceFile, records
from cs_engine.sources.sql import ZONED, listed, quoted, text

_CHUNK = 50_000
_ROW = "file_row_number"
_OURS = re.compile("#[a-z_]+", re.IGNORECASE)
"""Columns that tables of ours have beside those of a source."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A table of raw rows: the sources' own columns, and #file, #line (of the record), #fault (NULL, or why it is broken)."""

    table: str
    columns: dict[str, str]
    """Column of the source -> its type in DuckDB; VARCHAR throughout where it was CSV."""
    files: tuple[SourceFile, ...]
    exact_lines: bool
    """False: #line is the number of the record, as long as no field spans lines."""
    kind: str = "TABLE"
    zone: str | None = None
    """Whose times those are that do not say their offset."""
    clean: frozenset[str] = frozenset()
    """Columns known to need no cleaning: no value is blank or wrong by itself, text is trimmed."""
    numbered: bool = False
    """Rows come in order of time, with the numbers that segments have: #id and #account, and by and by #contact and #event."""

    def drop(self, db: duckdb.DuckDBPyConnection) -> None:
        """Forgets the raw rows."""
        db.execute(f"DROP {self.kind} {quoted(self.table)}")


def stage(
    db: duckdb.DuckDBPyConnection,
    table: str,
    files: Sequence[SourceFile],
    *,
    exact_lines: bool = False,
    most: int | None = None,
    known: Mapping[str, str] | None = None,
) -> Staged:
    """Reads all files into `table`, replacing it. Files may differ in their columns: they are matched by name.

    `most`: of each file only so many rows. `known`: columns, with their types, that there are in any case.
    """
    columns = _columns(db, files, known or {})
    parquet = [file for file in files if isinstance(file, ParquetFile)]
    if len(parquet) == len(files):
        # Parquet is read where it lies: copying it first would cost more than all else.
        reads = [_parquet_rows(db, number, file, columns, most) for number, file in enumerate(parquet)]
        db.execute(f"CREATE OR REPLACE VIEW {quoted(table)} AS {' UNION ALL '.join(reads)}")
        return Staged(table, columns, tuple(files), exact_lines=True, kind="VIEW")
    db.execute(
        f"CREATE OR REPLACE TABLE {quoted(table)} "
        f'("#file" SMALLINT, "#line" BIGINT, "#fault" VARCHAR, {listed(f"{quoted(n)} {t}" for n, t in columns.items())})'
    )
    exact = True
    limit = f" LIMIT {most}" if most is not None else ""
    for number, file in enumerate(files):
        if isinstance(file, ParquetFile):
            db.execute(f"INSERT INTO {quoted(table)} {_parquet_rows(db, number, file, columns, most)}")
        elif exact_lines or not _read_fast(db, table, number, file, limit):
            _read_carefully(db, table, number, file, most)
        else:
            exact = False
    return Staged(table, columns, tuple(files), exact)


@contextmanager
def whole(files: Sequence[SourceFile]) -> Iterator[None]:
    """While Parquet files are read where they lie. Raises SyncStopped where one is written meanwhile, or damaged before a sound end."""
    parquet = [(file, _stamp(file)) for file in files if isinstance(file, ParquetFile)]
    try:
        yield
    except duckdb.Error:
        for file, stamp in parquet:
            if _stamp(file) != stamp:
                raise SyncStopped(f"{file.label}: it was written while it was read", ASIDE) from None
            try:
                duckdb.execute(f"SELECT bit_xor(hash(COLUMNS(*))) FROM read_parquet({text(file.path)})")
            except duckdb.Error:
                raise SyncStopped(f"{file.label}: it is no whole Parquet file", ASIDE) from None
        raise


def _stamp(file: ParquetFile) -> tuple[int, ...]:
    try:
        stat = file.path.stat()
    except OSError:
        return ()
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns)


def empty(db: duckdb.DuckDBPyConnection, table: str) -> Staged:
    """Events of a source that has no file: none, with the columns that arrivals have."""
    columns = {**dict.fromkeys(("id", "account", "contact", "event"), "VARCHAR"), **dict.fromkeys(("at", "learned_at"), ZONED)}
    db.execute(
        f"CREATE OR REPLACE TABLE {quoted(table)} "
        f'("#file" SMALLINT, "#line" BIGINT, "#fault" VARCHAR, {listed(f"{quoted(n)} {t}" for n, t in columns.items())})'
    )
    return Staged(table, columns, (), exact_lines=True)


def _columns(db: duckdb.DuckDBPyConnection, files: Iterable[SourceFile], known: Mapping[str, str]) -> dict[str, str]:
    columns = dict(known)
    spelt = {name.lower(): name for name in known}
    for file in files:
        mine = {name: "VARCHAR" for name in file.header if name} if isinstance(file, CsvFile) else _described(db, file)
        # A column of that name in the file itself goes before what its folder says.
        there = {name.lower() for name in mine}
        mine |= {name: "VARCHAR" for name, _ in file.folders if name.lower() not in there}
        for name, kind in mine.items():
            if _OURS.fullmatch(name):
                raise SyncStopped(f'{file.label}: a column is named "{name}", as one of ours is', "rename it, or leave it out")
            first = spelt.setdefault(name.lower(), name)
            if columns.setdefault(first, kind) != kind:
                columns[first] = "VARCHAR"
    return columns


def _described(db: duckdb.DuckDBPyConnection, file: ParquetFile) -> dict[str, str]:
    """Column -> type in DuckDB. Raises SyncStopped for a file that is no whole Parquet file."""
    try:
        described = db.execute(f"DESCRIBE SELECT * FROM read_parquet({text(file.path)})").fetchall()
    except duckdb.Error:
        raise SyncStopped(f"{file.label}: it is no whole Parquet file", ASIDE) from None
    return {str(row[0]): str(row[1]) for row in described}


def _of_folders(file: SourceFile, there: Collection[str]) -> dict[str, str]:
    """What its folders say, by column in small letters, as SQL literals; less what `there` is in the file itself."""
    return {name.lower(): "NULL" if said is None else text(said) for name, said in file.folders if name.lower() not in there}


def _parquet_rows(db: duckdb.DuckDBPyConnection, number: int, file: ParquetFile, columns: Mapping[str, str], most: int | None) -> str:
    """SELECT of a Parquet file's rows, shaped as the raw table."""
    mine = {name.lower() for name in _described(db, file)}
    beside = _of_folders(file, mine)
    shown = listed(
        f"CAST({quoted(n) if n.lower() in mine else beside.get(n.lower(), 'NULL')} AS {kind}) AS {quoted(n)}" for n, kind in columns.items()
    )
    limit = f" LIMIT {most}" if most is not None else ""
    # DuckDB's number of a row has a name that a column may have too.
    line, option = ("row_number() OVER ()", "") if _ROW in mine else (f"{_ROW} + 1", f", {_ROW} = true")
    return (
        f'(SELECT CAST({number} AS SMALLINT) AS "#file", {line} AS "#line", CAST(NULL AS VARCHAR) AS "#fault", {shown} '
        f"FROM read_parquet({text(file.path)}{option}){limit})"
    )


def _read_fast(db: duckdb.DuckDBPyConnection, table: str, number: int, file: CsvFile, limit: str) -> bool:
    """Whether DuckDB's reader could read it. When not, nothing of it was taken."""
    if file.broken_head:
        return False
    shape = listed(f"{text(f'c{i}')}: 'VARCHAR'" for i in range(len(file.header)))
    taken = _taken(file)
    try:
        db.execute(
            f'INSERT INTO {quoted(table)} BY NAME SELECT {number} AS "#file", row_number() OVER () + {1 + file.before} AS "#line", {taken} '
            f"FROM read_csv({text(file.path)}, header = true, auto_detect = false, delim = {text(file.delimiter)}, "
            f"""quote = '"', escape = '"', columns = {{{shape}}}){limit}"""
        )
    except duckdb.Error:
        return False
    return True


def _read_carefully(db: duckdb.DuckDBPyConnection, table: str, number: int, file: CsvFile, most: int | None) -> None:
    taken = _taken(file)
    width = len(file.header)
    for chunk in _chunks(islice(records(file), most)):
        arrays: dict[str, np.ndarray[tuple[int], np.dtype[np.object_]] | np.ndarray[tuple[int], np.dtype[np.int64]]] = {
            "line": np.fromiter((record.line for record in chunk), np.int64, len(chunk)),
            "fault": _texts(record.bad for record in chunk),
        }
        for i in range(width):
            arrays[f"c{i}"] = _texts("" if record.bad else record.values[i] for record in chunk)
        db.register("chunk", arrays)
        db.execute(
            f'INSERT INTO {quoted(table)} BY NAME SELECT {number} AS "#file", line AS "#line", '
            f"""nullif(fault, '') AS "#fault", {taken} FROM chunk"""
        )
        db.unregister("chunk")


def _taken(file: CsvFile) -> str:
    """SQL of the columns of a CSV file's rows, whose values are c0, c1, …"""
    beside = _of_folders(file, {name.lower() for name in file.header})
    return listed(
        [
            *(f"c{i} AS {quoted(name)}" for i, name in enumerate(file.header) if name),
            *(f"{beside[name.lower()]} AS {quoted(name)}" for name, _ in file.folders if name.lower() in beside),
        ]
    )


def _texts(values: Iterable[str]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.fromiter(values, np.object_)


def _chunks(rows: Iterator[Record]) -> Iterator[list[Record]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk
