"""Facts of one tick in an in-memory DuckDB: filled from a synced set, asked set-wise, closed with the tick.

Once the views over the set stand, the database reads no other file and its settings are locked: whatever a condition says, it
cannot reach out. Expressions that fail on some value (an overflow, a cast) fail alone: they are blank in the rows that
they fail in, and `failed` says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from itertools import repeat
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
from numpy.typing import NDArray

from cs_engine.instants import NEVER, NO_TIME, Micros, from_micros, to_micros
from cs_engine.language.expression import OF_PASSAGE, Expression, Grain, Type
from cs_engine.playbook.calendars import SHIPPED, Calendars
from cs_engine.playbook.plan import EventEntry
from cs_engine.ports import Failure, Mask, Occurrences, Overlay, Rows, Spread, Stock, Touched
from cs_engine.sources.duck import Room, facts_room
from cs_engine.sources.facts.days import Days
from cs_engine.sources.facts.in_place import InPlace
from cs_engine.sources.facts.overlay import SQL_TYPES, put_overlay
from cs_engine.sources.facts.passages import DuckdbPassages
from cs_engine.sources.facts.past import First, became
from cs_engine.sources.facts.seen import judged
from cs_engine.sources.facts.spread import spreads
from cs_engine.sources.facts.streaks import count_streaks
from cs_engine.sources.sets.history import people_then
from cs_engine.sources.sets.segments import relation
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sets.tallies import TALLIED_FROM, Tallies
from cs_engine.sources.sql import iso, listed, quoted, text
from cs_engine.usage import facts_sql
from cs_engine.usage.answers import said
from cs_engine.usage.events_sql import happened
from cs_engine.usage.names import Catalogue, latch_column, milestone_column
from cs_engine.usage.windows_sql import Aggregate, Moment, view

USAGE = "usage"
"""The source of the product's own events."""


