"""Types of columns: what a raw column becomes when it is taken in.

Text of CSV is typed by all its values, not by a sample: a column is a number, a time or yes/no when every value of it is one.
Plain dates (2026-01-31, or year first as 2026/1/31) are the beginning of that day in the project's zone. Times without one are of the zone
that their source names; where it names none, those of columns that nobody mapped are of the project's, and others no times.
A leading zero keeps text text (`007` is a name), and so do more than 18 digits: as numbers two such ids would be one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from cs_engine.language.expression import Type
from cs_engine.sources.sql import listed, quoted, text

_WHOLE = r"-?(0|[1-9][0-9]{0,17})"
_NUMBER = r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?"
_ISO, _SLASHED = "[0-9]{4}-[0-9]{2}-[0-9]{2}", "[0-9]{4}/[0-9]{1,2}/[0-9]{1,2}"
_DATE = f"({_ISO}|{_SLASHED})"
_CLOCK = f"({_ISO}[T ][0-9]{{2}}|{_SLASHED}[T ][0-9]{{1,2}})" + r":[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
_ZONED = _CLOCK + r" ?([Zz]|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"

_SAMPLE = 1_000
_AT_ONCE = 16
"""Columns that one statement looks at: planning one takes time by the square of them."""
_MOST = 0.8
"""A column of text of which more values than that are of another type was meant as one of that type."""
_ALMOST = {"number": Type.NUMBER, "time": Type.INSTANT, "yes_no": Type.BOOLEAN}
_FIRST, _LAST = "TIMESTAMPTZ '0001-01-01 00:00:00+00'", "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"
"""What a calendar can say."""

_WHOLE_KINDS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_LARGE_KINDS = {"HUGEINT", "UBIGINT", "UHUGEINT"}
_FLOAT_KINDS = {"FLOAT", "DOUBLE"}
"""These have what is no number, and tools write it for what is missing: it would be above every limit."""
NO_ZONE = "has no zone"
NO_TIME = "is no time"
"""How the fault of a time ends that does not say its offset."""
_ZONED_KIND = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is taken in: SQL over the raw table, and the type that authors see."""

    sql: str
    type: Type
    almost: Type | None = None
    """Of text: what all of its values but a few are. One value makes the whole column text, and whoever reads it as numbers should know."""


def possible(sql: str) -> str:
    """A time, NULL where no calendar has it: before the year 1, after 9999, or the infinity that databases write for `never`."""
    return f"CASE WHEN {sql} BETWEEN {_FIRST} AND {_LAST} THEN {sql} END"


def clean_text(name: str, kind: str) -> str:
    """The column as trimmed text, NULL where blank. NUL bytes are left out: no database takes them, and nobody sees them."""
    if kind == "VARCHAR":
        raw = f"replace({quoted(name)}, chr(0), '')"
        # `trim` knows the spaces of all scripts, and no tabs: few values have any.
        without = f"regexp_replace({raw}, '^\\s+|\\s+$', '', 'g')"
        return f"nullif(trim(CASE WHEN {raw}[1] < ' ' OR {raw}[-1] < ' ' THEN {without} ELSE {raw} END), '')"
    raw = f"CAST({quoted(name)} AS VARCHAR)"
    if kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL"):
        # An id that somebody's tool has made a float of, because some are missing, is still that id.
        raw = f"regexp_replace({raw}, '\\.0+$', '')"
    return f"nullif(trim(replace({raw}, chr(0), '')), '')"


def blank(name: str, kind: str) -> str:
    """SQL of whether there is no value."""
    # As text a time costs many times as much.
    return f"{quoted(name)} IS NULL" if kind == "DATE" or kind.startswith("TIMESTAMP") else f"{clean_text(name, kind)} IS NULL"


def instant(name: str, kind: str, zone: str | None) -> str:
    """The column as TIMESTAMPTZ; NULL where blank, and where it is no time or has no zone (see `instant_fault`).

    `zone`: whose times those are that do not say their offset; None where that is not known.
    """
    if kind == _ZONED_KIND:
        return possible(quoted(name))
    if kind == "DATE":
        return possible(f"CAST({quoted(name)} AS TIMESTAMPTZ)")
    if kind == "VARCHAR":
        value = clean_text(name, kind)
        here = f"WHEN regexp_full_match({value}, '{_CLOCK}') THEN {possible(_in_zone(value, zone))} " if zone is not None else ""
        return f"CASE WHEN regexp_full_match({value}, '{_ZONED}|{_DATE}') THEN {possible(f'TRY_CAST({value} AS TIMESTAMPTZ)')} {here}END"
    if kind.startswith("TIMESTAMP") and zone is not None:
        return possible(_in_zone(quoted(name), zone))
    return "CAST(NULL AS TIMESTAMPTZ)"


def _in_zone(sql: str, zone: str) -> str:
    """A time without an offset as one of that zone."""
    return f"timezone({text(zone)}, TRY_CAST({sql} AS TIMESTAMP))"


def _own_instant(sql: str, kind: str, zone: str | None) -> str:
    """The same of a column of which every value is a time, in whatever form: the project's zone is taken where none is known."""
    if zone is None or kind in (_ZONED_KIND, "DATE"):
        return possible(f"CAST({sql} AS TIMESTAMPTZ)")
    if kind != "VARCHAR":
        return possible(_in_zone(sql, zone))
    return possible(f"CASE WHEN regexp_full_match({sql}, '{_CLOCK}') THEN {_in_zone(sql, zone)} ELSE CAST({sql} AS TIMESTAMPTZ) END")


