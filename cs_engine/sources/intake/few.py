"""Which words the columns of accounts and contacts are made of, where these are few: what `check` holds conditions against.

Of nobody's name, address or number anything is kept: not of columns that are called so, nor of those whose values are often one row's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import duckdb

from cs_engine.language.expression import Type
from cs_engine.sources.sql import listed, quoted

_MOST = 50
"""A column with more values says something of each row."""
_ROWS_A_VALUE = 2
_LONGEST = 60
_LARGEST_TEAM = 500
_FIRST = 2_000
"""Rows that tell, for most columns, that there are too many."""
_PERSONAL = re.compile(
    r"(^|_)(id|ids|key|name|names|e?mail|csm|owner|phone|tel|mobile|fax|address|street|zip|postal|birth|url|note|notes|comment)(_|$)"
)


def few_values(db: duckdb.DuckDBPyConnection, prefix: str, relation: str, columns: Mapping[str, Type]) -> dict[str, tuple[str, ...]]:
    """`<prefix>.<column>` -> all its values, of text with few of them. `relation`: the checked rows, under the names that authors use."""
    names = [name for name, kind in columns.items() if kind is Type.TEXT and not _PERSONAL.search(_words(name))]
    looked = _FIRST
    for read in (f"(FROM {quoted(relation)} LIMIT {_FIRST})", quoted(relation)):
        if names and looked >= _FIRST:  # fewer are all that there are
            counted = listed(f"count(DISTINCT {quoted(name)})" for name in names)
            looked, *counts = db.execute(f"SELECT count(*), {counted} FROM {read}").fetchall()[0]
            names = [name for name, n in zip(names, counts, strict=True) if n <= _MOST]
    found = {}
    for name in names:
        column = quoted(name)
        rows = db.execute(f"SELECT {column}, count(*) FROM {quoted(relation)} WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 1").fetchall()
        if rows and sum(n for _, n in rows) >= _ROWS_A_VALUE * len(rows) and all(len(v) <= _LONGEST and "@" not in v for v, _ in rows):
            found[f"{prefix}.{name}"] = tuple(value for value, _ in rows)
    return found


def locales(db: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Languages of the checked accounts and contacts, where the sources have them."""
    found: set[str] = set()
    for table in ("accounts", "contacts"):
        columns = {row[0] for row in db.execute(f"DESCRIBE {table}").fetchall()}
        if "locale" in columns:
            found |= {row[0] for row in db.execute(f"SELECT DISTINCT locale FROM {table} WHERE locale <> ''").fetchall()}
    return tuple(sorted(found))


def no_zones(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """What the checked accounts and contacts have for a time zone and is none -> how many of them."""
    found: Counter[str] = Counter()
    for table in ("accounts", "contacts"):
        columns = {row[0] for row in db.execute(f"DESCRIBE {table}").fetchall()}
        if "timezone" in columns:
            grouped = f"SELECT timezone, count(*) FROM {table} WHERE timezone <> '' GROUP BY 1 ORDER BY 1 LIMIT {_FIRST}"
            found.update(dict(db.execute(grouped).fetchall()))
    return {zone: n for zone, n in found.items() if not _is_zone(zone)}


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def csms(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Who is CSM of how many of the checked accounts; nothing where there are more of them than a team has."""
    most = f"ORDER BY 1 LIMIT {_LARGEST_TEAM + 1}"
    found = db.execute(f"SELECT csm, count(*) FROM accounts WHERE csm IS NOT NULL GROUP BY 1 {most}").fetchall()
    return dict(found) if len(found) <= _LARGEST_TEAM else {}


def _words(name: str) -> str:
    """billingContactName -> billing_contact_name"""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|[^A-Za-z0-9]+", "_", name).lower()
