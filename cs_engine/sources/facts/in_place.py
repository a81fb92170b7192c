"""Events that stay in their database: it counts them for each subject, and sends what it counted.

The SQL that would run over events here is rendered in the database's dialect, over a relation that has their shape: the subjects as
text, the day in the project's zone, blanks as NULL, one row for each id. What it says is joined to the subjects by their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import sqlglot
from sqlglot import expressions as exp

from cs_engine.errors import SyncStopped
from cs_engine.instants import to_micros
from cs_engine.language.expression import Grain, Type
from cs_engine.playbook.config import ProjectConfig
from cs_engine.playbook.sources import EventsSource
from cs_engine.sources.outside.landing import Staging
from cs_engine.sources.outside.warehouse import DIALECTS, visit
from cs_engine.sources.sql import listed, quoted, text
from cs_engine.usage.windows import Kind, Window
from cs_engine.usage.windows_sql import Aggregate, Moment, view

THEIRS = "source!"
"""Before names that are the database's own: whether it takes them as they are written, or quoted, is its dialect's to say."""
_DAY_BEFORE = timedelta(days=2)
"""A day of the project's zone begins no earlier than this before its midnight in UTC."""


class InPlace:
    """What events that stay where they are say at one `now`."""

    def __init__(self, config: ProjectConfig, moment: Moment, columns: Callable[[str], dict[str, Type]]) -> None:
        """`columns`: of a source, with their types."""
        self._config, self._moment, self._columns = config, moment, columns
        self._named = {named.name: named for named in config.sources.all() if named.source.stays}
        self._made = 0

    def __contains__(self, source: str) -> bool:
        return source in self._named

    def aggregate(self, db: duckdb.DuckDBPyConnection, aggregate: Aggregate, grain: Grain) -> str:
        """Has an aggregate counted there; a SELECT of what came of it, by "#no"."""
        windows = aggregate.metrics
        source = windows[0].source
        names = {window.name: f"m{i}" for i, window in enumerate(windows)}
        shown = listed(f"{quoted(name)} AS {short}" for name, short in names.items())
        first = self._first(windows)
        rows = self._ask(source, f'SELECT "#no" AS id, {shown} FROM ({aggregate.sql}) AS counted', first)
        table = self._keep(db, ["id", *names.values()], rows)
        typed = listed(
            f"CAST(t.{short} AS {_sql_type(window)}) AS {quoted(window.name)}"
            for window, short in zip(windows, names.values(), strict=True)
        )
        return f'SELECT p."#no", {typed} FROM {table} AS t JOIN src_{grain.value}s AS p ON p.id = t.id'

    def stock(self, source: str) -> tuple[int, int | None]:
        """How many events there are by now, and when the latest was, as microseconds."""
        now = self._moment.now_sql
        rows = self._ask(
            source, f'SELECT count(*) AS n, max("at") AS latest FROM {view(source)} WHERE "at" <= {now}{self._known(source)}', None
        )
        ((n, latest),) = rows
        return int(n), None if latest is None else to_micros(latest)

    def last_acts(self, db: duckdb.DuckDBPyConnection, source: str, since: datetime) -> str:
        """A SELECT of "#account", "#contact", "#day", "at": when each person last acted, of those who did since then."""
        asked = (
            f'SELECT "#account" AS account, "#contact" AS contact, max("at") AS latest FROM {view(source)} '
            f'WHERE "at" <= {self._moment.now_sql}{self._known(source)} GROUP BY 1, 2'
        )
        table = self._keep(db, ["account", "contact", "latest"], self._ask(source, asked, since))
        return (
            f'SELECT a."#no" AS "#account", c."#no" AS "#contact", CAST(CAST(t.latest AS TIMESTAMPTZ) AS DATE) AS "#day", '
            f'CAST(t.latest AS TIMESTAMPTZ) AS "at" FROM {table} AS t JOIN src_accounts AS a ON a.id = t.account '
            f"LEFT JOIN src_contacts AS c ON c.id = t.contact"
        )

    def _known(self, source: str) -> str:
        learned = "learned_at" in self._columns(source)
        return f' AND coalesce("learned_at", "at") <= {self._moment.now_sql}' if learned else ""

    def _first(self, windows: Iterable[Window]) -> datetime | None:
        """Before which no event is asked for; None: all are."""
        days = [self._moment.days(window)[0] for window in windows]
        known = [day for day in days if day is not None]
        return datetime(*min(known).timetuple()[:3], tzinfo=UTC) - _DAY_BEFORE if days and len(known) == len(days) else None

    def _ask(self, source: str, asked: str, since: datetime | None) -> list[tuple[Any, ...]]:
        named = self._named[source]
        assert isinstance(named.source, EventsSource)
        spec = self._config.sources.databases[named.source.database or ""]
        with visit(named.source.database or "", spec, named.source) as found:
            dialect = DIALECTS.get(found.dialect, found.dialect)
            events = events_of(named.source, self._columns(source), self._config.timezone, found.relation_sql(THEIRS), since)
            return found.ask(rendered(f"WITH {view(source)} AS ({events}) {asked}", dialect, self._moment, found.quote))

    def _keep(self, db: duckdb.DuckDBPyConnection, names: list[str], rows: list[tuple[Any, ...]]) -> str:
        """The rows as a table of texts."""
        self._made += 1
        table = f"in_place_{self._made}"
        db.execute(f"CREATE TABLE {table} ({listed(f'{name} VARCHAR' for name in names)})")
        Staging.insert(db, table, rows, [set() for _ in names])
        return table


