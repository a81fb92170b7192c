"""The two facts tables of a tick as SQL: text only; somebody else runs it.

It reads the views `src_accounts` and `src_contacts` (each with its number "#no", contacts with their account's "#account"), and
`src_<source>` of each event source (see windows_sql). `account_facts` and `contact_facts` begin with those who are there at `now` and are
extended, once or again, by the columns that are needed: nothing else is ever computed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Set
from dataclasses import dataclass

from cs_engine.language.expression import Grain
from cs_engine.language.scope import quoted
from cs_engine.usage.columns import (
    Answered,
    Attribute,
    Champion,
    Counted,
    Derived,
    Latch,
    Measured,
    OfAccount,
    Origin,
    Since,
    Stored,
    Streak,
)
from cs_engine.usage.names import Catalogue, stored_column
from cs_engine.usage.sequences_sql import sequences
from cs_engine.usage.tallies import Tally
from cs_engine.usage.windows import Kind, Window
from cs_engine.usage.windows_sql import Aggregate, Moment, aggregates, column

Elsewhere = Callable[[Aggregate, Grain], str]
"""Has an aggregate counted where its events stay; a SELECT of the same shape, over what came of it."""
CHAMPIONS = "champions"
"""Table: "#no" of an account, "#contact" the number of its champion."""


def overlay(grain: Grain) -> str:
    """The table of what only our own tables know, by "#row": every Counted and Latch, and those of Answered and Since that are read."""
    return f"{grain.value}_overlay"


def streaks(grain: Grain) -> str:
    """The table of `unanswered_streak`, by "#row"; it is there once somebody needs it (`need_streaks`)."""
    return f"{grain.value}_streaks"


def accounts_there(catalogue: Catalogue, moment: Moment) -> str:
    """SELECT of the accounts that are there at now: "#row", "#no", "account.id"."""
    there = _there("a", "signed_up_at", "learned_at" in catalogue.attributes.account, moment)
    return (
        f'SELECT CAST(row_number() OVER (ORDER BY "#no") - 1 AS INTEGER) AS "#row", "#no", id AS "account.id" '
        f"FROM src_accounts AS a WHERE {there} ORDER BY 1"
    )


def contacts_there(catalogue: Catalogue, moment: Moment) -> str:
    """SELECT of the contacts that are there at now, and their accounts too: "#row", "#no", "#account", "#account_row", "contact.id"."""
    return (
        f'SELECT CAST(row_number() OVER (ORDER BY c."#no") - 1 AS INTEGER) AS "#row", c."#no", c."#account", '
        f'a."#row" AS "#account_row", c.id AS "contact.id" {_contacts(catalogue, moment)} ORDER BY 1'
    )


def contacts_known(catalogue: Catalogue, moment: Moment) -> str:
    """SELECT of a row for each of them, for counting."""
    return f'SELECT c."#no" {_contacts(catalogue, moment)}'


def _contacts(catalogue: Catalogue, moment: Moment) -> str:
    there = _there("c", "created_at", "learned_at" in catalogue.attributes.contact, moment)
    return f'FROM src_contacts AS c JOIN account_facts AS a ON a."#no" = c."#account" WHERE {there}'


def _there(alias: str, since: str, learned: bool, moment: Moment) -> str:
    """Whether a row is there: nothing that came later, or was learned later, is. A blank time is no reason to hide it."""
    times = [since, *(["learned_at"] if learned else [])]
    return " AND ".join(f"coalesce({alias}.{time} <= {moment.now_sql}, true)" for time in times)


def champions(ranks: Iterable[str]) -> str:
    """SELECT of each account's champion: the earliest contact of those who meet the first of these conditions that anybody meets.

    The conditions are SQL over the columns of `contact_facts`.
    """
    rank = " ".join(f"WHEN {sql} THEN {i}" for i, sql in enumerate(ranks))
    return (
        f'SELECT "#account" AS "#no", "#no" AS "#contact" FROM '
        f'(SELECT *, CASE {rank} END AS "#rank" FROM contact_facts) WHERE "#rank" IS NOT NULL '
        f'QUALIFY row_number() OVER (PARTITION BY "#account" ORDER BY "#rank", "contact.created_at" NULLS LAST, "contact.id") = 1'
    )


@dataclass(frozen=True, slots=True)
class Extension:
    """New columns for a facts table."""

    sql: str
    """A SELECT of the table's columns and the new ones, in any order of rows."""
    columns: tuple[str, ...]
    tallied: tuple[Aggregate, ...] = ()
    """What it reads of tallies."""


