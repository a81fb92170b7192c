"""Databases that sources lie in, by SQLAlchemy: whatever it has a driver for can be read. Nothing is ever written to them.

Names go through the dialect's own quoting, values are bound, and all reads of one visit are of one moment where the database
can do that. An address, and what a database says in its errors, can hold secrets or rows: neither is shown or kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from cs_engine import settings
from cs_engine.errors import SettingsError, SourceAway, SyncStopped
from cs_engine.playbook.sources import DatabaseSpec, Origin

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Engine, FromClause, TextClause

BATCH = 20_000
CONNECT_SECONDS = 10
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""What a calendar can say; PostgreSQL has times beyond, and infinite ones."""

_REASONS = {
    "28": "it refuses the user or the password",
    "3D": "there is no such database",
    "42501": "the user may not read it",
    "42P01": "there is no such table",
    "3F000": "there is no such schema",
    "42703": "there is no such column",
    "42601": "the query is not its SQL",
    "57014": "the query took longer than it allows",
}
"""By SQLSTATE, or the beginning of one."""
_AWAY = ("08", "57P", "53")
"""SQLSTATEs of a database that is not there now."""


def address(name: str, spec: DatabaseSpec) -> str:
    """The database's address, from the environment. Raises SettingsError where it is not set."""
    url = settings.variable(spec.variable)
    if url is None:
        raise SettingsError(
            f"the database {name} needs {spec.variable}, which is not set", f"set {spec.variable} in the environment or in .env"
        )
    # What every vendor's page shows names no driver; SQLAlchemy's default one is not the one that we bring.
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


@dataclass(frozen=True, slots=True)
class Days:
    """What a visit asks of a source's days: the column of time, and those that tell whether a day is as it was."""

    at: str
    learned_at: str | None


class Visit:
    """One read-only transaction."""

    def __init__(self, name: str, connection: Connection, origin: Origin) -> None:
        self._name, self._connection, self._origin = name, connection, origin

    def names(self) -> list[str]:
        """The source's columns."""
        from sqlalchemy import false, literal_column, select

        with closing(self._run(select(literal_column("*")).select_from(self._relation()).where(false()))) as found:
            return list(found.keys())

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of it."""
        return self._connection.dialect.name

    def quote(self, name: str) -> str:
        """A name as the database takes it."""
        return self._connection.dialect.identifier_preparer.quote(name)

    def relation_sql(self, theirs: str) -> str:
        """The source as it stands after FROM, in DuckDB's words; `theirs` stands before names of the database."""
        if self._origin.query is not None:
            import sqlglot

            read = DIALECTS.get(self.dialect, self.dialect)
            return f"({sqlglot.transpile(self._origin.query.rstrip(' ;' + chr(10)), read=read, write='duckdb')[0]}) AS source"
        return ".".join(f'"{theirs}{part}"' for part in (self._origin.table or "").split(".")) + " AS source"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that SQL of our own making gives, all at once."""
        from sqlalchemy import text

        with closing(self._run(text(sql.replace(":", "\\:")))) as found:
            return [tuple(row) for row in found]

    def ends(self, at: str) -> tuple[Any, Any]:
        """The largest and the smallest value of a column; None where there is none, or where it is a time that no calendar has."""
        from sqlalchemy import column, func, select

        found: ColumnElement[Any] = column(at)
        latest, first = self._run(select(func.max(found), func.min(found)).select_from(self._relation())).one()
        return latest, first

    def days(self, days: Days, since: datetime | None) -> dict[date | None, tuple[int, str]]:
        """Day in UTC -> (rows, fingerprint), of the days that begin at `since` or later; None: rows without a time that a calendar has.

        On PostgreSQL the fingerprint changes with any value; elsewhere with the number of rows, and the first and last time.
        """
        from sqlalchemy import column, func, literal_column, or_, select

        at: ColumnElement[Any] = column(days.at)
        day: ColumnElement[Any] = literal_column(self._day_sql(at))
        marks: list[ColumnElement[Any]] = [func.count(), func.min(at), func.max(at)]
        if days.learned_at is not None:
            marks.append(func.max(column(days.learned_at)))
        if self._connection.dialect.name == "postgresql":
            marks.append(literal_column("sum(hashtextextended(CAST(source AS text), 0))"))
        asked: Any = select(day, *marks).select_from(self._relation()).group_by(day)
        if since is not None:
            asked = asked.where(or_(at >= since, at.is_(None)))
        found: dict[date | None, tuple[int, str]] = {}
        for day_found, n, *rest in self._run(asked):
            key = _as_date(day_found)
            rows, mark = found.get(key, (0, ""))
            found[key] = (rows + int(n), mark + "|".join(map(str, (n, *rest))))
        return found

    def rows(
        self, *, order: str | None = None, at: str | None = None, span: tuple[datetime, datetime] | None = None, most: int | None = None
    ) -> Iterator[Sequence[Sequence[Any]]]:
        """The source's rows in batches. With `at`: those of that span [from, to); with no span those that have no time of a calendar."""
        from sqlalchemy import column, literal_column, or_, select

        asked: Any = select(literal_column("*")).select_from(self._relation())
        if at is not None:
            when: ColumnElement[Any] = column(at)
            timeless = or_(when.is_(None), when < _FIRST, when > _LAST) if self.dialect == "postgresql" else when.is_(None)
            asked = asked.where((when >= span[0]) & (when < span[1]) if span is not None else timeless)
        if order is not None:
            asked = asked.order_by(column(order))
        with _told(self._name), closing(self._connection.execute(asked.limit(most), execution_options={"stream_results": True})) as found:
            yield from found.partitions(BATCH)

    def _run(self, statement: Any) -> Any:
        with _told(self._name):
            return self._connection.execute(statement)

    def _relation(self) -> FromClause | TextClause:
        from sqlalchemy import quoted_name, table, text

        if self._origin.query is not None:
            # A colon would be read as a parameter; the last line may end with a comment.
            query = self._origin.query.rstrip(" \n;").replace(":", "\\:")
            return text(f"({query}\n) AS source")
        *schema, name = (self._origin.table or "").split(".")
        return table(name, schema=quoted_name(".".join(schema), None if len(schema) < 2 else False) if schema else None).alias("source")

    def _day_sql(self, at: ColumnElement[Any]) -> str:
        import sqlglot
        from sqlglot import expressions as exp

        dialect = DIALECTS.get(self._connection.dialect.name, self._connection.dialect.name)
        day = sqlglot.parse_one("CAST(at_ AT TIME ZONE 'UTC' AS DATE)", read="postgres")
        name = str(at.compile(dialect=self._connection.dialect))
        day = day.transform(lambda node: exp.Var(this=name) if isinstance(node, exp.Column) else node)
        try:
            return day.sql(dialect=dialect)
        except ValueError:  # a dialect that sqlglot does not know
            return day.sql(dialect="postgres")


