"""How the values of columns lie over a facts table: two queries for all columns of it, however many rows it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb

from cs_engine.instants import from_micros
from cs_engine.language.expression import Type
from cs_engine.ports import Spread
from cs_engine.sources.sql import listed, quoted

BARS = 12
_TAIL = 0.99
"""The bars reach up to this quantile; what lies beyond, the few that are very large, is counted in the last."""


def spreads(db: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Type]) -> dict[str, Spread]:
    """Column -> how its values lie."""
    if not columns:
        return {}
    measured = {name: kind for name, kind in columns.items() if kind is not Type.TEXT}
    parts = {name: _summary(name, kind, measured) for name, kind in columns.items()}
    row = db.execute(f"SELECT count(*), {listed(parts.values())} FROM {table}").fetchall()[0]
    total, found = int(row[0]), dict(zip(columns, row[1:], strict=True))
    bars = _bars(db, table, {name: found[name] for name in measured if found[name]["n"]}, columns)
    return {name: _spread(total, found[name], kind, bars.get(name, ())) for name, kind in columns.items()}


def _number(name: str, kind: Type) -> str:
    """The column as a number: microseconds of times, 1 and 0 of yes and no; blank where it is none, as after an overflow."""
    column = quoted(name)
    if kind is Type.INSTANT:
        return f"CAST(epoch_us({column}) AS DOUBLE)"
    return f"CASE WHEN isfinite(CAST({column} AS DOUBLE)) THEN CAST({column} AS DOUBLE) END"


def _summary(name: str, kind: Type, measured: Mapping[str, Type]) -> str:
    if name not in measured:
        return f"{{'n': count({quoted(name)}), 'distinct': count(DISTINCT {quoted(name)})}}"
    value = _number(name, kind)
    return (
        f"{{'n': count({value}), 'zeros': count(*) FILTER ({value} = 0), 'least': min({value}), 'most': max({value}), "
        f"'at': quantile_disc({value}, [0.5, 0.9, {_TAIL}])}}"
    )


def _bars(db: duckdb.DuckDBPyConnection, table: str, found: Mapping[str, Any], columns: Mapping[str, Type]) -> dict[str, tuple[int, ...]]:
    """How many values lie in each of as many equal steps; nothing for a column whose values are all one."""
    asked = {}
    for name, summary in found.items():
        least = summary["least"]
        top = summary["at"][2] if summary["at"][2] > least else summary["most"]
        if top > least:
            step = f"least({BARS - 1}, floor(({_number(name, columns[name])} - {least!r}) / {top - least!r} * {BARS}))"
            asked[name] = f"histogram(CAST({step} AS INTEGER))"
    if not asked:
        return {}
    row = db.execute(f"SELECT {listed(asked.values())} FROM {table}").fetchall()[0]
    return {name: tuple(int(counts.get(i, 0)) for i in range(BARS)) for name, counts in zip(asked, row, strict=True)}


def _spread(rows: int, summary: Mapping[str, Any], kind: Type, bars: tuple[int, ...]) -> Spread:
    n = int(summary["n"])
    if kind is Type.TEXT:
        return Spread(rows, rows - n, 0, distinct=int(summary["distinct"]))
    if not n:
        return Spread(rows, rows, 0)
    median, p90, _ = summary["at"]
    least, median, p90, most = (
        from_micros(int(v)) if kind is Type.INSTANT else v for v in (summary["least"], median, p90, summary["most"])
    )
    return Spread(rows, rows - n, 0 if kind is Type.INSTANT else int(summary["zeros"]), least, median, p90, most, bars)