def extension(
    catalogue: Catalogue,
    grain: Grain,
    present: Set[str],
    columns: Iterable[str],
    moment: Moment,
    guarded: bool = False,
    tallied: Collection[str] = (),
    elsewhere: Elsewhere | None = None,
) -> Extension | None:
    """What adds these columns, and what they need, to a facts table that has the `present` ones; None when nothing is missing.

    Columns of the account must be on the account's table before (`of_account`), and `champions` be there where one needs it.
    `guarded`: where an expression fails in a row, its value there is blank. `tallied`: sources of events that have tallies.
    """
    wanted = {name: catalogue.origin(grain, name) for name in sorted(catalogue.needs(grain, columns) - present)}
    if not wanted:
        return None
    leaves = {name: origin for name, origin in wanted.items() if not isinstance(origin, Derived)}
    sql = f"SELECT * FROM {grain.table}"
    read: tuple[Aggregate, ...] = ()
    if leaves:
        sql, read = _leaves(catalogue, grain, leaves, moment, guarded, tallied, elsewhere)
    have = set(present) | leaves.keys()
    left = {name: origin for name, origin in wanted.items() if isinstance(origin, Derived)}
    while left:
        # One level at a time: a level reads what the levels below it made.
        level = {name: origin for name, origin in left.items() if have.issuperset(origin.needs)}
        made = ", ".join(f"{_guarded(origin.sql, guarded)} AS {quoted(name)}" for name, origin in level.items())
        sql = f"SELECT *, {made} FROM ({sql})"
        have |= level.keys()
        left = {name: origin for name, origin in left.items() if name not in level}
    return Extension(sql, tuple(wanted), read)


def of_account(catalogue: Catalogue, columns: Iterable[str]) -> set[str]:
    """The columns of the account's table that these columns of the contact's table read."""
    origins = (catalogue.origin(Grain.CONTACT, name) for name in catalogue.needs(Grain.CONTACT, columns))
    return {origin.column for origin in origins if isinstance(origin, OfAccount)}


def need_champions(catalogue: Catalogue, columns: Iterable[str]) -> bool:
    """Whether any of these columns of the account's table is the champion's."""
    return any(isinstance(catalogue.origin(Grain.ACCOUNT, name), Champion) for name in catalogue.needs(Grain.ACCOUNT, columns))


def need_streaks(catalogue: Catalogue, grain: Grain, columns: Iterable[str]) -> bool:
    """Whether any of these columns of that table hangs on `unanswered_streak`."""
    return any(isinstance(catalogue.origin(grain, name), Streak) for name in catalogue.needs(grain, columns))


def _guarded(sql: str, guarded: bool) -> str:
    return f"TRY({sql})" if guarded else sql


