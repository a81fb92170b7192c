"""A whole state into another database: what a dry run decides on."""

from __future__ import annotations

import sqlite3
from typing import cast

from cs_engine.errors import SettingsError
from cs_engine.state import schema
from cs_engine.state.database import Database
from cs_engine.state.migrations import version

_BATCH = 10_000


def copy(source: Database, target: Database) -> None:
    """Copies every table. A source without our tables is empty. Raises SettingsError when its schema is not the newest."""
    if source.is_missing:
        return
    with source.read() as reading:
        stands_at = version(reading)
        if not stands_at:
            return
        if stands_at != schema.HEAD:
            raise SettingsError(
                f"the database's schema is {stands_at}; {schema.HEAD} is wanted", "run `cs-engine run` once: it upgrades it"
            )
        if not (source.embedded and target.embedded):
            _row_by_row(source, target)
    if source.embedded and target.embedded:
        _page_by_page(source, target)
    with target.write() as writing:
        writing.run("UPDATE tick_holder SET holder = '', lease_until = 0")


def _row_by_row(source: Database, target: Database) -> None:
    with source.read() as reading, target.write() as writing:
        writing.run("DELETE FROM tick_holder")
        for table in schema.metadata.sorted_tables:
            names = table.columns.keys()
            for rows in reading.batches(f"SELECT {', '.join(names)} FROM {table.name}", _BATCH):
                writing.append(table, names, rows)


def _page_by_page(source: Database, target: Database) -> None:
    with source.engine.connect() as reading, target.engine.connect() as writing:
        pages_from = cast("sqlite3.Connection", reading.connection.driver_connection)
        pages_from.backup(cast("sqlite3.Connection", writing.connection.driver_connection))
