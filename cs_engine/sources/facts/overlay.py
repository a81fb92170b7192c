"""What only our own tables know, as a table of each grain beside the facts: scattered to the rows of those who are there at now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from cs_engine.language.expression import Grain, Type
from cs_engine.ports import Overlay, Rows
from cs_engine.sources.sql import listed, quoted
from cs_engine.usage import facts_sql
from cs_engine.usage.answers import answers_in
from cs_engine.usage.names import (
    COUNTED,
    NPS,
    STREAK,
    Catalogue,
    claim_column,
    doubt_column,
    first_look_column,
    latch_column,
    stored_column,
)

SQL_TYPES = {Type.NUMBER: "DOUBLE", Type.BOOLEAN: "BOOLEAN", Type.INSTANT: "TIMESTAMPTZ"}
"""Of values that are no text."""

RowsOf = Callable[[Sequence[str]], Rows]
"""Subjects -> their rows, -1 for who is not there. Asked only where there is anything: it costs an index of all subjects."""


def put_overlay(db: duckdb.DuckDBPyConnection, catalogue: Catalogue, grain: Grain, rows_of: RowsOf, size: int, overlay: Overlay) -> None:
    """Makes the grain's table (`facts_sql.overlay`), of `size` rows. Subjects that are not there are left out."""
    shown = ['"#row"']
    table: dict[str, NDArray[Any]] = {"#row": np.arange(size)}
    numbers = overlay.account_numbers if grain is Grain.ACCOUNT else overlay.contact_numbers
    for name in COUNTED.keys() - {STREAK, NPS}:
        table[name] = _scattered(np.zeros(size), rows_of, *numbers.get(name, ([], [])))
        shown.append(quoted(name))
    table[NPS] = _scattered(np.full(size, np.nan), rows_of, *numbers.get(NPS, ([], [])))
    shown.append(f"CASE WHEN NOT isnan({quoted(NPS)}) THEN {quoted(NPS)} END AS {quoted(NPS)}")
    times = dict(overlay.held_since.get(grain, {}))
    if grain is Grain.ACCOUNT:
        times |= {latch_column(milestone): overlay.latched.get(milestone, ([], [])) for milestone in catalogue.milestones}
        for milestone in catalogue.confirmed:
            times[claim_column(milestone)] = overlay.claimed.get(milestone, ([], []))
            times[doubt_column(milestone)] = overlay.doubted.get(milestone, ([], []))
            look = first_look_column(milestone)
            table[look] = np.full(size, np.datetime64(0 if milestone in overlay.first_looks else "NaT", "us"))
            shown.append(f"timezone('UTC', {quoted(look)}) AS {quoted(look)}")
        for attribute in catalogue.attributes.stored:
            column = stored_column(attribute)
            table[column] = _scattered(np.full(size, None, dtype=object), rows_of, *overlay.account_values.get(attribute, ([], [])))
            # Typed: where nobody has any value DuckDB could not tell its type.
            kind = SQL_TYPES.get(catalogue.attributes.account[attribute], "VARCHAR")
            shown.append(f"CAST({quoted(column)} AS {kind}) AS {quoted(column)}")
    for column, (subjects, micros) in times.items():
        never = np.full(size, np.datetime64("NaT", "us"))
        table[column] = _scattered(never, rows_of, subjects, np.asarray(micros, "datetime64[us]"))
        shown.append(f"timezone('UTC', {quoted(column)}) AS {quoted(column)}")
    answers = overlay.answers.get(grain, {})
    shown += map(_answered, answers)
    db.register("given", table)
    db.register("told", _told(answers, rows_of))
    beside = f'LEFT JOIN ({_by_row(answers)}) AS t ON t."#at" = given."#row"' if answers else ""
    db.execute(f"CREATE TABLE {facts_sql.overlay(grain)} AS SELECT {listed(shown)} FROM given {beside}")
    db.unregister("told")
    db.unregister("given")


def _scattered(column: NDArray[Any], rows_of: RowsOf, ids: Sequence[str], values: Sequence[float] | NDArray[Any]) -> NDArray[Any]:
    if not ids:
        return column
    rows = rows_of(ids)
    there = rows >= 0
    column[rows[there]] = np.asarray(values, column.dtype)[there]
    return column


def _told(answers: Mapping[str, tuple[list[str], list[str]]], rows_of: RowsOf) -> dict[str, NDArray[Any]]:
    """The answers, one a line: of many columns most are blank nearly everywhere."""
    rows = [rows_of(subjects) if subjects else np.zeros(0, np.int64) for subjects, _ in answers.values()]
    return {
        "#at": np.concatenate([np.zeros(0, np.int64), *rows]),
        "no": np.repeat(np.arange(len(rows)), [len(of) for of in rows]),
        "value": np.array([value for _, values in answers.values() for value in values], dtype=object),
    }


def _by_row(answers: Mapping[str, object]) -> str:
    """SELECT of those lines with a column for each."""
    columns = listed(f'max(CAST("value" AS VARCHAR)) FILTER ("no" = {no}) AS {quoted(column)}' for no, column in enumerate(answers))
    return f'SELECT "#at", {columns} FROM told GROUP BY "#at"'


def _answered(column: str) -> str:
    """The column of what was answered, typed. Answers were checked when they came; what today's types do not take is blank."""
    found = answers_in(column)
    assert found is not None
    name = quoted(column)
    if found.type is Type.INSTANT:  # a day: its beginning in the project's zone
        return f"CAST(TRY_CAST({name} AS DATE) AS TIMESTAMPTZ) AS {name}"
    typed = f"TRY_CAST({name} AS {SQL_TYPES.get(found.type, 'VARCHAR')})"
    return f"coalesce({typed}, false) AS {name}" if found.done else f"{typed} AS {name}"