def _leaves(
    catalogue: Catalogue,
    grain: Grain,
    leaves: Mapping[str, Origin],
    moment: Moment,
    guarded: bool,
    tallied: Collection[str],
    elsewhere: Elsewhere | None,
) -> tuple[str, tuple[Aggregate, ...]]:
    """The facts table with columns that come from elsewhere joined to it; and what it reads of tallies."""
    joins: dict[str, str] = {}
    shown = []
    windows = {name: origin.window for name, origin in leaves.items() if isinstance(origin, Measured)}
    if any(isinstance(o, Attribute) or (isinstance(o, Stored) and o.in_source) for o in leaves.values()) or any(
        w.kind is Kind.DAYS_SINCE_LAST for w in windows.values()
    ):
        joins["s"] = f'LEFT JOIN src_{grain.value}s AS s ON s."#no" = f."#no"'
    since = "s.signed_up_at" if grain is Grain.ACCOUNT else "s.created_at"
    aliases, tallies = _join_windows(catalogue, list(windows.values()), grain, moment, guarded, tallied, joins, elsewhere)
    for name, origin in leaves.items():
        value = column(windows[name], aliases[name], since, moment) if name in windows else _leaf(grain, name, origin, joins)
        shown.append(f"{value} AS {quoted(name)}")
    return f"SELECT f.*, {', '.join(shown)} FROM {grain.table} AS f {' '.join(joins.values())}", tallies


def _leaf(grain: Grain, name: str, origin: Origin, joins: dict[str, str]) -> str:
    """SQL of a column that lies in another table, which is joined."""
    match origin:
        case Attribute():
            return f"s.{quoted(origin.column)}"
        case Stored():
            joins["o"] = f'LEFT JOIN {overlay(grain)} AS o ON o."#row" = f."#row"'
            own = f"o.{quoted(stored_column(origin.column))}"
            return f"coalesce({own}, s.{quoted(origin.column)})" if origin.in_source else own
        case Champion():
            joins["ch"] = f'LEFT JOIN {CHAMPIONS} AS ch ON ch."#no" = f."#no"'
            joins["cc"] = 'LEFT JOIN src_contacts AS cc ON cc."#no" = ch."#contact"'
            return f"cc.{quoted(origin.column)}"
        case Counted() | Latch() | Answered() | Since():
            joins["o"] = f'LEFT JOIN {overlay(grain)} AS o ON o."#row" = f."#row"'
            return f"o.{quoted(name)}"
        case Streak():
            joins["st"] = f'LEFT JOIN {streaks(grain)} AS st ON st."#row" = f."#row"'
            return "coalesce(st.n, 0)"
        case OfAccount():
            joins["a"] = 'LEFT JOIN account_facts AS a ON a."#row" = f."#account_row"'
            return f"a.{quoted(origin.column)}"
        case Measured() | Derived():
            raise TypeError(f"{name} is computed, not joined")


def _join_windows(
    catalogue: Catalogue,
    windows: list[Window],
    grain: Grain,
    moment: Moment,
    guarded: bool,
    tallied: Collection[str],
    joins: dict[str, str],
    elsewhere: Elsewhere | None,
) -> tuple[dict[str, str], tuple[Aggregate, ...]]:
    """Joins the aggregates of all windows; tells for each metric under which alias, and what they read of tallies."""
    if guarded:
        windows = [w if w.source in catalogue.attributes.in_place else w.guarded() for w in windows]
    late = [source for source, columns in catalogue.attributes.events.items() if "learned_at" in columns]
    aliases: dict[str, str] = {}
    # Streaks hang on days alone, which tallies know.
    in_order = [w for w in windows if w.in_order and (w.source not in tallied or Tally.of(w, grain) is None)]
    found = aggregates((w for w in windows if w not in in_order), grain, moment, late, tallied)
    found += sequences(in_order, grain, moment, late)
    for i, aggregate in enumerate(found):
        stays = elsewhere is not None and aggregate.metrics[0].source in catalogue.attributes.in_place
        sql = elsewhere(aggregate, grain) if elsewhere is not None and stays else aggregate.sql
        joins[f"w{i}"] = f'LEFT JOIN ({sql}) AS w{i} ON w{i}."#no" = f."#no"'
        aliases |= {window.name: f"w{i}" for window in aggregate.metrics}
    return aliases, tuple(aggregate for aggregate in found if aggregate.tally is not None)
