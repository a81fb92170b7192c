"""Single people in what was synced: shown, and blanked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from cs_engine.sources.duck import reading_room
from cs_engine.sources.sets import history
from cs_engine.sources.sets.snapshot import UsageSet
from cs_engine.sources.sql import listed, quoted, text

_KEPT = frozenset({"#no", "#account", "id", "account"})
"""What events need of a contact to be its own."""
_NEVER = "TIMESTAMPTZ '9000-01-01 00:00:00+00'"
"""When who is forgotten is there from: facts of any now pass them by, so that nobody's playbook takes them in."""


def rows(usage: UsageSet, contacts: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Source -> its rows of these contacts, as plain values; times in ISO 8601."""
    found: dict[str, list[dict[str, Any]]] = {}
    with reading_room("UTC") as db:
        for source, file, column in _files(usage):
            picked = _picked(db, file, column, contacts)
            if picked:
                found[source] = [*found.get(source, []), *picked]
    return found


def addresses(usage: UsageSet) -> list[tuple[str, str]]:
    """(id, address or '') of all contacts that are not forgotten."""
    there = f"created_at IS DISTINCT FROM {_NEVER}"
    with reading_room("UTC") as db:
        return db.execute(f"SELECT id, coalesce(email, '') FROM read_parquet({text(usage.contacts)}) WHERE {there}").fetchall()


def forget(usage: UsageSet, contacts: Collection[str]) -> None:
    """Writes the contacts anew with theirs blanked, in the place of the old ones at once: rows and their numbers stay as they are."""
    aside = usage.contacts.with_suffix(".forgetting")
    with reading_room("UTC") as db:
        columns, kept = [quoted(name) for name in _columns(db, usage.contacts)], {quoted(name) for name in _KEPT}
        instead = {quoted("created_at"): f"ELSE {_NEVER} "}
        shown = listed(
            name if name in kept else f"CASE WHEN NOT list_contains($1, id) THEN {name} {instead.get(name, '')}END AS {name}"
            for name in columns
        )
        db.execute(
            f'COPY (SELECT {shown} FROM read_parquet({text(usage.contacts)}) ORDER BY "#no") '
            f"TO {text(aside)} (FORMAT parquet, COMPRESSION snappy)",
            [list(contacts)],
        )
        history.forget(db, usage.history, contacts)
    aside.replace(usage.contacts)


def _files(usage: UsageSet) -> list[tuple[str, Path, str]]:
    """(source, file, the column that names a contact)."""
    of_events = [(source, usage.events(source, segment), "contact") for source, segments in usage.segments.items() for segment in segments]
    touched = [("touches", usage.touches, "contact")] if usage.touches.exists() else []
    before = [("history", usage.history, "id")] if usage.history.exists() else []
    return [("contacts", usage.contacts, "id"), *before, *of_events, *touched]


def _picked(db: duckdb.DuckDBPyConnection, file: Path, column: str, contacts: Collection[str]) -> list[dict[str, Any]]:
    names = [name for name in _columns(db, file) if not name.startswith("#")]
    if column not in names:
        return []
    shown = listed(quoted(name) for name in names)
    picked = db.execute(
        f"SELECT {shown} FROM read_parquet({text(file)}) WHERE list_contains($1, {quoted(column)})", [list(contacts)]
    ).fetchall()
    return [{name: _plain(value) for name, value in zip(names, row, strict=True) if value is not None} for row in picked]


def _columns(db: duckdb.DuckDBPyConnection, file: Path) -> list[str]:
    return [str(row[0]) for row in db.execute(f"DESCRIBE SELECT * FROM read_parquet({text(file)})").fetchall()]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value if isinstance(value, str | int | float | bool) else str(value)
