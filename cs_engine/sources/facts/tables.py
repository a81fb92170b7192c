"""The table of each grain in the in-memory DuckDB of one tick: it begins with the subjects' ids alone, and grows by the columns that
are asked for.

Once the views over the set stand, the database reads no other file and its settings are locked: whatever a condition says, it
cannot reach out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from itertools import repeat
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
from numpy.typing import NDArray

from cs_engine.instants import from_micros
from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.playbook.calendars import SHIPPED, Calendars
from cs_engine.ports import Failure, Overlay, Rows, Stock, Touched
from cs_engine.sources.duck import Room, facts_room
from cs_engine.sources.facts.days import Days
from cs_engine.sources.facts.in_place import InPlace
from cs_engine.sources.facts.overlay import SQL_TYPES, put_overlay
from cs_engine.sources.facts.streaks import count_streaks
from cs_engine.sources.sets.history import people_then
from cs_engine.sources.sets.segments import relation
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sets.tallies import TALLIED_FROM, Tallies
from cs_engine.sources.sql import quoted
from cs_engine.usage import facts_sql
from cs_engine.usage.names import Catalogue
from cs_engine.usage.windows_sql import Aggregate, Moment, view

USAGE = "usage"
"""The source of the product's own events."""
_NOT_THERE = "it reads a name that is not defined, or is defined wrongly"
_REASONS: Mapping[type[duckdb.Error], str] = {
    duckdb.ConversionException: "a value cannot be converted",
    duckdb.OutOfRangeException: "a number is too large",
    duckdb.BinderException: "it does not fit the types of the columns",
    duckdb.OutOfMemoryException: "it needs too much memory",
}
"""What is wrong, without data: DuckDB's own text quotes values."""