class DuckdbFacts:
    """All facts at one `now`. Tables begin with the subjects' ids alone and grow by the columns that are asked for."""

    def __init__(
        self, usage: UsageSet, catalogue: Catalogue, champions: Sequence[Expression], now: datetime, zone: str, overlay: Overlay,
        calendars: Calendars | None = None, business_calendar: str | None = None,
        held: int | None = None, tallied_from: int = TALLIED_FROM,
        in_place: Callable[[Moment, Catalogue], InPlace] | None = None,
    ) -> None:  # fmt: skip
        """`held`: an open file that keeps the set there, closed with the facts. `in_place`: makes who asks for events elsewhere."""
        self.now = now
        self._held = held
        self.failed: list[Failure] = []
        self._catalogue = catalogue
        self._champions = champions
        self._moment = Moment(now, ZoneInfo(zone))
        self._days = Days(calendars or Calendars(SHIPPED), business_calendar, self._moment.today)
        self._masks: dict[tuple[Grain, str], Mask] = {}
        self._instants: dict[tuple[Grain, str], Rows] = {}
        self._present: dict[Grain, set[str]] = {Grain.ACCOUNT: {"account.id"}, Grain.CONTACT: {"contact.id"}}
        self._has_champions = False
        self._has_streaks = False
        self._touched = overlay.touched
        self._room = _opened(usage, catalogue, self._moment, zone)
        self.db = self._room.db
        self._tallies = Tallies(self.db, usage, self._moment, tallied_from)
        self._in_place = in_place(self._moment, catalogue) if in_place is not None else None
        self._overlay = overlay
        self._sizes: dict[Grain, int] = {}
        self._ids: dict[Grain, list[str]] = {}
        self._rows: dict[Grain, dict[str, int]] = {}
        self._stand(Grain.ACCOUNT)

    def _stand(self, grain: Grain) -> int:
        """Makes sure that there is a table of the grain; of how many rows. People are many, and not every tick asks for them."""
        if grain not in self._sizes:
            there = facts_sql.accounts_there if grain is Grain.ACCOUNT else facts_sql.contacts_there
            self.db.execute(f"CREATE TABLE {grain.table} AS {there(self._catalogue, self._moment)}")
            self._sizes[grain] = self._count(grain.table)
            put_overlay(self.db, self._catalogue, grain, partial(self._rows_of, grain), self._sizes[grain], self._overlay)
        return self._sizes[grain]

    def close(self) -> None:
        self._room.close()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    # --- subjects

    def ids(self, grain: Grain) -> list[str]:
        if grain not in self._ids:
            self._stand(grain)
            found = self.db.execute(f'SELECT "#row", {quoted(f"{grain}.id")} AS id FROM {grain.table}').fetchnumpy()
            self._ids[grain] = _by_row(found["#row"], found["id"]).tolist()
        return self._ids[grain]

    def rows(self, grain: Grain) -> Mapping[str, int]:
        if grain not in self._rows:
            self._rows[grain] = {id: row for row, id in enumerate(self.ids(grain))}
        return self._rows[grain]

    def _rows_of(self, grain: Grain, ids: Sequence[str]) -> Rows:
        return np.fromiter(map(self.rows(grain).get, ids, repeat(-1)), np.int64, len(ids))

    def account_of_contact(self) -> Rows:
        self._stand(Grain.CONTACT)
        found = self.db.execute('SELECT "#row", "#account_row" FROM contact_facts').fetchnumpy()
        return _by_row(found["#row"], found["#account_row"].astype(np.int64))

    # --- conditions

    def prepare(self, conditions: Iterable[Expression], *, milestones: bool = True) -> None:
        """Evaluates all these conditions and the milestones: one query a grain. Whatever else is asked later is evaluated then."""
        given = list(conditions)
        of_passages, given = [e for e in given if e.of_passage], [e for e in given if not e.of_passage]
        of_contacts = {name for c in given if c.grain is Grain.CONTACT for name in c.names if name.startswith("contact.")}
        if of_contacts:
            # With what the champions need, so that the table is made once.
            self.need(Grain.CONTACT, {name for name in of_contacts if self._known(Grain.CONTACT, name)} | self._champion_needs())
        conditions = [expression for expression in given if expression.type is Type.BOOLEAN]
        self._evaluate_all([*(self._milestones().values() if milestones else ()), *conditions])
        for grain in Grain:
            values = [e for e in given if e.grain is grain and e.type is not Type.BOOLEAN and self._readable(e)]
            beside = {n for e in of_passages if e.grain is grain for n in e.names if not n.startswith(OF_PASSAGE) and self._known(grain, n)}
            if values or beside:
                self.need(grain, {name for value in values for name in value.names} | beside)

    def mask(self, condition: Expression) -> Mask:
        key = (condition.grain, condition.sql)
        if key not in self._masks:
            self._evaluate(condition.grain, [condition])
        return self._masks[key]

    def stock(self) -> Stock:
        accounts = self._sizes[Grain.ACCOUNT]
        contacts = self._sizes.get(Grain.CONTACT) or self._count(f"({facts_sql.contacts_known(self._catalogue, self._moment)})")
        if self._in_place is not None and USAGE in self._in_place:
            return Stock(accounts, contacts, *self._in_place.stock(USAGE))
        if USAGE in self._tallies.sources:
            return Stock(accounts, contacts, *self._tallies.stock(USAGE))
        learned = "learned_at" in self._catalogue.attributes.events.get(USAGE, {})
        known = ' AND coalesce("learned_at", "at") <= getvariable(\'now\')' if learned else ""
        sql = f'SELECT count(*), epoch_us(max("at")) FROM {view(USAGE)} WHERE "at" <= getvariable(\'now\'){known}'
        events, newest = self.db.execute(sql).fetchall()[0]
        return Stock(accounts, contacts, int(events), None if newest is None else int(newest))

    def milestones(self) -> Mapping[str, Mask]:
        return {milestone: self.mask(reached) for milestone, reached in self._milestones().items()}

    def became(self, milestone: str, rows: Rows, after: Micros | None) -> tuple[list[Micros], list[str]]:
        column = milestone_column(milestone)
        found = became(self, self._catalogue, column, rows, after)
        untold = [row for row in rows.tolist() if row not in found]
        if untold:
            needs = getattr(self._catalogue.origin(Grain.ACCOUNT, column), "needs", ())
            names = tuple(name for name in needs if name != latch_column(milestone))
            seen = self.seen(Expression(column, Grain.ACCOUNT, quoted(column), Type.BOOLEAN, names), np.array(untold, np.int64))
            found |= {row: First(to_micros(self.now), one) for row, one in zip(untold, seen, strict=True)}
        return [found[row].at for row in rows.tolist()], [found[row].seen for row in rows.tolist()]

    def _milestones(self) -> dict[str, Expression]:
        found = {}
        for milestone in self._catalogue.milestones:
            column = milestone_column(milestone)
            sql = quoted(column)
            if column in self._catalogue.broken:
                # What was reached stays reached, even while the definition is broken.
                column = latch_column(milestone)
                sql = f"{quoted(column)} IS NOT NULL"
            found[milestone] = Expression(f"reached('{milestone}')", Grain.ACCOUNT, f"coalesce({sql}, false)", Type.BOOLEAN, (column,))
        return found

    def _evaluate_all(self, conditions: Sequence[Expression]) -> None:
        for grain in Grain:
            wanted = {c.sql: c for c in conditions if c.grain is grain and (grain, c.sql) not in self._masks}
            if wanted:
                self._evaluate(grain, list(wanted.values()))

    def _evaluate(self, grain: Grain, conditions: list[Expression]) -> None:
        known = [c for c in conditions if self._readable(c)]
        for lost in (c for c in conditions if c not in known):
            self._masks[grain, lost.sql] = np.zeros(self._stand(grain), np.bool_)
            self._fail(lost.text, "it reads a name that is not defined, or is defined wrongly")
        self.need(grain, {name for c in known for name in c.names})
        self._ask(grain, known)

    def _readable(self, condition: Expression) -> bool:
        return all(self._known(condition.grain, name) for name in condition.names)

    def _known(self, grain: Grain, column: str) -> bool:
        try:
            return not self._catalogue.needs(grain, [column]) & self._catalogue.broken
        except KeyError:
            return False

    def _ask(self, grain: Grain, conditions: list[Expression]) -> None:
        """All at once; when that fails, halves, down to the one that fails, which then is asked row by row."""
        if not conditions:
            return
        table, asked = self._with_days(grain, conditions)
        shown = listed(f"{sql} AS m{i}" for i, sql in enumerate(asked))
        self._days.tell(self.db, shown)
        try:
            found = self.db.execute(f'SELECT "#row", {shown} FROM {table}').fetchnumpy()
        except duckdb.Error as error:
            if len(conditions) > 1:
                middle = len(conditions) // 2
                self._ask(grain, conditions[:middle])
                self._ask(grain, conditions[middle:])
                return
            self._masks[grain, conditions[0].sql] = self._row_by_row(grain, conditions[0], error)
            return
        for i, condition in enumerate(conditions):
            self._masks[grain, condition.sql] = _by_row(found["#row"], np.ma.filled(found[f"m{i}"], False))

    def _with_days(self, grain: Grain, conditions: Sequence[Expression]) -> tuple[str, list[str]]:
        """The table with the days of its times beside it, and the conditions reading those.

        Which day it was in a zone is dear to tell, conditions ask it again and again, and DuckDB shares nothing between them.
        """
        days: dict[str, str] = {}
        for name in sorted({name for c in conditions for name in c.names}):
            if self._catalogue.origin(grain, name).type is Type.INSTANT:
                days[f"CAST({quoted(name)} AS DATE)"] = quoted(f"#day:{name}")
        asked = []
        for condition in conditions:
            sql = condition.sql
            for day, column in days.items():
                # An author who wrote these very words, in a text say, keeps them.
                sql = sql if day in condition.text else sql.replace(day, column)
            asked.append(sql)
        beside = "".join(f", {day} AS {column}" for day, column in days.items())
        return (f"(SELECT *{beside} FROM {grain.table})" if days else grain.table), asked

    def _row_by_row(self, grain: Grain, condition: Expression, error: duckdb.Error) -> Mask:
        """The condition where it can be told; false in the rows in which it fails."""
        everywhere = np.zeros(self._stand(grain), np.bool_)
        try:
            found = self.db.execute(f'SELECT "#row", TRY({condition.sql}) AS m FROM {grain.table}').fetchnumpy()
        except duckdb.Error:
            self._fail(condition.text, _reason(error))
            return everywhere
        failed = np.ma.getmaskarray(found["m"])
        self._fail(condition.text, f"{_reason(error)} (in {int(failed.sum())} of {len(failed)} rows)")
        return _by_row(found["#row"], np.ma.filled(found["m"], False))

    # --- values

    def texts(self, expression: Expression) -> list[str]:
        self.need(expression.grain, expression.names)
        shown = f"CAST(TRY({expression.sql}) AS VARCHAR)"
        if expression.type is Type.INSTANT:
            shown = iso(f"TRY({expression.sql})")
        self._days.tell(self.db, shown)
        found = self.db.execute(f"SELECT coalesce({shown}, '') FROM {expression.grain.table} ORDER BY \"#row\"").fetchall()
        return [row[0] for row in found]

    def instants(self, expression: Expression) -> Rows:
        key = (expression.grain, expression.sql)
        if key not in self._instants:
            self._instants[key] = self._read_instants(expression)
        return self._instants[key]

    def _read_instants(self, expression: Expression) -> Rows:
        if not self._readable(expression):
            self._fail(expression.text, "it reads a name that is not defined, or is defined wrongly")
            return np.full(self._stand(expression.grain), NEVER)
        self.need(expression.grain, expression.names)
        asked = f'SELECT "#row", coalesce(epoch_us(TRY({expression.sql})), {NO_TIME}) AS at FROM {expression.grain.table}'
        self._days.tell(self.db, asked)
        try:
            found = self.db.execute(asked).fetchnumpy()
        except duckdb.Error as error:
            # Not blank: who waits for it goes on waiting until it can be told again.
            self._fail(expression.text, _reason(error))
            return np.full(self._stand(expression.grain), NEVER)
        return _by_row(found["#row"], np.asarray(found["at"], np.int64))

    def columns(self, grain: Grain, names: Sequence[str], rows: Rows) -> list[list[Any]]:
        columns = [self._catalogue.column_of(grain, name) for name in names]
        if not columns:
            return []
        self.need(grain, columns)
        instants = [self._catalogue.origin(grain, c).type is Type.INSTANT for c in columns]
        shown = [f"epoch_us({quoted(c)})" if instant else quoted(c) for c, instant in zip(columns, instants, strict=True)]
        found = self._at(grain, shown, rows)
        return [
            [None if value is None else from_micros(value) for value in column] if instant else list(column)
            for column, instant in zip(zip(*found, strict=True) if found else repeat((), len(columns)), instants, strict=False)
        ]

    def spreads(self, grain: Grain, names: Sequence[str]) -> dict[str, Spread]:
        columns = {name: self._catalogue.column_of(grain, name) for name in names}
        self.need(grain, columns.values())
        kinds = {column: self._catalogue.origin(grain, column).type for column in columns.values()}
        found = spreads(self.db, grain.table, kinds)
        return {name: found[column] for name, column in columns.items()}

    def seen(self, expression: Expression, rows: Rows) -> list[str]:
        grain, names = expression.grain, expression.names
        self.need(grain, names)
        parts = []
        for name in names:
            instant = self._catalogue.origin(grain, name).type is Type.INSTANT
            parts.append(f"{text(said(name))}, {iso(quoted(name)) if instant else quoted(name)}")
        return self._objects(grain, parts, rows)

    def values(self, grain: Grain, expressions: Mapping[str, Expression], rows: Rows) -> list[str]:
        sound = {name: e for name, e in expressions.items() if self._readable(e)}
        self.need(grain, {name for expression in sound.values() for name in expression.names})
        parts = []
        for name, expression in sound.items():
            value = f"TRY({expression.sql})"
            parts.append(f"{text(name)}, {iso(value) if expression.type is Type.INSTANT else value}")
            self.tell(expression.sql)
        return self._objects(grain, parts, rows)

    def judged(self, conditions: Sequence[Expression], seen: Sequence[str]) -> list[Mask] | None:
        return judged(self, conditions, seen)

    def _objects(self, grain: Grain, parts: Sequence[str], rows: Rows) -> list[str]:
        """JSON objects of the values at those rows, in their order. `parts`: a name and its value each, as SQL."""
        if not len(rows):
            return []
        with self._wanted(grain, rows) as wanted:
            found = self.db.execute(f'SELECT CAST(json_object({listed(parts)}) AS VARCHAR) AS "#told" FROM {wanted}').fetchnumpy()
        return list(found["#told"])

    def _at(self, grain: Grain, shown: Sequence[str], rows: Rows) -> list[tuple[Any, ...]]:
        """The values at those rows, in their order; blank for a row -1."""
        with self._wanted(grain, rows) as wanted:
            return self.db.execute(f"SELECT {listed(shown)} FROM {wanted}").fetchall()

    @contextmanager
    def _wanted(self, grain: Grain, rows: Rows) -> Iterator[str]:
        """What to select from to have those rows, in their order."""
        # Names that no metric can have, so that each column is the subject's.
        self.db.register("wanted", {"#i": np.arange(len(rows)), "#at": np.asarray(rows, np.int64)})
        try:
            yield f'wanted LEFT JOIN {grain.table} AS f ON f."#row" = wanted."#at" ORDER BY wanted."#i"'
        finally:
            self.db.unregister("wanted")

    # --- passages

    def occurrences(self, entry: EventEntry, grain: Grain, since: datetime) -> Occurrences:
        nothing = Occurrences(np.zeros(0, np.int64), np.zeros(0, np.int64), [], [])
        columns = self._catalogue.attributes.events.get(entry.source)
        if columns is None:
            return nothing
        self._stand(grain)
        asked = happened(entry.source, entry.event, entry.where, columns, grain, since, self._moment)
        self.tell(asked)
        try:
            found = self.db.execute(asked).fetchnumpy()
        except duckdb.Error as error:
            self.fail(str(entry), error)
            return nothing
        return Occurrences(found["row"].astype(np.int64), found["at"].astype(np.int64), found["id"].tolist(), found["kept"].tolist())

    def passages(self, grain: Grain, rows: Rows, kept: Sequence[str], likely: Sequence[Expression] = ()) -> DuckdbPassages:
        return DuckdbPassages(self, grain, rows, kept, likely)

    def readable(self, grain: Grain, columns: Iterable[str]) -> bool:
        return all(self._known(grain, name) for name in columns)

    def type_of(self, grain: Grain, column: str) -> Type:
        return self._catalogue.origin(grain, column).type

    def tell(self, sql: str) -> None:
        self._days.tell(self.db, sql)

    def fail(self, what: str, error: duckdb.Error | None) -> None:
        self._fail(what, "it reads a name that is not defined, or is defined wrongly" if error is None else _reason(error))

    # --- building

    def need(self, grain: Grain, columns: Iterable[str]) -> None:
        """Makes sure that the table has these columns and all that they are made of."""
        self._stand(grain)
        missing = set(columns) - self._present[grain]
        if not missing:
            return
        if not self._has_streaks and facts_sql.need_streaks(self._catalogue, grain, missing):
            self._has_streaks = True
            self._stand(Grain.CONTACT)
            late = "learned_at" in self._catalogue.attributes.events.get("usage", {})
            touched = self._touched() if self._touched else Touched([], [])
            acts = view(USAGE)
            if self._in_place is not None and USAGE in self._in_place and touched.touches:
                first = from_micros(min(at for _, _, at in touched.touches))
                acts, late = f"({self._in_place.last_acts(self.db, USAGE, first)})", False
            count_streaks(self.db, touched, self._moment, acts, late=late)
        if grain is Grain.CONTACT:
            self.need(Grain.ACCOUNT, facts_sql.of_account(self._catalogue, missing))
        elif facts_sql.need_champions(self._catalogue, missing):
            if not self._has_champions:
                self._find_champions()
            # Who asks anything of champions mails them too, mostly: another column later would cost another copy of the table.
            missing |= {"champion.id"} - self._present[grain]
        try:
            self._extend(grain, missing)
        except duckdb.Error:
            self._extend_one_by_one(grain, missing)

    def _extend(self, grain: Grain, columns: Iterable[str], *, guarded: bool = False) -> None:
        extension = facts_sql.extension(
            self._catalogue, grain, self._present[grain], columns, self._moment, guarded, self._tallies.sources, self._elsewhere
        )
        if extension is not None:
            self._days.tell(self.db, extension.sql)
            with self._tallies.told(extension.tallied):
                self._replace(grain, extension.sql)
            self._present[grain].update(extension.columns)

    def _elsewhere(self, aggregate: Aggregate, grain: Grain) -> str:
        assert self._in_place is not None, "a source whose events stay has somebody to ask"
        return self._in_place.aggregate(self.db, aggregate, grain)

    def _extend_one_by_one(self, grain: Grain, columns: Iterable[str]) -> None:
        """Each column by itself, so that the one that fails is known, and blank where it fails."""
        needed = self._catalogue.needs(grain, columns)
        order = [*sorted(needed - self._catalogue.derived[grain].keys()), *(n for n in self._catalogue.derived[grain] if n in needed)]
        for name in order:
            try:
                self._extend(grain, [name])
            except duckdb.Error as error:
                said = name.replace("reached:", "milestone ").replace("segment:", "segment ")
                self._fail(said, _reason(error))
                self._extend_blank(grain, name)

    def _extend_blank(self, grain: Grain, name: str) -> None:
        try:
            self._extend(grain, [name], guarded=True)
        except duckdb.Error:
            origin = self._catalogue.origin(grain, name)
            kind = SQL_TYPES.get(origin.type, "VARCHAR")
            self._replace(grain, f"SELECT *, CAST(NULL AS {kind}) AS {quoted(name)} FROM {grain.table}")
            self._present[grain].add(name)

    def _replace(self, grain: Grain, select: str) -> None:
        self.db.execute(f"CREATE TABLE next_facts AS {select}")
        self.db.execute(f"DROP TABLE {grain.table}")
        self.db.execute(f"ALTER TABLE next_facts RENAME TO {grain.table}")

    def _find_champions(self) -> None:
        self.need(Grain.CONTACT, self._champion_needs())
        select = facts_sql.champions([c.sql for c in self._champions])
        self.db.execute(f"CREATE TABLE {facts_sql.CHAMPIONS} AS {select}")
        self._has_champions = True

    def _champion_needs(self) -> set[str]:
        return {"contact.created_at", *(name for c in self._champions for name in c.names)}

    def _count(self, relation: str) -> int:
        return int(self.db.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])

    def _fail(self, what: str, reason: str) -> None:
        failure = Failure(what, reason)
        if failure not in self.failed:
            self.failed.append(failure)