def instant_fault(name: str, kind: str, zone: str | None) -> str:
    """SQL of what is wrong with a time, as text without its value; NULL where nothing is (blank is nothing wrong)."""
    if kind in (_ZONED_KIND, "DATE"):
        return f"CASE WHEN {quoted(name)} IS NOT NULL AND {instant(name, kind, zone)} IS NULL THEN '{_word(name)} {NO_TIME}' END"
    if kind.startswith("TIMESTAMP"):
        if zone is not None:
            return f"CASE WHEN {quoted(name)} IS NOT NULL AND {instant(name, kind, zone)} IS NULL THEN '{_word(name)} {NO_TIME}' END"
        return f"CASE WHEN {quoted(name)} IS NOT NULL THEN '{_word(name)} {NO_ZONE}' END"
    value = clean_text(name, kind)
    zoneless = f"regexp_full_match({value}, '{_CLOCK}')" if zone is None else "false"
    return (
        f"CASE WHEN {value} IS NULL OR {instant(name, kind, zone)} IS NOT NULL THEN NULL "
        f"WHEN {zoneless} THEN '{_word(name)} {NO_ZONE}' ELSE '{_word(name)} {NO_TIME}' END"
    )


def _word(name: str) -> str:
    return name.replace("'", "''")


def infer(db: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str], where: str, zone: str | None) -> dict[str, Column]:
    """How each of the columns is taken in, by its values in the rows where `where` holds."""
    found = {name: _by_kind(name, kind, zone) for name, kind in columns.items() if kind != "VARCHAR"}
    rows = f"FROM {quoted(table)} WHERE {where}"
    left = [name for name, kind in columns.items() if kind == "VARCHAR"]
    # What is plain text among the first rows need not be read through.
    for read in (f"FROM (SELECT * {rows} LIMIT {_SAMPLE})", rows):
        looked = 0
        for begin in range(0, len(left), _AT_ONCE):
            some = left[begin : begin + _AT_ONCE]
            values = listed(f"{clean_text(name, 'VARCHAR')} AS v{i}" for i, name in enumerate(some))
            forms = listed(_census(f"v{i}") for i in range(len(some)))
            looked, *counted = db.execute(f"SELECT count(*), {forms} FROM (SELECT {values} {read})").fetchall()[0]
            found |= {name: _by_census(name, census, zone) for name, census in zip(some, counted, strict=True)}
        left = [name for name in left if found[name].type is not Type.TEXT] if looked >= _SAMPLE else []
    return {name: found[name] for name in columns}


def _by_kind(name: str, kind: str, zone: str | None) -> Column:
    column = quoted(name)
    if kind == "BOOLEAN":
        return Column(column, Type.BOOLEAN)
    if kind in _WHOLE_KINDS:
        return Column(f"CAST({column} AS BIGINT)", Type.NUMBER)
    if kind in _FLOAT_KINDS:
        return Column(f"CASE WHEN isfinite({column}) THEN CAST({column} AS DOUBLE) END", Type.NUMBER)
    if kind in _LARGE_KINDS or kind.startswith("DECIMAL"):
        return Column(f"CAST({column} AS DOUBLE)", Type.NUMBER)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return Column(_own_instant(column, kind, zone), Type.INSTANT)
    return Column(clean_text(name, kind), Type.TEXT)


def _census(value: str) -> str:
    """SQL of how many values there are, and how many are of each form. `value`: a column of clean text."""
    forms = {
        "n": f"count({value})",
        "yes_no": _count(f"lower({value}) IN ('true', 'false')"),
        "whole": _count(f"regexp_full_match({value}, '{_WHOLE}')"),
        "number": _count(f"regexp_full_match({value}, '{_NUMBER}')"),
        "time": _count(f"regexp_full_match({value}, '{_ZONED}|{_CLOCK}|{_DATE}') AND TRY_CAST({value} AS TIMESTAMPTZ) IS NOT NULL"),
    }
    return "{" + listed(f"'{form}': {sql}" for form, sql in forms.items()) + "}"


def _count(condition: str) -> str:
    return f"count(*) FILTER ({condition})"


def _by_census(name: str, census: Mapping[str, int], zone: str | None) -> Column:
    value, n = clean_text(name, "VARCHAR"), census["n"]
    if n == 0:
        # Nothing is known of it yet: conditions over it are not refused, they are not true.
        return Column(value, Type.UNKNOWN)
    if census["yes_no"] == n:
        return Column(f"CAST({value} AS BOOLEAN)", Type.BOOLEAN)
    if census["whole"] == n:
        return Column(f"CAST({value} AS BIGINT)", Type.NUMBER)
    if census["number"] == n:
        return Column(f"CAST({value} AS DOUBLE)", Type.NUMBER)
    if census["time"] == n:
        return Column(_own_instant(value, "VARCHAR", zone), Type.INSTANT)
    form = max(("number", "time", "yes_no"), key=lambda form: census[form])
    return Column(value, Type.TEXT, _ALMOST[form] if census[form] > _MOST * n else None)


def odd_one(name: str, almost: Type) -> str:
    """SQL over the raw rows of whether a value of that column of text is not what almost all of them are."""
    forms = {Type.NUMBER: _NUMBER, Type.INSTANT: f"{_ZONED}|{_CLOCK}|{_DATE}", Type.BOOLEAN: "(?i)true|false"}
    return f"NOT regexp_full_match({clean_text(name, 'VARCHAR')}, '{forms[almost]}')"


def blanks(db: duckdb.DuckDBPyConnection, prefix: str, relation: str, names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """`<prefix>.<name>` -> (rows without a value, rows), for those that have any."""
    wanted = list(names)
    row = db.execute(f"SELECT count(*), {listed(f'count({quoted(name)})' for name in wanted)} FROM {relation}").fetchone()
    assert row is not None
    total = int(row[0])
    return {f"{prefix}.{name}": (total - int(n), total) for name, n in zip(wanted, row[1:], strict=True) if n < total}
