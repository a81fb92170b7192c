"""Conditions over values that the journal kept: what was true then, whatever is so by now."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np

from cs_engine.language.expression import OF_PASSAGE, Expression, Type
from cs_engine.language.scope import pointer
from cs_engine.ports import Mask
from cs_engine.sources.facts.tables import Tables
from cs_engine.sources.sql import listed, quoted
from cs_engine.usage.answers import said

_SQL = {Type.NUMBER: "DOUBLE", Type.BOOLEAN: "BOOLEAN", Type.INSTANT: "TIMESTAMPTZ"}


def judged(tables: Tables, conditions: Sequence[Expression], seen: Sequence[str]) -> list[Mask] | None:
    """Implements `ports.Facts.judged`. All conditions in one query."""
    try:
        columns = [_column(tables, condition, name) for condition in conditions for name in condition.names]
    except KeyError:
        return None
    for condition in conditions:
        tables.tell(condition.sql)
    given = {"#i": np.arange(len(seen)), "#seen": np.array([one or "{}" for one in seen], dtype=object)}
    asked = listed(f"coalesce(TRY({condition.sql}), false)" for condition in conditions)
    inner = listed(['"#i"', '"#seen" AS "#kept"', *dict.fromkeys(column for column in columns if column)])
    tables.db.register("seen_values", given)
    try:
        found = tables.db.execute(f'SELECT {asked} FROM (SELECT {inner} FROM seen_values) ORDER BY "#i"').fetchall()
    except duckdb.Error:
        return None
    finally:
        tables.db.unregister("seen_values")
    return [np.array(column, np.bool_) for column in zip(*found, strict=True)]


def _column(tables: Tables, condition: Expression, name: str) -> str:
    """A kept value as the column that the condition reads; '' for what it reads of the whole itself."""
    if name.startswith(OF_PASSAGE):
        return ""
    kind = _SQL.get(tables.type_of(condition.grain, name), "VARCHAR")
    return f'TRY_CAST(json_extract_string("#seen", {pointer(said(name))}) AS {kind}) AS {quoted(name)}'
