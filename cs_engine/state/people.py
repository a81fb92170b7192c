"""Accounts and contacts, as last synced: two tables that are always replaced together."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, Table

from cs_engine.ports import AccountRow, ContactRow
from cs_engine.state import preferences, schema
from cs_engine.state.database import Rows, Tx


def replace(tx: Tx, accounts: Sequence[AccountRow], contacts: Sequence[ContactRow], usage_set: str) -> None:
    """Makes the tables hold just these rows. Rows that are as they were are not written; an id given twice is the last one's."""
    _replace(tx, schema.accounts, AccountRow._fields, list({row.id: row for row in accounts}.values()))
    _replace(tx, schema.contacts, ContactRow._fields, list({row.id: row for row in contacts}.values()))
    preferences.record_sources(tx)
    tx.run("DELETE FROM people_source")
    tx.run("INSERT INTO people_source (id, usage_set) VALUES (1, :usage_set)", usage_set=usage_set)


def source(tx: Tx) -> str:
    """The usage set that the tables were last replaced from; '' when none."""
    row = tx.row("SELECT usage_set FROM people_source")
    return str(row[0]) if row else ""


def known_contacts(tx: Tx, account_id: str) -> list[str] | None:
    """An account's contacts; None when there is no such account."""
    if tx.row("SELECT 1 FROM accounts WHERE id = :account", account=account_id) is None:
        return None
    return [id for (id,) in tx.rows("SELECT id FROM contacts WHERE account_id = :account ORDER BY id", account=account_id)]


def _replace(tx: Tx, table: Table, columns: Sequence[str], rows: Rows) -> None:
    staged = _staging(table, columns)
    staged.create(tx.connection)
    tx.append(staged, columns, rows)
    given, names = staged.name, ", ".join(columns)
    rest = columns[1:]
    old, new = ", ".join(f"{table.name}.{c}" for c in rest), ", ".join(f"excluded.{c}" for c in rest)
    # WHERE true: without it SQLite would read ON as the start of a join.
    tx.run(
        f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {given} WHERE true "
        f"ON CONFLICT (id) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in rest)} WHERE ({old}) {tx.differs} ({new})"
    )
    tx.run(f"DELETE FROM {table.name} WHERE NOT EXISTS (SELECT 1 FROM {given} WHERE {given}.id = {table.name}.id)")
    staged.drop(tx.connection)


def _staging(table: Table, columns: Sequence[str]) -> Table:
    return Table(
        f"staged_{table.name}",
        MetaData(),
        *(Column(c, table.c[c].type, nullable=table.c[c].nullable) for c in columns),
        PrimaryKeyConstraint("id"),
        prefixes=["TEMPORARY"],
        sqlite_with_rowid=False,
    )


def contacts_of(tx: Tx, account_id: str) -> list[tuple[str, str]]:
    """(id, name) of the account's contacts, by name."""
    return [(row[0], row[1]) for row in tx.rows("SELECT id, name FROM contacts WHERE account_id = :id ORDER BY name, id", id=account_id)]
