"""When a condition became true of accounts of whom it is true now. In the database of one tick's facts, set-wise.

A condition over usage changes with an event, or at midnight, as days go by; one over columns of accounts, of which it was kept how they
were, with each change too. So its first day is looked for, at each of these and at the end of each day that had one (and on each day
before that, where time alone can make it true), and then its first moment on that day.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import NamedTuple

import duckdb
import numpy as np

from cs_engine.instants import Micros, from_micros
from cs_engine.language.expression import Grain, Type
from cs_engine.ports import Rows
from cs_engine.sources.facts.rising import by_time, once_a_day, rises
from cs_engine.sources.facts.tables import Tables
from cs_engine.sources.sets.history import believed, changes
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sql import iso, listed, quoted, text
from cs_engine.usage.answers import said
from cs_engine.usage.columns import Derived
from cs_engine.usage.names import Catalogue, is_latch
from cs_engine.usage.past_sql import (
    CHANGES,
    Reads,
    all_events,
    days_of_events,
    evaluated,
    kept_events,
    reads_of,
    their_events,
    times_of_events,
)
from cs_engine.usage.windows_sql import view

_AT_ONCE = 2_000_000
"""Events, about: so many that the accounts that are looked at together have on an average. They have to fit into memory."""
_FIRST_DAYS = (8, 64)
"""Of more accounts than that, so many days after their first events are looked at before all: most is reached early."""
_DAYS_AT_ONCE = 4
"""Days of each account that are looked at first; then twice as many, and so on: most is reached early, and each counts all before it."""
_MOST = 20_000_000
"""Events that are counted for the moments of one look. Where it would be more, each day is looked at as it ended alone."""
_LONGEST = 3 * 366
"""Days before an account's next event in which time alone is looked at."""
_NOW, _TODAY = "getvariable('now')", "getvariable('today')"
_TABLE = "CREATE OR REPLACE TEMP TABLE"
_TABLES = ("past_who", "past_event_days", "past_days", "past_batch", "past_calendar", "past_moments", "past_first", "past_sooner", CHANGES)


class First(NamedTuple):
    """When it became true, and the values that it named then, as JSON."""

    at: Micros
    seen: str


def became(tables: Tables, catalogue: Catalogue, column: str, rows: Rows, after: Micros | None) -> dict[int, First]:
    """Row -> when that column of accounts became true, of those at these rows; of whom that cannot be told, nothing.

    `after`: the last moment at which it was seen to be false. It bounds the search only where columns of accounts decide too, of which
    nobody knows how they were: what would have been true then already has become so by such a column, at a moment that is not known.
    """
    reads = reads_of(catalogue, column, _known(tables.usage, catalogue), _before(tables))
    origin = catalogue.origin(Grain.ACCOUNT, column)
    if reads is None or catalogue.attributes.in_place.intersection(reads.sources) or not isinstance(origin, Derived) or not len(rows):
        return {}
    tables.need(Grain.ACCOUNT, reads.kept)
    rising = rises(reads, column, next(filter(is_latch, origin.needs), ""))
    if rising and reads.by_time:
        reads = replace(reads, by_time=by_time(reads))
    names = [name for name in origin.needs if not is_latch(name)]
    floor = after if reads.changing else None
    search = _Search(tables, catalogue, reads, column, names, floor, rising=rising)
    found: dict[int, First] = {}
    some = _at_once(tables.usage, reads, tables.stand(Grain.ACCOUNT))
    try:
        for days in (*(_FIRST_DAYS if len(rows) > some else ()), None):
            left = np.array([row for row in rows.tolist() if row not in found], np.int64)
            many = some if days is None else search.fit(some, days)
            for start in range(0, len(left), many):
                found |= search.among(left[start : start + many], days)
    except duckdb.Error as error:
        tables.fail(f"when {said(column).replace('reached:', 'milestone ').replace('claimed:', 'milestone ')} was reached", error)
    finally:
        search.close()
    return found