def _opened(usage: UsageSet, catalogue: Catalogue, moment: Moment, zone: str) -> Room:
    room = facts_room(usage.folder.parent, zone)
    db = room.db
    db.execute(f"SET VARIABLE now = {moment.now_sql}; SET VARIABLE today = {moment.today_sql}")
    db.execute(f"CREATE VIEW src_accounts AS {people_then(db, usage, 'accounts', moment.now)}")
    db.execute(f"CREATE VIEW src_contacts AS {people_then(db, usage, 'contacts', moment.now)}")
    for source in catalogue.attributes.events:
        db.execute(f"CREATE VIEW {view(source)} AS {relation(usage, source)}")
    return room


def _by_row(rows: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Values in order of their rows: a join may have changed the order of the table."""
    if np.array_equal(rows, np.arange(len(values))):
        return values
    ordered = np.empty(len(values), values.dtype)
    ordered[np.asarray(rows)] = values
    return ordered


_REASONS: Mapping[type[duckdb.Error], str] = {
    duckdb.ConversionException: "a value cannot be converted",
    duckdb.OutOfRangeException: "a number is too large",
    duckdb.BinderException: "it does not fit the types of the columns",
    duckdb.OutOfMemoryException: "it needs too much memory",
}


def _reason(error: duckdb.Error) -> str:
    """What is wrong, without data: DuckDB's own text quotes values."""
    return _REASONS.get(type(error), "it cannot be computed")
