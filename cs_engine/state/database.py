"""A connection to SQLite or PostgreSQL, and the few bulk verbs in which the two differ. Table modules speak through a `Tx`."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Double, Engine, Integer, Table, TextClause, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import StaticPool

from cs_engine.errors import CsEngineError, DatabaseUnavailable, LostRace, SettingsError

BUSY_SECONDS = 30.0
"""How long a writer waits for another one on SQLite."""

_MEND = "set CS_ENGINE_DATABASE_URL to sqlite:///path/to/state.db or postgresql+psycopg://user@host/database"
_REACH = (
    "see that it runs, and that host, user, password and database in CS_ENGINE_DATABASE_URL are right; of SQLite, that the folder is yours"
)
_LOST = {"40001", "40P01"}
"""PostgreSQL's serialization failure and deadlock: another transaction won."""

_AWAY = {
    sqlite3.SQLITE_BUSY: "it is locked",
    sqlite3.SQLITE_LOCKED: "it is locked",
    sqlite3.SQLITE_FULL: "it or its disk is full",
    sqlite3.SQLITE_IOERR: "its disk fails",
    sqlite3.SQLITE_READONLY: "it may only be read",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
}
"""What passes, or is somebody's to mend; nothing is wrong with the statement."""

_VALUES = 500
"""So many values an INSERT into SQLite: stepping rows one by one costs a third as much as writing them. Its oldest limit is 999."""

Rows = Sequence[tuple[Any, ...]]


class RowRefused(CsEngineError):
    """The database refused a row that breaks its rules."""