def _at_once(usage: UsageSet, reads: Reads, accounts: int) -> int:
    """How many accounts are looked at together, with all of their events."""
    events = sum(segment.rows for source in reads.sources for segment in usage.segments[source])
    return max(1, _AT_ONCE * accounts // max(1, events))


def _known(usage: UsageSet, catalogue: Catalogue) -> Collection[str]:
    """Columns of accounts of which it was kept how they were."""
    return [f"account.{name}" for name in catalogue.attributes.account] if usage.all_history else catalogue.attributes.told


def _before(tables: Tables) -> dict[str, str]:
    """Columns of accounts that ever were otherwise -> their type."""
    changed = believed(tables.usage, "accounts")
    if not changed:
        return {}
    types = tables.db.execute("DESCRIBE src_accounts").fetchall()
    return {f"account.{name}": str(kind) for name, kind, *_ in types if name in changed}


class _Search:
    """The search for one column, some accounts at a time."""

    def __init__(
        self, tables: Tables, catalogue: Catalogue, reads: Reads, column: str, names: Sequence[str], floor: Micros | None, *, rising: bool
    ) -> None:  # fmt: skip
        """`rising`: what does not hold as a day ends did not hold on it."""
        self._db = tables.db
        self._rising = rising
        self._once_a_day = rising and once_a_day(reads)
        self._reads, self._column = reads, column
        self._changes = changes(tables.usage, "accounts") if reads.before else ""
        self._late = {source for source, columns in catalogue.attributes.events.items() if "learned_at" in columns}
        parts = []
        for name in names:
            instant = catalogue.origin(Grain.ACCOUNT, name).type is Type.INSTANT
            parts.append(f"{text(said(name))}, {iso(quoted(name)) if instant else quoted(name)}")
        self._seen = f"CAST(json_object({listed(parts)}) AS VARCHAR)"
        self._floor = "" if floor is None else f"TIMESTAMPTZ '{from_micros(floor).isoformat()}'"

    def close(self) -> None:
        """Gives back the memory of what was looked at."""
        for table in (*(name(source) for name in (kept_events, all_events) for source in self._reads.sources), *_TABLES):
            self._db.execute(f"DROP TABLE IF EXISTS {table}")

    def fit(self, accounts: int, days: int) -> int:
        """How many accounts have as many events in so many days after their first as these have in all."""
        firsts = f'SELECT {_TODAY} - min("#day") + 1 AS n FROM ({self._begun()}) GROUP BY "#no"'
        (lived,) = self._db.execute(f"SELECT coalesce(avg(n), 1) FROM ({firsts})").fetchall()[0]
        return max(accounts, int(accounts * lived / (days + 1)))

    def _begun(self) -> str:
        """SELECT of "#no" and the "#day" of its first event, of each source. They are asked for once a tick."""
        for source in self._reads.sources:
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {_begun(source)} AS "
                f'SELECT "#account" AS "#no", min("#day") AS "#day" FROM {view(source)} WHERE "#account" IS NOT NULL GROUP BY 1'
            )
        return " UNION ALL ".join(f"SELECT * FROM {_begun(source)}" for source in self._reads.sources)

    def among(self, rows: Rows, days: int | None) -> dict[int, First]:
        """Of those at these rows who became so; in that many days after their first event, or ever."""
        self._db.execute(f'{_TABLE} past_calendar ("#day" DATE, "#begins" TIMESTAMPTZ, "#ends" TIMESTAMPTZ)')
        self._people(rows, days)
        if self._floor:
            self._leave_out_changed()
        # What happened before the sign-up counts from the sign-up on.
        edges = (
            f'SELECT "#no", {_TODAY} AS "#day" FROM past_who WHERE {_TODAY} <= "#until" '
            'UNION SELECT "#no", "#signed" FROM past_who WHERE "#signed" <= "#until"'
        )
        other = f'SELECT * FROM ({edges}) ANTI JOIN past_event_days USING ("#no", "#day")'
        self._look_at(f"SELECT * FROM past_event_days UNION ALL {other}", "past_first")
        if self._reads.by_time:
            self._look_at(self._days_before(), "past_sooner", from_the_start=True)
            both = "SELECT * FROM past_first UNION ALL SELECT * FROM past_sooner"
            self._db.execute(f'{_TABLE} past_first AS SELECT "#no", min("#day") AS "#day" FROM ({both}) GROUP BY 1')
        return self._first_moments()

    def _look_at(self, days: str, found: str, *, from_the_start: bool = False) -> None:
        """Table `found`: the first of these days on which it was true, of each account. `from_the_start`: at the beginnings of days, and
        not at what happened on them.
        """
        numbered = f'SELECT *, row_number() OVER (PARTITION BY "#no" ORDER BY "#day") AS n FROM ({days})'
        self._db.execute(f"{_TABLE} past_days AS {numbered}")
        new = 'SELECT DISTINCT "#day" FROM past_days ANTI JOIN past_calendar USING ("#day")'
        self._db.execute(f"INSERT INTO past_calendar {_hours_of(new)}")
        self._db.execute(f'{_TABLE} {found} ("#no" INTEGER, "#day" DATE)')
        low, size = 0, _DAYS_AT_ONCE
        while True:
            batch = f'SELECT "#no", "#day" FROM past_days ANTI JOIN {found} USING ("#no") WHERE n > {low} AND n <= {low + size}'
            self._db.execute(f"{_TABLE} past_batch AS {batch}")
            if not self._count("past_batch"):
                return
            self._keep_until("past_batch", once_a_day=self._once_a_day)
            if from_the_start:
                quiet = 'SELECT * FROM past_batch EXCEPT SELECT "#no", "#day" FROM past_event_days'
                # Nothing that rises with events has risen by the end of a day without any.
                self._moments([_beginnings("past_batch"), *([] if self._rising else [_ends(quiet)])])
            else:
                edges = [_ends("past_batch"), _sign_ups("past_batch")]
                self._moments(edges if self._rising else [*edges, times_of_events(self._reads, "past_batch")])
                if not self._rising and self._to_count() > _MOST:
                    self._moments(edges)
            every = evaluated(self._reads, "past_moments")
            first = f'SELECT "#no", min("#today") FROM ({every}) WHERE {quoted(self._column)} GROUP BY 1'
            self._db.execute(f"INSERT INTO {found} {first}")
            low, size = low + size, size * 2

    def _to_count(self) -> int:
        """How many pairs of a moment and an event of the same account there are."""
        many = 'SELECT "#no", count(*) AS n FROM past_moments GROUP BY 1'
        pairs = [
            f'(SELECT coalesce(sum(m.n * e.n), 0) FROM ({many}) AS m JOIN (SELECT "#account", count(*) AS n FROM {kept_events(source)} '
            f'GROUP BY 1) AS e ON e."#account" = m."#no")'
            for source in self._reads.sources
        ]
        return int(self._db.execute(f"SELECT {' + '.join(pairs) or '0'}").fetchall()[0][0])

    def _count(self, table: str) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0])

    def _people(self, rows: Rows, days: int | None) -> None:
        """Tables of these accounts: past_who ("#row", "#no", "#since" and its day, "#signed", "#until"), their events, past_event_days
        ("#no", "#day", not before that).
        """
        self._db.register("past_rows", {"row": np.asarray(rows, np.int64)})
        self._db.execute(
            f'{_TABLE} past_who AS SELECT f."#row", f."#no", s.signed_up_at AS "#since", CAST(s.signed_up_at AS DATE) AS "#signed", '
            f'{_TODAY} AS "#until" FROM past_rows AS r JOIN account_facts AS f ON f."#row" = r."row" '
            'JOIN src_accounts AS s ON s."#no" = f."#no"'
        )
        self._db.unregister("past_rows")
        if days is not None:
            floor = f", CAST({self._floor} AS DATE)" if self._floor else ""
            self._db.execute(
                f'UPDATE past_who SET "#until" = least({_TODAY}, greatest("#signed", b."#day"{floor}) + {days}) '
                f'FROM (SELECT "#no", min("#day") AS "#day" FROM ({self._begun()}) GROUP BY 1) AS b WHERE b."#no" = past_who."#no"'
            )
        for source in self._reads.sources:
            known = f' AND coalesce(e."learned_at", e."at") <= {_NOW}' if source in self._late else ""
            self._db.execute(f"{_TABLE} {all_events(source)} AS {their_events(self._reads, source)}{known}")
        if self._changes:
            read = listed(text(name.removeprefix("account.")) for name, _ in self._reads.before)
            self._db.execute(
                f'{_TABLE} {CHANGES} AS SELECT w."#no", list_position([{read}], h.attribute) - 1 AS "#which", h."value", h."until" '
                f'FROM ({self._changes}) AS h JOIN src_accounts AS s ON s.id = h.id JOIN past_who AS w ON w."#no" = s."#no" '
                f"WHERE h.attribute IN ({read})"
            )
        there = 'coalesce(e."#day" >= w."#signed", true) AND e."#day" <= w."#until"'
        floor = f' AND e."#day" >= CAST({self._floor} AS DATE)' if self._floor else ""
        self._db.execute(
            f'{_TABLE} past_event_days AS SELECT DISTINCT e."#no", e."#day" FROM ({days_of_events(self._reads)}) AS e '
            f'JOIN past_who AS w ON w."#no" = e."#no" WHERE {there}{floor}'
        )

    def _keep_until(self, days: str, *, once_a_day: bool = False) -> None:
        """Has their events up to the last of these days counted, of each account, and no others. `once_a_day`: of those of a day that are
        alike the first alone.
        """
        last = f'SELECT "#no", max("#day") AS "#last" FROM {days} GROUP BY 1'
        for source in self._reads.sources:
            shown, grouped = ('e.* EXCLUDE ("at"), min(e."at") AS "at"', " GROUP BY ALL") if once_a_day else ("e.*", "")
            events = f'{all_events(source)} AS e JOIN ({last}) AS d ON d."#no" = e."#account" AND e."#day" <= d."#last"'
            by_then = f"SELECT {shown} FROM {events}{grouped}"
            self._db.execute(f"{_TABLE} {kept_events(source)} AS {by_then}")

    def _days_before(self) -> str:
        """SELECT of all days before the first on which an event, or today, made it true: "#no", "#day"."""
        # Who has no sign-up was there from the first event on.
        firsts = 'SELECT "#no", min("#day") AS "#day" FROM past_event_days GROUP BY 1'
        floor = f", CAST({self._floor} AS DATE)" if self._floor else ""
        # What rises with events was before the first of them what it was at the sign-up.
        risen, joined = "", ""
        if self._rising:
            of_all = " UNION ALL ".join(f'SELECT "#account", "#day" FROM {all_events(source)}' for source in self._reads.sources)
            risen = ', f."#day"'
            joined = f' LEFT JOIN (SELECT "#account", min("#day") AS "#day" FROM ({of_all}) GROUP BY 1) AS f ON f."#account" = w."#no"'
        begin = f'greatest(coalesce(w."#signed", e."#day", p."#day"), p."#day" - {_LONGEST}{floor}{risen})'
        days = f'unnest(generate_series({begin}, p."#day" - 1, INTERVAL 1 DAY))'
        return (
            f'SELECT "#no", CAST(day AS DATE) AS "#day" FROM (SELECT w."#no", {days} AS day FROM past_who AS w '
            f'JOIN past_first AS p ON p."#no" = w."#no" LEFT JOIN ({firsts}) AS e ON e."#no" = w."#no"{joined})'
        )

    def _leave_out_changed(self) -> None:
        """Of whom it would have been true at the floor with today's columns: one of them has changed since."""
        self._keep_until(f'(SELECT "#no", CAST({self._floor} AS DATE) AS "#day" FROM past_who)')
        self._moments([f'SELECT "#no", {self._floor} AS "#now", CAST({self._floor} AS DATE) AS "#today" FROM past_who'], of_floor=True)
        every = evaluated(self._reads, "past_moments")
        self._db.execute(f'DELETE FROM past_who WHERE "#no" IN (SELECT "#no" FROM ({every}) WHERE {quoted(self._column)})')

    def _moments(self, moments: Sequence[str], *, of_floor: bool = False) -> None:
        """Makes these the moments that are looked at: SELECTs of "#no", "#now" and its day, "#today"."""
        later = f' AND m."#now" > {self._floor}' if self._floor and not of_floor else ""
        self._db.execute(
            f'{_TABLE} past_moments AS SELECT row_number() OVER () AS "#i", w."#row", w."#no", w."#since", m."#now", '
            f'm."#today" FROM ({" UNION ".join(moments)}) AS m JOIN past_who AS w ON w."#no" = m."#no" '
            f'WHERE m."#now" <= {_NOW} AND coalesce(m."#now" >= w."#since", true){later}'
        )

    def _first_moments(self) -> dict[int, First]:
        self._keep_until("past_first")
        self._moments([_beginnings("past_first"), _ends("past_first"), times_of_events(self._reads, "past_first"), _sign_ups("past_first")])
        every = evaluated(self._reads, "past_moments")
        found = self._db.execute(
            f'SELECT "#row", epoch_us(min("#now")), arg_min({self._seen}, "#now") FROM ({every}) WHERE {quoted(self._column)} GROUP BY 1'
        ).fetchall()
        return {int(row): First(int(at), seen) for row, at, seen in found}


def _begun(source: str) -> str:
    return quoted(f"past begun {source}")


def _sign_ups(days: str) -> str:
    """The sign-ups that were on one of these days."""
    same = 'd."#no" = w."#no" AND d."#day" = w."#signed"'
    return f'SELECT w."#no", w."#since" AS "#now", w."#signed" AS "#today" FROM past_who AS w JOIN {days} AS d ON {same}'


def _beginnings(days: str) -> str:
    return f'SELECT "#no", "#begins" AS "#now", "#day" AS "#today" FROM ({days}) JOIN past_calendar USING ("#day")'


def _ends(days: str) -> str:
    """The last moment of each, of today's now."""
    return f'SELECT "#no", "#ends" AS "#now", "#day" AS "#today" FROM ({days}) JOIN past_calendar USING ("#day")'


def _hours_of(days: str) -> str:
    """SELECT of these days with their first and last moment: asked once a day, for a calendar's sums are dear."""
    end = 'CAST("#day" + 1 AS TIMESTAMPTZ) - INTERVAL 1 MICROSECOND'
    return f'SELECT "#day", CAST("#day" AS TIMESTAMPTZ) AS "#begins", least({end}, {_NOW}) AS "#ends" FROM ({days})'