DIALECTS = {"postgresql": "postgres", "mssql": "tsql"}
"""SQLAlchemy's names of dialects -> sqlglot's, where they differ."""


def _as_date(found: Any) -> date | None:
    if isinstance(found, datetime):
        return found.date()
    return date.fromisoformat(found[:10]) if isinstance(found, str) else found


@contextmanager
def visit(name: str, spec: DatabaseSpec, origin: Origin) -> Iterator[Visit]:
    """A read-only look at one source. Raises SourceAway where the database does not answer, SyncStopped where it answers otherwise."""
    engine = _engine(name, spec)
    try:
        with _told(name), engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(  # noqa: PLW2901 - the same connection
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield Visit(name, connection, origin)
    finally:
        engine.dispose()


def _engine(name: str, spec: DatabaseSpec) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.event import listen
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    from sqlalchemy.pool import NullPool

    url = address(name, spec)
    by_psycopg = url.startswith("postgresql+psycopg")
    arguments = {"connect_timeout": CONNECT_SECONDS, "options": "-c timezone=UTC"} if by_psycopg else {}
    try:
        engine = create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    except (ArgumentError, ValueError):
        # Not its own words: they hold the address.
        raise SettingsError(f"{spec.variable} is no address of a database", "postgresql://user:password@host/database") from None
    except (NoSuchModuleError, ImportError):
        what = url.partition(":")[0]
        extra = "pip install 'cs-engine[postgres]'" if what.startswith("postgresql") else f"pip install SQLAlchemy's driver for {what}"
        raise SettingsError(f"the database {name} needs a driver that is not installed", extra) from None
    if by_psycopg:
        listen(engine, "connect", lambda connection, _: _forgive(connection))
    return engine


def _forgive(connection: Any) -> None:
    """Times that Python has no words for, as infinity is and the year 44 BC, become None: psycopg would stop at the first."""
    from psycopg import DataError
    from psycopg.abc import AdaptContext
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    def forgiving(kind: type[Any]) -> type[Loader]:
        class Forgiving(Loader):
            def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
                super().__init__(oid, context)
                self._loader = kind(oid, context)

            def load(self, data: Any) -> Any:
                try:
                    return self._loader.load(data)
                except DataError:
                    return None

        return Forgiving

    for name in ("date", "time", "timetz", "timestamp", "timestamptz", "interval"):
        known = connection.adapters.get_loader(connection.adapters.types[name].oid, Format.TEXT)
        connection.adapters.register_loader(name, forgiving(known))


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Errors of the database in words of our own: its own can quote rows and addresses."""
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

    try:
        yield
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if reason := _reason(_REASONS, state):
            raise SyncStopped(f"the database {name}: {reason}", "correct `table`, `query` or the address's user") from None
        # Without a state it never came to a session: nobody answers there.
        if state.startswith(_AWAY) or error.connection_invalidated or (not state and isinstance(error, OperationalError | InterfaceError)):
            raise SourceAway(
                f"the database {name} does not answer, or refuses who asks",
                "what was read before stays in force; see that it runs, and that its address is right",
            ) from None
        code = f"SQLSTATE {state}" if state else type(error.orig).__name__
        raise SyncStopped(f"the database {name} refuses the query: {code}", "try it there; correct `table` or `query`") from None
    except SQLAlchemyError as error:
        raise SyncStopped(f"the database {name} cannot be read: {type(error).__name__}", "correct `table` or `query`") from None


def _reason(reasons: Mapping[str, str], state: str) -> str:
    return next((words for begin, words in reasons.items() if state.startswith(begin)), "")
