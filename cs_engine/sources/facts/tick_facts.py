"""What a tick asks of its facts: conditions and values, set-wise, in one query for all rows.

Expressions that fail on some value (an overflow, a cast) fail alone: they are blank in the rows that they fail in, and `failed` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from itertools import repeat
from typing import Any

import duckdb
import numpy as np

from cs_engine.instants import NEVER, NO_TIME, Micros, from_micros, to_micros
from cs_engine.language.expression import OF_PASSAGE, Expression, Grain, Type
from cs_engine.playbook.plan import EventEntry
from cs_engine.ports import Failure, Mask, Occurrences, Rows, Spread, Stock
from cs_engine.sources.facts.passages import DuckdbPassages
from cs_engine.sources.facts.past import First, became
from cs_engine.sources.facts.seen import judged
from cs_engine.sources.facts.spread import spreads
from cs_engine.sources.facts.tables import Tables, by_row
from cs_engine.sources.sql import iso, listed, quoted, text
from cs_engine.usage.answers import said
from cs_engine.usage.events_sql import happened
from cs_engine.usage.names import claim_column, claimed_column, is_latch, latch_column, milestone_column

_MANY = 20
"""Conditions, from which on they are asked in two halves at once."""


class DuckdbFacts:
    """Implements `ports.Facts`: all facts at one `now`."""

    def __init__(self, tables: Tables) -> None:
        """The tables are closed with these facts."""
        self.tables = tables
        self.now: datetime = tables.moment.now
        self.failed: list[Failure] = tables.failed
        self._masks: dict[tuple[Grain, str], Mask] = {}
        self._instants: dict[tuple[Grain, str], Rows] = {}

    def close(self) -> None:
        self.tables.close()

    # --- subjects

    def ids(self, grain: Grain) -> list[str]:
        return self.tables.ids(grain)

    def rows(self, grain: Grain) -> Mapping[str, int]:
        return self.tables.rows(grain)

    def account_of_contact(self) -> Rows:
        return self.tables.account_of_contact()

    def stock(self) -> Stock:
        return self.tables.stock()

    # --- conditions

    def prepare(self, conditions: Iterable[Expression], *, milestones: bool = True) -> None:
        """Evaluates all these conditions and the milestones: one query a grain. Whatever else is asked later is evaluated then."""
        given = list(conditions)
        of_passages, given = [e for e in given if e.of_passage], [e for e in given if not e.of_passage]
        of_contacts = {name for c in given if c.grain is Grain.CONTACT for name in c.names if name.startswith("contact.")}
        if of_contacts:
            # With what the champions need, so that the table is made once.
            self.tables.need(Grain.CONTACT, self.tables.known(Grain.CONTACT, of_contacts) | self.tables.champion_needs())
        conditions = [expression for expression in given if expression.type is Type.BOOLEAN]
        self._evaluate_all([*(self._milestones().values() if milestones else ()), *conditions])
        for grain in Grain:
            values = [e for e in given if e.grain is grain and e.type is not Type.BOOLEAN and self._readable(e)]
            names = (n for e in of_passages if e.grain is grain for n in e.names if not n.startswith(OF_PASSAGE))
            beside = self.tables.known(grain, names)
            if values or beside:
                self.tables.need(grain, {name for value in values for name in value.names} | beside)

    def mask(self, condition: Expression) -> Mask:
        key = (condition.grain, condition.sql)
        if key not in self._masks:
            self._evaluate(condition.grain, [condition])
        return self._masks[key]

    def milestones(self) -> Mapping[str, Mask]:
        return {milestone: self.mask(reached) for milestone, reached in self._milestones().items()}

    def became(self, milestone: str, rows: Rows, after: Micros | None) -> tuple[list[Micros], list[str]]:
        column = self._of(milestone)
        found = became(self.tables, self.tables.catalogue, column, rows, after)
        untold = [row for row in rows.tolist() if row not in found]
        if untold:
            needs = getattr(self.tables.catalogue.origin(Grain.ACCOUNT, column), "needs", ())
            names = tuple(name for name in needs if not is_latch(name))
            seen = self.seen(Expression(column, Grain.ACCOUNT, quoted(column), Type.BOOLEAN, names), np.array(untold, np.int64))
            found |= {row: First(to_micros(self.now), one) for row, one in zip(untold, seen, strict=True)}
        return [found[row].at for row in rows.tolist()], [found[row].seen for row in rows.tolist()]

    def _of(self, milestone: str) -> str:
        """The column of what its condition says."""
        return (claimed_column if milestone in self.tables.catalogue.confirmed else milestone_column)(milestone)

    def _milestones(self) -> dict[str, Expression]:
        found = {}
        for milestone in self.tables.catalogue.milestones:
            column = self._of(milestone)
            sql = quoted(column)
            if column in self.tables.catalogue.broken:
                # What was reached stays reached, even while the definition is broken.
                column = (claim_column if milestone in self.tables.catalogue.confirmed else latch_column)(milestone)
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
            self._masks[grain, lost.sql] = np.zeros(self.tables.stand(grain), np.bool_)
            self.tables.fail(lost.text, None)
        self.tables.need(grain, {name for c in known for name in c.names})
        self._ask(grain, known)

    def _readable(self, condition: Expression) -> bool:
        return self.tables.readable(condition.grain, condition.names)

    def _ask(self, grain: Grain, conditions: list[Expression]) -> None:
        """All at once; when that fails, halves, down to the one that fails, which then is asked row by row."""
        if not conditions:
            return
        table, asked = self._with_days(grain, conditions)
        self.tables.tell(listed(asked))
        try:
            masks = self._masks_of(table, asked)
        except duckdb.Error as error:
            if len(conditions) > 1:
                middle = len(conditions) // 2
                self._ask(grain, conditions[:middle])
                self._ask(grain, conditions[middle:])
                return
            self._masks[grain, conditions[0].sql] = self._row_by_row(grain, conditions[0], error)
            return
        self._masks |= {(grain, condition.sql): mask for condition, mask in zip(conditions, masks, strict=True)}

    def _masks_of(self, table: str, asked: Sequence[str]) -> list[Mask]:
        """Many go in two halves beside each other: planning a statement is work of one thread, and so is a table of a hundred thousand."""
        if len(asked) < _MANY:
            return _asked(self.tables.db, table, asked)
        middle = len(asked) // 2
        with self.tables.beside() as db, ThreadPoolExecutor(1) as thread:
            others = thread.submit(_asked, db, table, asked[middle:])
            return _asked(self.tables.db, table, asked[:middle]) + others.result()

    def _with_days(self, grain: Grain, conditions: Sequence[Expression]) -> tuple[str, list[str]]:
        """The table with the days of its times beside it, and the conditions reading those.

        Which day it was in a zone is dear to tell, conditions ask it again and again, and DuckDB shares nothing between them.
        """
        days: dict[str, str] = {}
        for name in sorted({name for c in conditions for name in c.names}):
            if self.tables.catalogue.origin(grain, name).type is Type.INSTANT:
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
        everywhere = np.zeros(self.tables.stand(grain), np.bool_)
        try:
            found = self.tables.db.execute(f'SELECT "#row", TRY({condition.sql}) AS m FROM {grain.table}').fetchnumpy()
        except duckdb.Error:
            self.tables.fail(condition.text, error)
            return everywhere
        failed = np.ma.getmaskarray(found["m"])
        self.tables.fail(condition.text, error, f" (in {int(failed.sum())} of {len(failed)} rows)")
        return by_row(found["#row"], np.ma.filled(found["m"], False))

    # --- values

    def texts(self, expression: Expression) -> list[str]:
        self.tables.need(expression.grain, expression.names)
        shown = f"CAST(TRY({expression.sql}) AS VARCHAR)"
        if expression.type is Type.INSTANT:
            shown = iso(f"TRY({expression.sql})")
        self.tables.tell(shown)
        found = self.tables.db.execute(f"SELECT coalesce({shown}, '') FROM {expression.grain.table} ORDER BY \"#row\"").fetchall()
        return [row[0] for row in found]

    def instants(self, expression: Expression) -> Rows:
        key = (expression.grain, expression.sql)
        if key not in self._instants:
            self._instants[key] = self._read_instants(expression)
        return self._instants[key]

    def _read_instants(self, expression: Expression) -> Rows:
        if not self._readable(expression):
            self.tables.fail(expression.text, None)
            return np.full(self.tables.stand(expression.grain), NEVER)
        self.tables.need(expression.grain, expression.names)
        asked = f'SELECT "#row", coalesce(epoch_us(TRY({expression.sql})), {NO_TIME}) AS at FROM {expression.grain.table}'
        self.tables.tell(asked)
        try:
            found = self.tables.db.execute(asked).fetchnumpy()
        except duckdb.Error as error:
            # Not blank: who waits for it goes on waiting until it can be told again.
            self.tables.fail(expression.text, error)
            return np.full(self.tables.stand(expression.grain), NEVER)
        return by_row(found["#row"], np.asarray(found["at"], np.int64))

    def columns(self, grain: Grain, names: Sequence[str], rows: Rows) -> list[list[Any]]:
        columns = [self.tables.catalogue.column_of(grain, name) for name in names]
        if not columns:
            return []
        self.tables.need(grain, columns)
        instants = [self.tables.catalogue.origin(grain, c).type is Type.INSTANT for c in columns]
        shown = [f"epoch_us({quoted(c)})" if instant else quoted(c) for c, instant in zip(columns, instants, strict=True)]
        found = self._at(grain, shown, rows)
        return [
            [None if value is None else from_micros(value) for value in column] if instant else list(column)
            for column, instant in zip(zip(*found, strict=True) if found else repeat((), len(columns)), instants, strict=False)
        ]

    def spreads(self, grain: Grain, names: Sequence[str]) -> dict[str, Spread]:
        columns = {name: self.tables.catalogue.column_of(grain, name) for name in names}
        self.tables.need(grain, columns.values())
        kinds = {column: self.tables.catalogue.origin(grain, column).type for column in columns.values()}
        found = spreads(self.tables.db, grain.table, kinds)
        return {name: found[column] for name, column in columns.items()}

    def seen(self, expression: Expression, rows: Rows) -> list[str]:
        grain, names = expression.grain, expression.names
        self.tables.need(grain, names)
        parts = []
        for name in names:
            instant = self.tables.catalogue.origin(grain, name).type is Type.INSTANT
            parts.append(f"{text(said(name))}, {iso(quoted(name)) if instant else quoted(name)}")
        return self._objects(grain, parts, rows)

    def values(self, grain: Grain, expressions: Mapping[str, Expression], rows: Rows) -> list[str]:
        sound = {name: e for name, e in expressions.items() if self._readable(e)}
        self.tables.need(grain, {name for expression in sound.values() for name in expression.names})
        parts = []
        for name, expression in sound.items():
            value = f"TRY({expression.sql})"
            parts.append(f"{text(name)}, {iso(value) if expression.type is Type.INSTANT else value}")
            self.tables.tell(expression.sql)
        return self._objects(grain, parts, rows)

    def judged(self, conditions: Sequence[Expression], seen: Sequence[str]) -> list[Mask] | None:
        return judged(self.tables, conditions, seen)

    def _objects(self, grain: Grain, parts: Sequence[str], rows: Rows) -> list[str]:
        """JSON objects of the values at those rows, in their order. `parts`: a name and its value each, as SQL."""
        if not len(rows):
            return []
        with self._wanted(grain, rows) as wanted:
            found = self.tables.db.execute(f'SELECT CAST(json_object({listed(parts)}) AS VARCHAR) AS "#told" FROM {wanted}').fetchnumpy()
        return list(found["#told"])

    def _at(self, grain: Grain, shown: Sequence[str], rows: Rows) -> list[tuple[Any, ...]]:
        """The values at those rows, in their order; blank for a row -1."""
        with self._wanted(grain, rows) as wanted:
            return self.tables.db.execute(f"SELECT {listed(shown)} FROM {wanted}").fetchall()

    @contextmanager
    def _wanted(self, grain: Grain, rows: Rows) -> Iterator[str]:
        """What to select from to have those rows, in their order."""
        # Names that no metric can have, so that each column is the subject's.
        self.tables.db.register("wanted", {"#i": np.arange(len(rows)), "#at": np.asarray(rows, np.int64)})
        try:
            yield f'wanted LEFT JOIN {grain.table} AS f ON f."#row" = wanted."#at" ORDER BY wanted."#i"'
        finally:
            self.tables.db.unregister("wanted")

    # --- passages

    def occurrences(self, entry: EventEntry, grain: Grain, since: datetime) -> Occurrences:
        nothing = Occurrences(np.zeros(0, np.int64), np.zeros(0, np.int64), [], [])
        columns = self.tables.catalogue.attributes.events.get(entry.source)
        if columns is None:
            return nothing
        self.tables.stand(grain)
        asked = happened(entry.source, entry.event, entry.where, columns, grain, since, self.tables.moment)
        self.tables.tell(asked)
        try:
            found = self.tables.db.execute(asked).fetchnumpy()
        except duckdb.Error as error:
            self.tables.fail(str(entry), error)
            return nothing
        return Occurrences(found["row"].astype(np.int64), found["at"].astype(np.int64), found["id"].tolist(), found["kept"].tolist())

    def passages(self, grain: Grain, rows: Rows, kept: Sequence[str], likely: Sequence[Expression] = ()) -> DuckdbPassages:
        return DuckdbPassages(self.tables, grain, rows, kept, likely)


def _asked(db: duckdb.DuckDBPyConnection, table: str, conditions: Sequence[str]) -> list[Mask]:
    """The masks of these conditions over the rows of the table, in order of "#row"."""
    shown = listed(f"{sql} AS m{i}" for i, sql in enumerate(conditions))
    found = db.execute(f'SELECT "#row", {shown} FROM {table}').fetchnumpy()
    return [by_row(found["#row"], np.ma.filled(found[f"m{i}"], False)) for i in range(len(conditions))]