class Tables:
    """Accounts and contacts at one `now`, with the columns that somebody has asked for so far."""

    def __init__(
        self, usage: UsageSet, catalogue: Catalogue, champions: Sequence[Expression], now: datetime, zone: str, overlay: Overlay,
        calendars: Calendars | None = None, business_calendar: str | None = None,
        held: int | None = None, tallied_from: int = TALLIED_FROM,
        in_place: Callable[[Moment, Catalogue], InPlace] | None = None,
    ) -> None:  # fmt: skip
        """`held`: an open file that keeps the set there, closed with the tables. `in_place`: makes who asks for events elsewhere."""
        self.failed: list[Failure] = []
        self.catalogue = catalogue
        self.moment = Moment(now, ZoneInfo(zone))
        self._held = held
        self._champions = champions
        self._days = Days(calendars or Calendars(SHIPPED), business_calendar, self.moment.today)
        self._present: dict[Grain, set[str]] = {Grain.ACCOUNT: {"account.id"}, Grain.CONTACT: {"contact.id"}}
        self.usage = usage
        self._has_champions = False
        self._has_streaks = False
        self._touched = overlay.touched
        self._room = _opened(usage, catalogue, self.moment, zone)
        self.db = self._room.db
        self._tallies = Tallies(self.db, usage, self.moment, tallied_from)
        self._in_place = in_place(self.moment, catalogue) if in_place is not None else None
        self._overlay = overlay
        self._sizes: dict[Grain, int] = {}
        self._ids: dict[Grain, list[str]] = {}
        self._rows: dict[Grain, dict[str, int]] = {}
        self._accounts: Rows | None = None
        self.stand(Grain.ACCOUNT)

    def stand(self, grain: Grain) -> int:
        """Makes sure that there is a table of the grain; of how many rows. People are many, and not every tick asks for them."""
        if grain not in self._sizes:
            there = facts_sql.accounts_there if grain is Grain.ACCOUNT else facts_sql.contacts_there
            self.db.execute(f"CREATE TABLE {grain.table} AS {there(self.catalogue, self.moment)}")
            self._sizes[grain] = self._count(grain.table)
            put_overlay(self.db, self.catalogue, grain, partial(self._rows_of, grain), self._sizes[grain], self._overlay)
        return self._sizes[grain]

    def close(self) -> None:
        self._room.close()
        if self._held is not None:
            os.close(self._held)
            self._held = None

    # --- subjects

    def ids(self, grain: Grain) -> list[str]:
        if grain not in self._ids:
            self.stand(grain)
            found = self.db.execute(f'SELECT "#row", {quoted(f"{grain}.id")} AS id FROM {grain.table}').fetchnumpy()
            self._ids[grain] = by_row(found["#row"], found["id"]).tolist()
        return self._ids[grain]

    def rows(self, grain: Grain) -> Mapping[str, int]:
        if grain not in self._rows:
            self._rows[grain] = {id: row for row, id in enumerate(self.ids(grain))}
        return self._rows[grain]

    def _rows_of(self, grain: Grain, ids: Sequence[str]) -> Rows:
        return np.fromiter(map(self.rows(grain).get, ids, repeat(-1)), np.int64, len(ids))

    def account_of_contact(self) -> Rows:
        if self._accounts is None:
            self.stand(Grain.CONTACT)
            found = self.db.execute('SELECT "#row", "#account_row" FROM contact_facts').fetchnumpy()
            self._accounts = by_row(found["#row"], found["#account_row"].astype(np.int64))
            self._accounts.setflags(write=False)  # many read it
        return self._accounts

    def stock(self) -> Stock:
        accounts = self._sizes[Grain.ACCOUNT]
        contacts = self._sizes.get(Grain.CONTACT) or self._count(f"({facts_sql.contacts_known(self.catalogue, self.moment)})")
        if self._in_place is not None and USAGE in self._in_place:
            return Stock(accounts, contacts, *self._in_place.stock(USAGE))
        if USAGE in self._tallies.sources:
            return Stock(accounts, contacts, *self._tallies.stock(USAGE))
        learned = "learned_at" in self.catalogue.attributes.events.get(USAGE, {})
        known = ' AND coalesce("learned_at", "at") <= getvariable(\'now\')' if learned else ""
        sql = f'SELECT count(*), epoch_us(max("at")) FROM {view(USAGE)} WHERE "at" <= getvariable(\'now\'){known}'
        events, newest = self.db.execute(sql).fetchall()[0]
        return Stock(accounts, contacts, int(events), None if newest is None else int(newest))

    # --- what authors wrote

    def readable(self, grain: Grain, columns: Iterable[str]) -> bool:
        """Whether all of them are defined, and soundly."""
        return all(self._is_known(grain, name) for name in columns)

    def known(self, grain: Grain, columns: Iterable[str]) -> set[str]:
        """Those of them that are."""
        return {name for name in columns if self._is_known(grain, name)}

    def _is_known(self, grain: Grain, column: str) -> bool:
        try:
            return not self.catalogue.needs(grain, [column]) & self.catalogue.broken
        except KeyError:
            return False

    def type_of(self, grain: Grain, column: str) -> Type:
        return self.catalogue.origin(grain, column).type

    def tell(self, sql: str) -> None:
        """Makes the days known that this SQL asks for."""
        self._days.tell(self.db, sql)

    @contextmanager
    def beside(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Another connection that knows what `db` does, for what is asked at the same time."""
        with closing(self._room.beside()) as db:
            _set_clock(db, self.moment)
            self._days.repeat(db)
            yield db

    def fail(self, what: str, error: duckdb.Error | None, where: str = "") -> None:
        """Notes that something an author wrote fails. None: it reads what is not there. `where`: in how much of it."""
        failure = Failure(what, _NOT_THERE if error is None else _REASONS.get(type(error), "it cannot be computed") + where)
        if failure not in self.failed:
            self.failed.append(failure)

    # --- columns

    def need(self, grain: Grain, columns: Iterable[str]) -> None:
        """Makes sure that the table has these columns and all that they are made of."""
        self.stand(grain)
        missing = set(columns) - self._present[grain]
        if not missing:
            return
        if not self._has_streaks and facts_sql.need_streaks(self.catalogue, grain, missing):
            self._find_streaks()
        if grain is Grain.CONTACT:
            self.need(Grain.ACCOUNT, facts_sql.of_account(self.catalogue, missing))
        elif facts_sql.need_champions(self.catalogue, missing):
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
            self.catalogue, grain, self._present[grain], columns, self.moment, guarded, self._tallies.sources, self._elsewhere
        )
        if extension is not None:
            self.tell(extension.sql)
            with self._tallies.told(extension.tallied):
                self._replace(grain, extension.sql)
            self._present[grain].update(extension.columns)

    def _elsewhere(self, aggregate: Aggregate, grain: Grain) -> str:
        assert self._in_place is not None, "a source whose events stay has somebody to ask"
        return self._in_place.aggregate(self.db, aggregate, grain)

    def _extend_one_by_one(self, grain: Grain, columns: Iterable[str]) -> None:
        """Each column by itself, so that the one that fails is known, and blank where it fails."""
        needed = self.catalogue.needs(grain, columns)
        order = [*sorted(needed - self.catalogue.derived[grain].keys()), *(n for n in self.catalogue.derived[grain] if n in needed)]
        for name in order:
            try:
                self._extend(grain, [name])
            except duckdb.Error as error:
                said = name.replace("reached:", "milestone ").replace("claimed:", "milestone ").replace("segment:", "segment ")
                self.fail(said, error)
                self._extend_blank(grain, name)

    def _extend_blank(self, grain: Grain, name: str) -> None:
        try:
            self._extend(grain, [name], guarded=True)
        except duckdb.Error:
            origin = self.catalogue.origin(grain, name)
            kind = SQL_TYPES.get(origin.type, "VARCHAR")
            self._replace(grain, f"SELECT *, CAST(NULL AS {kind}) AS {quoted(name)} FROM {grain.table}")
            self._present[grain].add(name)

    def _replace(self, grain: Grain, select: str) -> None:
        """All or nothing: where the new one fails the old one stands."""
        self.db.execute(f"CREATE OR REPLACE TABLE {grain.table} AS {select}")

    def _find_streaks(self) -> None:
        self._has_streaks = True
        self.stand(Grain.CONTACT)
        touched = self._touched() if self._touched else Touched([], [])
        acts, late = view(USAGE), "learned_at" in self.catalogue.attributes.events.get(USAGE, {})
        if self._in_place is not None and USAGE in self._in_place and touched.touches:
            first = from_micros(min(at for _, _, at in touched.touches))
            acts, late = f"({self._in_place.last_acts(self.db, USAGE, first)})", False
        count_streaks(self.db, touched, self.moment, acts, late=late)

    def _find_champions(self) -> None:
        self.need(Grain.CONTACT, self.champion_needs())
        select = facts_sql.champions([c.sql for c in self._champions])
        self.db.execute(f"CREATE TABLE {facts_sql.CHAMPIONS} AS {select}")
        self._has_champions = True

    def champion_needs(self) -> set[str]:
        """Columns of contacts that tell who is champion."""
        return {"contact.created_at", *(name for c in self._champions for name in c.names)}

    def _count(self, relation: str) -> int:
        return int(self.db.execute(f"SELECT count(*) FROM {relation}").fetchall()[0][0])


def by_row(rows: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """Values in order of their rows: a join may have changed the order of the table."""
    if np.array_equal(rows, np.arange(len(values))):
        return values
    ordered = np.empty(len(values), values.dtype)
    ordered[np.asarray(rows)] = values
    return ordered


def _opened(usage: UsageSet, catalogue: Catalogue, moment: Moment, zone: str) -> Room:
    room = facts_room(usage.folder.parent, zone)
    db = room.db
    _set_clock(db, moment)
    db.execute(f"CREATE VIEW src_accounts AS {people_then(db, usage, 'accounts', moment.now)}")
    db.execute(f"CREATE VIEW src_contacts AS {people_then(db, usage, 'contacts', moment.now)}")
    for source in catalogue.attributes.events:
        db.execute(f"CREATE VIEW {view(source)} AS {relation(usage, source)}")
    return room


def _set_clock(db: duckdb.DuckDBPyConnection, moment: Moment) -> None:
    db.execute(f"SET VARIABLE now = {moment.now_sql}; SET VARIABLE today = {moment.today_sql}")