def events_of(source: EventsSource, columns: Mapping[str, Type], timezone: str, relation: str, since: datetime | None) -> str:
    """The source's rows in the shape of events here, in DuckDB's words: those at `since` or later, where that is known. `relation`: the
    source as it stands after FROM; `columns`: as authors know them.
    """
    mapped = {key: column for key, column in source.mapped() if key in columns}

    def cleaned(key: str) -> str:
        column = quoted(f"{THEIRS}{mapped.get(key, key)}")
        return f"NULLIF(TRIM(CAST({column} AS TEXT)), '')" if columns[key] is Type.TEXT else column

    shown = [
        f'{cleaned("account")} AS "#account"',
        f'{cleaned("contact") if "contact" in columns else "CAST(NULL AS TEXT)"} AS "#contact"',
        f'CAST(timezone({text(timezone)}, {cleaned("at")}) AS DATE) AS "#day"',
        *([f'{cleaned("event")} AS "#event"'] if "event" in columns else []),
        *(f"{cleaned(key)} AS {quoted(key)}" for key in columns),
    ]
    needed = [f"{cleaned(key)} IS NOT NULL" for key in ("account", "event", "id", "at") if key in columns]
    if since is not None:
        needed.append(f"{cleaned('at')} >= TIMESTAMPTZ '{since.isoformat()}'")
    rows = f"SELECT {listed(shown)} FROM {relation} WHERE {' AND '.join(needed)}"
    if "id" not in columns:
        return rows
    # Repeats of an id are of one time, else the first of them counts.
    nth = 'ROW_NUMBER() OVER (PARTITION BY "id" ORDER BY "at", "#account")'
    return f'SELECT * FROM (SELECT *, {nth} AS "#nth" FROM ({rows}) AS every) AS numbered WHERE "#nth" = 1'


def rendered(sql: str, dialect: str, moment: Moment, quote: Callable[[str], str]) -> str:
    """DuckDB's SQL in another dialect. `quote`: how the database writes its names. Raises SyncStopped where it has no words for it."""
    said = {"now": moment.now_sql, "today": moment.today_sql}

    def plain(node: Any) -> Any:
        if isinstance(node, exp.Identifier) and node.this.startswith(THEIRS):
            return exp.Var(this=quote(node.this.removeprefix(THEIRS)))
        if isinstance(node, exp.Identifier) and node.this.startswith("#"):
            return exp.to_identifier(f"cs_{node.this[1:]}", quoted=True)  # not every database takes a # in a name
        if isinstance(node, exp.Anonymous) and node.name.lower() == "getvariable":
            return sqlglot.parse_one(said[node.expressions[0].name], read="duckdb")
        if isinstance(node, exp.Anonymous) and node.name.lower() == "timezone":
            zone, at = (argument.transform(plain) for argument in node.expressions)
            return exp.AtTimeZone(this=at, zone=zone)
        return node

    try:
        tree = sqlglot.parse_one(sql, read="duckdb").transform(plain)
        _say_otherwise(tree, dialect)
        for number, subquery in enumerate(tree.find_all(exp.Subquery)):
            if isinstance(subquery.parent, exp.From | exp.Join) and not subquery.alias:
                subquery.set("alias", exp.TableAlias(this=exp.to_identifier(f"sub_{number}")))
        found: str = tree.sql(dialect=dialect, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except (sqlglot.errors.SqlglotError, ValueError) as error:
        what = type(error).__name__
        raise SyncStopped(f"{dialect} has no words for a metric that is counted in place: {what}", "leave `in_place` out") from None
    return found


def _say_otherwise(tree: Any, dialect: str) -> None:
    """What sqlglot leaves as it is though not every database takes it, in words that all have."""
    for node in list(tree.find_all(exp.Filter)):
        counted, only = node.this, node.expression.this
        what = counted.this
        if isinstance(what, exp.Distinct):
            counted.set("this", exp.Distinct(expressions=[exp.Case().when(only, what.expressions[0])]))
        else:
            counted.set("this", exp.Case().when(only, exp.Literal.number(1) if isinstance(what, exp.Star) else what))
        node.replace(counted)
    if dialect != "postgres":
        for node in list(tree.find_all(exp.Sub)):
            if _is_day(node.left) and _is_day(node.right):
                node.replace(exp.DateDiff(this=node.left, expression=node.right, unit=exp.Var(this="DAY")))


def _is_day(node: Any) -> bool:
    found = node.unnest()
    return (isinstance(found, exp.Cast) and found.is_type("date")) or (isinstance(found, exp.Column) and found.name in ("cs_day", "cs_by"))


def _sql_type(window: Window) -> str:
    if window.when is not None or window.kind in (Kind.FIRST_TIME, Kind.LAST_TIME) or window.value is Type.INSTANT:
        return "TIMESTAMPTZ"
    if window.kind in (Kind.DAYS_SINCE_FIRST, Kind.DAYS_SINCE_LAST):
        return "DATE"
    return "DOUBLE" if window.kind in (Kind.SUM, Kind.MIN, Kind.MAX, Kind.AVG) else "BIGINT"