class Database:
    """Opens transactions on one database. Threads may share it."""

    def __init__(self, url: str, patience: float = BUSY_SECONDS) -> None:
        """Raises SettingsError when the URL names neither SQLite nor PostgreSQL, or its driver is missing. Connects lazily.

        `patience`: seconds that a writer waits for another one on SQLite.
        """
        self._url, self._patience = _parse(url), patience
        self.embedded = self._url.get_backend_name() == "sqlite"
        in_memory = self.embedded and self._url.database in (None, "", ":memory:")
        # One connection is the whole in-memory database, so its transactions take turns.
        self._turn: AbstractContextManager[object] = threading.RLock() if in_memory else nullcontext()
        self._writing = threading.local()
        self.engine = self._open(in_memory)

    def _open(self, in_memory: bool) -> Engine:
        # Parameters can be personal data: they stay out of exceptions.
        options: dict[str, Any] = {"hide_parameters": True}
        if not self.embedded:
            try:
                return create_engine(self._url, pool_pre_ping=True, **options)
            except ImportError as error:
                raise SettingsError("PostgreSQL needs psycopg, which is not installed", "pip install 'cs-engine[postgres]'") from error
        if in_memory:
            options |= {"poolclass": StaticPool}
        engine = create_engine(self._url, connect_args={"timeout": self._patience, "check_same_thread": False}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    @property
    def is_missing(self) -> bool:
        """True for an SQLite file that is not there; opening it would make it."""
        return self.embedded and bool(self._url.database) and not Path(str(self._url.database)).exists()

    def make_folder(self) -> None:
        """Makes the folders above an SQLite file."""
        if self.embedded and self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A transaction that only reads: on SQLite it neither waits for the writer nor keeps it waiting.

        Within a transaction that writes, in the same thread, it is that one: rules that are asked at a claim read what the claim sees.
        Raises DatabaseUnavailable when it cannot be read from now.
        """
        if (around := getattr(self._writing, "tx", None)) is not None:
            yield around
            return
        with self._turn, self._connect() as connection:
            try:
                with connection.begin():
                    yield Tx(connection)
            except DBAPIError as error:
                _say_unavailable(error, "read from")
                raise

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """A transaction that writes: all of it or, when anything is raised, nothing. Raises LostRace when PostgreSQL chose another's,
        RowRefused when a constraint is broken, DatabaseUnavailable when it cannot be written to. Within another one, in the same thread,
        it is that one.
        """
        if (around := getattr(self._writing, "tx", None)) is not None:
            yield around
            return
        with self._turn, self._connect() as connection:
            # Takes the write lock at once: a deferred transaction that turns into a writer can fail halfway.
            connection.execution_options(begin_with="BEGIN IMMEDIATE")
            try:
                with connection.begin():
                    self._writing.tx = Tx(connection)
                    yield self._writing.tx
            except (IntegrityError, DataError) as error:
                # Not chained: PostgreSQL tells the whole row, and people's addresses with it.
                raise RowRefused(f"the database refused a row: {_rule_broken(error.orig)}") from None
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) in _LOST:
                    raise LostRace from error
                _say_unavailable(error, "written to")
                raise
            finally:
                self._writing.tx = None

    def _connect(self) -> Connection:
        try:
            return self.engine.connect()
        except DBAPIError as error:
            raise DatabaseUnavailable(f"the database at {self._url.render_as_string()} cannot be opened", _REACH) from error

    def close(self) -> None:
        self.engine.dispose()


class Tx:
    """An open transaction, as the table modules see it. Statements are SQL with :named values; bulk rows come in column order."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.embedded = connection.dialect.name == "sqlite"

    @property
    def lock_rows(self) -> str:
        """Ends a SELECT whose rows will be written. SQLite has one writer at a time and needs nothing."""
        return "" if self.embedded else " FOR UPDATE"

    @property
    def differs(self) -> str:
        """Between two rows: true when any value is another, blanks included."""
        return "IS NOT" if self.embedded else "IS DISTINCT FROM"

    def run(self, sql: str, **values: object) -> int:
        """Executes one statement; the number of rows that it wrote."""
        return self.connection.execute(_text(sql), values).rowcount

    def rows(self, sql: str, **values: object) -> list[tuple[Any, ...]]:
        """What a query, or a statement with RETURNING, answers: plain tuples."""
        found = self.connection.execute(_text(sql), values)
        return list(found.cursor.fetchall()) if found.cursor is not None else []

    def batches(self, sql: str, size: int) -> Iterator[Rows]:
        """What a long query answers, some rows at a time."""
        found = self.connection.execution_options(yield_per=size).execute(_text(sql))
        for part in found.partitions():
            yield [tuple(row) for row in part]

    def row(self, sql: str, **values: object) -> tuple[Any, ...] | None:
        """The first row, or None."""
        return next(iter(self.rows(sql, **values)), None)

    def among(self, column: str, name: str) -> str:
        """The condition that a column is one of the texts bound as `name` with `ids`."""
        if self.embedded:
            return f"{column} IN (SELECT value FROM json_each(:{name}))"
        # Not a subquery of unnest: on a young table without statistics it would be joined row by row.
        return f"{column} = ANY(CAST(:{name} AS text[]))"

    def ids(self, ids: Iterable[str]) -> object:
        """The value to bind for `among`."""
        return json.dumps(list(ids)) if self.embedded else list(ids)

    def append(self, table: Table, columns: Sequence[str], rows: Rows) -> None:
        """Inserts rows that nothing can be in the way of."""
        if not rows:
            return
        if self.embedded:
            self._insert_embedded(table.name, tuple(columns), rows)
            return
        import psycopg

        raw: Any = self.connection.connection.driver_connection
        try:
            with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            raise IntegrityError("COPY", None, error) from None
        except psycopg.OperationalError as error:
            raise OperationalError("COPY", None, error) from None

    def insert_new(self, table: Table, columns: Sequence[str], rows: Rows, same: Mapping[str, object] | None = None) -> set[str]:
        """Inserts the rows that no unique constraint forbids. The first column is the key; `same` names further key columns and
        their one value, if any. Answers the keys of the rows that were left out.
        """
        if not rows:
            return set()
        if not self.embedded:
            sql = f"{_insert_unnest(table, tuple(columns))} ON CONFLICT DO NOTHING RETURNING {columns[0]}"
            fresh = {key for (key,) in self.connection.exec_driver_sql(sql, _columns(rows))}
            return {row[0] for row in rows} - fresh
        # executemany cannot say which rows went in; but under SQLite's write lock what was there before and what is there after can.
        keys = self.ids(row[0] for row in rows)
        where = "".join(f" AND {column} = :{column}" for column in same or ())
        present = f"SELECT {columns[0]} FROM {table.name} WHERE {self.among(columns[0], 'keys')}{where}"
        there = {key for (key,) in self.rows(present, keys=keys, **same or {})}
        if not (missing := [row for row in rows if row[0] not in there]):
            return there
        inserted = self._insert_embedded(table.name, tuple(columns), missing, "ON CONFLICT DO NOTHING")
        if inserted == len(missing):
            return there
        now_there = {key for (key,) in self.rows(present, keys=keys, **same or {})}
        return there | ({row[0] for row in rows} - now_there)

    def insert_or_leave(self, table: Table, columns: Sequence[str], rows: Rows, key: str) -> int:
        """Inserts the rows whose `key`, a unique column, is not there yet; how many."""
        if not rows:
            return 0
        names = tuple(columns)
        if self.embedded:
            return self._insert_embedded(table.name, names, rows, f"ON CONFLICT ({key}) DO NOTHING")
        return self.connection.exec_driver_sql(f"{_insert_unnest(table, names)} ON CONFLICT ({key}) DO NOTHING", _columns(rows)).rowcount

    def upsert(self, table: Table, columns: Sequence[str], rows: Rows, on_conflict: str) -> None:
        """Inserts rows; `on_conflict` says what becomes of those that are there (`ON CONFLICT …`)."""
        if not rows:
            return
        if self.embedded:
            self._insert_embedded(table.name, tuple(columns), rows, on_conflict)
        else:
            self.connection.exec_driver_sql(f"{_insert_unnest(table, tuple(columns))} {on_conflict}", _columns(rows))

    def _insert_embedded(self, table: str, columns: tuple[str, ...], rows: Rows, on_conflict: str = "") -> int:
        """Inserts rows into SQLite; how many it wrote."""
        written, at_once = 0, _VALUES // len(columns)
        together = len(rows) - len(rows) % at_once
        if together:
            flat = [tuple(chain.from_iterable(rows[i : i + at_once])) for i in range(0, together, at_once)]
            written = self.connection.exec_driver_sql(f"{_insert(table, columns, at_once)} {on_conflict}", flat).rowcount
        if rest := rows[together:]:
            written += self.connection.exec_driver_sql(f"{_insert(table, columns)} {on_conflict}", rest).rowcount
        return written

    def update_each(self, table: Table, sets: Sequence[str], also: str, where: Sequence[str], rows: Rows) -> int:
        """Updates row by row: each row holds values for `sets`, then for `where`. `also` is more SET, the same for all.
        Answers how many rows were there to be updated.
        """
        if not rows:
            return 0
        if self.embedded:
            sql = _update(table.name, tuple(sets), also, tuple(where))
            return self.connection.exec_driver_sql(sql, rows).rowcount
        sql = _update_unnest(table, tuple(sets), also, tuple(where))
        return self.connection.exec_driver_sql(sql, _columns(rows)).rowcount


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise SettingsError("the database URL cannot be read", _MEND) from error
    if backend in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return parsed
    raise SettingsError(f"the database URL names {backend}; only SQLite and PostgreSQL are known", _MEND)


def _rule_broken(error: object) -> str:
    """Which rule of which table a row broke, without the row."""
    told = getattr(error, "diag", None)
    if told is None:
        return str(error)
    where = ".".join(filter(None, (told.table_name, told.constraint_name or told.column_name)))
    return f"{type(error).__name__} {where}".strip()


def _say_unavailable(error: DBAPIError, done: str) -> None:
    """Raises DatabaseUnavailable where what failed is the database or its connection, not the statement."""
    if isinstance(error, OperationalError | InterfaceError) and (trouble := _trouble(error)):
        mend = "look whether it runs, whether its disk is full, and who keeps it locked; then run again: nothing is lost"
        raise DatabaseUnavailable(f"the database cannot be {done} now: {trouble}", mend) from error


def _trouble(error: DBAPIError) -> str:
    """Why it cannot be written to for now, in words of our own: a driver's may quote a value. '' when the statement is at fault."""
    if isinstance(error.orig, sqlite3.Error):
        # The lower byte is the kind, what is above says more: sqlite.org/rescode.html
        return _AWAY.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF, "")
    state = getattr(error.orig, "sqlstate", None)
    if state and state[:2] not in ("08", "53", "55", "57", "58"):
        return ""
    return f"{type(error.orig).__name__} {state or ''}".strip()


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # We say BEGIN ourselves; the driver's own, late one would let a reader turn into a writer.
    connection.isolation_level = None
    for pragma in (
        # Says something to a new database only. Rows of outbox and journal are a quarter of a kilobyte.
        "page_size = 8192",
        "journal_mode = WAL",
        # A commit that was answered survives a power cut; WAL alone syncs only at checkpoints.
        "synchronous = FULL",
        "foreign_keys = ON",
        "cache_size = -65536",
        # Random ids touch the same pages again and again; a longer log writes each back less often.
        "wal_autocheckpoint = 4000",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin_with", "BEGIN"))


@lru_cache(maxsize=512)
def _text(sql: str) -> TextClause:
    return text(sql)


@lru_cache(maxsize=128)
def _insert(table: str, columns: tuple[str, ...], rows: int = 1) -> str:
    # OR FAIL: a row that is refused ends the whole transaction anyway, and to undo a statement alone SQLite would copy every page first.
    row = f"({', '.join('?' * len(columns))})"
    return f"INSERT OR FAIL INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * rows)}"


@lru_cache(maxsize=128)
def _insert_unnest(table: Table, columns: tuple[str, ...]) -> str:
    arrays = ", ".join(f"%s::{_type(table, column)}[]" for column in columns)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM unnest({arrays})"


@lru_cache(maxsize=128)
def _update(table: str, sets: tuple[str, ...], also: str, where: tuple[str, ...]) -> str:
    changes = ", ".join([*(f"{column} = ?" for column in sets), also] if also else [f"{column} = ?" for column in sets])
    return f"UPDATE {table} SET {changes} WHERE {' AND '.join(f'{column} = ?' for column in where)}"


@lru_cache(maxsize=128)
def _update_unnest(table: Table, sets: tuple[str, ...], also: str, where: tuple[str, ...]) -> str:
    arrays = ", ".join(f"%s::{_type(table, column)}[]" for column in (*sets, *where))
    names = [f"set_{column}" for column in sets] + [f"is_{column}" for column in where]
    changes = ", ".join([f"{column} = v.set_{column}" for column in sets] + ([also] if also else []))
    guard = " AND ".join(f"{table.name}.{column} = v.is_{column}" for column in where)
    return f"UPDATE {table.name} SET {changes} FROM unnest({arrays}) AS v ({', '.join(names)}) WHERE {guard}"


def _type(table: Table, column: str) -> str:
    kind = table.c[column].type
    if isinstance(kind, Boolean):
        return "boolean"
    if isinstance(kind, Double):
        return "double precision"
    return "bigint" if isinstance(kind, BigInteger | Integer) else "text"


def _columns(rows: Rows) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))
