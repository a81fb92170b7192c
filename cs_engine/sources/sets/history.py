"""What attributes were before, and until when: a row a change, kept with each set.

    history.parquet: "of" (accounts, contacts), id, attribute, value (as text), until, told

`told`: the source itself says when it learned of what came after (`learned_at`); these rows are made anew in each sync. The others
were seen: a sync found another value than the one before. The value at a `now` is that of the first row whose `until` lies after it,
else the one that the set has; before what was kept, the oldest that is known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from cs_engine.instants import to_micros
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sql import listed, quoted, text

TABLE = "changes"
_FIXED = frozenset({"id", "account"})
"""Who somebody is does not change: another account makes another contact of it."""
KEPT = timedelta(days=400)


def begin(db: duckdb.DuckDBPyConnection) -> None:
    """Makes the table that changes are gathered in."""
    db.execute(
        f'CREATE OR REPLACE TABLE {TABLE} ("of" VARCHAR, id VARCHAR, attribute VARCHAR, value VARCHAR, until TIMESTAMPTZ, told BOOLEAN)'
    )


def tell(db: duckdb.DuckDBPyConnection, of: str, rows: str, columns: Mapping[str, str]) -> None:
    """Adds what rows with a "#key" and a learned_at say of the past, in the order of "#order". `columns`: of the rows -> attribute."""
    for column, attribute in columns.items():
        before = f'lag({quoted(column)}) OVER (PARTITION BY "#key" ORDER BY learned_at NULLS FIRST, "#order")'
        db.execute(
            f'INSERT INTO {TABLE} SELECT {text(of)}, "#key", {text(attribute)}, CAST(was AS VARCHAR), learned_at, true FROM '
            f'(SELECT "#key", learned_at, {quoted(column)} AS "is", {before} AS was FROM {quoted(rows)}) '
            f'WHERE learned_at IS NOT NULL AND was IS DISTINCT FROM "is"'
        )


def compare(db: duckdb.DuckDBPyConnection, of: str, before: Path, now: datetime, told: Collection[str]) -> None:
    """Adds what the table `of` has otherwise than the file of the set before. `told`: attributes whose past the source tells itself."""
    old = _columns(db, f"read_parquet({text(before)})")
    new = _columns(db, quoted(of))
    shared = [name for name in new if name in old and not name.startswith("#") and name not in _FIXED and name not in told]
    if not shared:
        return
    was = {name: f"o.{quoted(name)}" if old[name] == new[name] else f"TRY_CAST(o.{quoted(name)} AS {new[name]})" for name in shared}
    until = _instant(now)
    if "learned_at" in shared:
        learned = f"n.learned_at IS DISTINCT FROM o.learned_at AND n.learned_at <= {until}"
        until = f"CASE WHEN {learned} THEN n.learned_at ELSE {until} END"
    other = {name: f"{was[name]} IS DISTINCT FROM n.{quoted(name)}" for name in shared}
    told_of = listed(f"CASE WHEN {other[name]} THEN {{'a': {text(name)}, 'v': CAST({was[name]} AS VARCHAR)}} END" for name in shared)
    db.execute(
        f"INSERT INTO {TABLE} SELECT {text(of)}, id, c.a, c.v, until, false FROM (SELECT n.id, {until} AS until, unnest([{told_of}]) AS c "
        f"FROM {quoted(of)} AS n JOIN read_parquet({text(before)}) AS o ON o.id = n.id WHERE {' OR '.join(other.values())}) "
        f"WHERE c IS NOT NULL"
    )


def carry(db: duckdb.DuckDBPyConnection, history: Path, since: datetime, *, told: bool = False) -> None:
    """Takes over what was seen before, of those who are there still, back to `since`. `told`: what the sources told too."""
    there = "SELECT 'accounts' AS \"of\", id FROM accounts UNION ALL SELECT 'contacts', id FROM contacts"
    db.execute(
        f"INSERT INTO {TABLE} SELECT h.* FROM read_parquet({text(history)}) AS h SEMI JOIN ({there}) AS t "
        f'ON t."of" = h."of" AND t.id = h.id WHERE {"told OR" if told else "NOT told AND"} until >= {_instant(since)}'
    )


def stands(db: duckdb.DuckDBPyConnection, history: Path, since: datetime) -> bool:
    """Whether nothing in it was seen longer ago than `since`."""
    oldest = db.execute(f"SELECT min(until) >= {_instant(since)} FROM read_parquet({text(history)}) WHERE NOT told").fetchall()[0][0]
    return oldest is not False


def write(db: duckdb.DuckDBPyConnection, path: Path) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Writes what was gathered; for all of it, and for what is told alone: of -> attribute -> until when it was something else at most."""
    changed: dict[str, dict[str, int]] = {}
    by_sources: dict[str, dict[str, int]] = {}
    for of, attribute, until, told in db.execute(
        f'SELECT "of", attribute, epoch_us(max(until)), epoch_us(max(until) FILTER (told)) FROM {TABLE} GROUP BY ALL ORDER BY ALL'
    ).fetchall():
        changed.setdefault(of, {})[attribute] = int(until)
        if told is not None:
            by_sources.setdefault(of, {})[attribute] = int(told)
    if changed:
        db.execute(f"COPY (SELECT * FROM {TABLE} ORDER BY ALL) TO {text(path)} (FORMAT parquet, COMPRESSION snappy)")
    return changed, by_sources


