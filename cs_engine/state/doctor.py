"""What `cs-engine doctor` can say of the database."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from cs_engine.state.database import Tx
from cs_engine.state.migrations import version
from cs_engine.state.schema import HEAD

_RACE_FIXED_IN = {(3, 50): (3, 50, 7), (3, 44): (3, 44, 6)}
"""Older lines of SQLite that got the fix too."""


@dataclass(frozen=True, slots=True)
class DoctorFacts:
    database: str
    """`SQLite 3.51.3`, `PostgreSQL 18.4`."""
    schema: str
    """The migration it stands at; '' when it has none of our tables."""
    head: str
    """The migration this cs-engine wants."""
    warnings: tuple[tuple[str, str], ...]
    """(what is wrong, how to mend it)."""


def facts(tx: Tx) -> DoctorFacts:
    stands_at = version(tx)
    warnings = []
    if stands_at != HEAD:
        warnings.append((f"the database's schema is {stands_at or 'not made yet'}; {HEAD} is wanted", "cs-engine run makes or upgrades it"))
    if tx.embedded:
        if has_reset_race(sqlite3.sqlite_version_info):
            warnings.append(
                (
                    f"SQLite {sqlite3.sqlite_version} can, very rarely, corrupt a database that two processes write (WAL-reset race)",
                    "use a Python with SQLite 3.51.3, 3.50.7 or 3.44.6, or PostgreSQL",
                )
            )
        return DoctorFacts(f"SQLite {sqlite3.sqlite_version}", stands_at, HEAD, tuple(warnings))
    row = tx.row("SELECT current_setting('server_version')")
    return DoctorFacts(f"PostgreSQL {str(row[0]).split()[0] if row else ''}", stands_at, HEAD, tuple(warnings))


def has_reset_race(version: tuple[int, ...]) -> bool:
    """SQLite 3.7.0 to 3.51.2, but for the lines that were mended."""
    mended = _RACE_FIXED_IN.get((version[0], version[1]))
    return (3, 7, 0) <= version <= (3, 51, 2) and (mended is None or version < mended)
