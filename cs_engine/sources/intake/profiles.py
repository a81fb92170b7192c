"""What calls said of accounts and contacts, laid over what their file or table says: traits are columns, the latest word counts.

Who stands in no file is added, as of the first call about them. Since when somebody is there, and of which account a contact is, the
file goes before: it is filled in where the file is blank. Values travel as text, and get the one type that all of a column have.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from cs_engine.instants import from_micros
from cs_engine.playbook.sources import AccountsSource, ContactsSource
from cs_engine.ports import Profile
from cs_engine.sources.intake.staging import Staged
from cs_engine.sources.outside.files import ParquetFile
from cs_engine.sources.sql import ZONED, listed, quoted

LEARNED = "#learned"
"""The column that says when the first call about somebody came; blank for who stands in the file."""

_ALIASES = {"createdAt": "since", "created_at": "since", "firstName": "given_name", "lastName": "family_name"}
"""Segment's own names of traits -> ours."""
_MOST_COLUMNS = 300
_SECONDS_IF_LESS = 100_000_000_000
"""A number that says a time: of seconds, or of milliseconds from there on."""

Source = AccountsSource | ContactsSource


def nobody(db: duckdb.DuckDBPyConnection, table: str, source: Source) -> Staged:
    """The rows of a source without a file: none, with the columns that it maps."""
    columns = {column: "VARCHAR" for _, column in source.mapped()}
    named = listed(f"{quoted(name)} VARCHAR" for name in columns)
    db.execute(f'CREATE OR REPLACE TABLE {quoted(table)} ("#file" SMALLINT, "#line" BIGINT, "#fault" VARCHAR, {named})')
    return Staged(table, columns, (), exact_lines=True)


def laid_over(db: duckdb.DuckDBPyConnection, staged: Staged, source: Source, profiles: Sequence[Profile]) -> Staged:
    """The staged rows with the profiles over them, as a table in their place. Contacts of no account, or of one that is not known, are
    left out: they come when it does.
    """
    names = dict(source.mapped())
    filled = {names["signed_up_at"] if isinstance(source, AccountsSource) else names["created_at"]}
    if isinstance(source, ContactsSource):
        filled.add(names["account"])
    said = [_row(profile, names, staged.columns) for profile in profiles]
    known = [*staged.columns, *(name for name in _further(said, staged.columns))]
    _stage(db, known, said, [profile.learned_at for profile in profiles])
    id = quoted(names["id"])
    where = ""
    if isinstance(source, ContactsSource):
        account = quoted(names["account"])
        where = f"WHERE f.{id} IS NOT NULL OR p.{account} IN (SELECT id FROM accounts)"
    shown = listed(_value(name, names["id"], filled, name in staged.columns) for name in known)
    table = f"{staged.table}_said"
    db.execute(
        f'CREATE OR REPLACE TABLE {quoted(table)} AS SELECT coalesce(f."#file", {len(staged.files)}) AS "#file", '
        f'coalesce(f."#line", p."#line") AS "#line", f."#fault", {shown}, '
        f"CASE WHEN f.{id} IS NULL THEN p.{quoted(LEARNED)} END AS {quoted(LEARNED)} "
        f"FROM {quoted(staged.table)} AS f FULL OUTER JOIN said AS p ON trim(CAST(f.{id} AS VARCHAR)) = p.{id} {where}"
    )
    staged.drop(db)
    db.execute("DROP TABLE said")
    columns = {**dict.fromkeys(known, "VARCHAR"), LEARNED: ZONED}
    return Staged(table, columns, (*staged.files, ParquetFile(Path(), "collector")), staged.exact_lines)


def _value(name: str, id: str, filled: set[str], there: bool) -> str:
    column = quoted(name)
    if not there:
        return f"p.{column}"
    of_file = f"CAST(f.{column} AS VARCHAR)"
    if name == id or name in filled:
        return f"coalesce(nullif(trim({of_file}), ''), p.{column}) AS {column}"
    return f"coalesce(p.{column}, {of_file}) AS {column}"


def _row(profile: Profile, names: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    """Column -> what is said of it."""
    since = "signed_up_at" if "signed_up_at" in names else "created_at"
    spelt = {column.lower(): column for column in columns}
    ours = {names["id"], names.get("account", "")}
    row: dict[str, str] = {}
    traits: dict[str, Any] = json.loads(profile.traits)
    for trait, value in traits.items():
        key = _ALIASES.get(trait, trait)
        key = since if key == "since" else key
        column = names.get(key) or spelt.get(key.lower(), key)
        if column in ours or not column.strip() or column.startswith("#") or "\0" in column:
            continue
        said = _time(value) if key == since else _text(value)
        if said is not None:
            row.setdefault(column, said)
    if names["name"] not in row and (parts := [str(traits[key]) for key in ("firstName", "lastName") if traits.get(key)]):
        row[names["name"]] = " ".join(parts)
    row.setdefault(names[since], from_micros(profile.learned_at).isoformat())
    row[names["id"]] = profile.id
    if "account" in names and profile.account_id:
        row[names["account"]] = profile.account_id
    return row


def _further(said: Sequence[Mapping[str, str]], columns: Mapping[str, str]) -> list[str]:
    """Columns that the file does not have, the most frequent; of names that differ in capitals alone one."""
    known = {name.lower() for name in columns}
    counted = Counter(name for row in said for name in row if name.lower() not in known)
    found: dict[str, str] = {}
    for name, _ in sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_COLUMNS]:
        found.setdefault(name.lower(), name)
    return list(found.values())


def _stage(db: duckdb.DuckDBPyConnection, columns: Sequence[str], said: Sequence[Mapping[str, str]], learned: Sequence[int]) -> None:
    """The table `said`: a row each, and its number."""
    names = {f"c{i}": name for i, name in enumerate(columns)}
    arrays = {key: np.array([row.get(name) for row in said], np.object_) for key, name in names.items()}
    db.register("given", {"line": np.arange(1, len(said) + 1), "learned": np.array(learned, np.int64), **arrays})
    shown = listed(f"CAST({key} AS VARCHAR) AS {quoted(name)}" for key, name in names.items())
    db.execute(
        f'CREATE OR REPLACE TABLE said AS SELECT line AS "#line", make_timestamptz(learned) AS {quoted(LEARNED)}, {shown} FROM given'
    )
    db.unregister("given")


def _text(value: Any) -> str | None:
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case str():
            return value.replace("\0", "")
        case dict() | list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _time(value: Any) -> str | None:
    """A time as text with an offset; None for what is none: then the first call says it."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value if value < _SECONDS_IF_LESS else value / 1000, UTC).isoformat()
        at = datetime.fromisoformat(str(value))
        if at.tzinfo is not None:
            return at.isoformat()
        return date.fromisoformat(str(value)).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