def believed(usage: UsageSet, of: str) -> Mapping[str, int]:
    """Attributes of the accounts, or contacts, that facts of the past believe to have been otherwise -> until when at most."""
    return (usage.changed if usage.all_history else usage.told).get(of, {})


def changes(usage: UsageSet, of: str) -> str:
    """SELECT of what they were: id, attribute, value (as text), until. There must be any."""
    told = "" if usage.all_history else " AND told"
    return f'SELECT id, attribute, value, until FROM read_parquet({text(usage.history)}) WHERE "of" = {text(of)}{told}'


def people_then(db: duckdb.DuckDBPyConnection, usage: UsageSet, of: str, now: datetime) -> str:
    """SELECT of the accounts, or contacts, with their attributes as they were known at `now`."""
    file = usage.accounts if of == "accounts" else usage.contacts
    plain = f"SELECT * FROM read_parquet({text(file)})"
    at = to_micros(now)
    other = [attribute for attribute, until in believed(usage, of).items() if until > at]
    types = _columns(db, f"({plain})") if other else {}
    other = [attribute for attribute in other if attribute in types]
    if not other:
        return plain
    first = (
        f"SELECT id, attribute, first(value ORDER BY until) AS value FROM ({changes(usage, of)}) WHERE until > {_instant(now)} GROUP BY ALL"
    )
    columns = listed(
        f"bool_or(attribute = {text(name)}) AS {quoted(f'is:{name}')}, max(value) FILTER (attribute = {text(name)}) AS {quoted(name)}"
        for name in other
    )
    instead = listed(
        f"CASE WHEN h.{quoted(f'is:{name}')} THEN TRY_CAST(h.{quoted(name)} AS {types[name]}) ELSE p.{quoted(name)} END AS {quoted(name)}"
        for name in other
    )
    then = f"SELECT id, {columns} FROM ({first}) GROUP BY id"
    return f"SELECT p.* REPLACE ({instead}) FROM ({plain}) AS p LEFT JOIN ({then}) AS h ON h.id = p.id"


def forget(db: duckdb.DuckDBPyConnection, history: Path, contacts: Iterable[str]) -> None:
    """Drops what these contacts were before."""
    if not history.exists():
        return
    aside = history.with_suffix(".forgetting")
    db.execute(
        f"COPY (SELECT * FROM read_parquet({text(history)}) WHERE \"of\" <> 'contacts' OR NOT list_contains($1, id)) "
        f"TO {text(aside)} (FORMAT parquet, COMPRESSION snappy)",
        [list(contacts)],
    )
    aside.replace(history)


def _columns(db: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in db.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}


def _instant(at: datetime) -> str:
    return f"TIMESTAMPTZ '{at.astimezone(UTC).isoformat()}'"
