"""What is taken in a sync and looks wrong all the same: each is told with a place, and without its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import duckdb

from cs_engine.sources.intake import columns as cols
from cs_engine.sources.intake.staging import Staged
from cs_engine.sources.sql import quoted

_PLACE = 'SELECT count(*), arg_min({f: "#file", l: "#line"}, '


def odd_values(db: duckdb.DuckDBPyConnection, staged: Staged, taken: Mapping[str, cols.Column]) -> dict[str, str]:
    """Column -> which values made it text, of those of which almost all values are of another type."""
    found = {}
    for name, almost in ((name, column.almost) for name, column in taken.items() if column.almost is not None):
        value, odd = cols.clean_text(name, staged.columns[name]), cols.odd_one(name, almost)
        rows = f'FROM {quoted(staged.table)} WHERE "#fault" IS NULL AND {value} IS NOT NULL'
        total = db.execute(f"SELECT count(*) {rows}").fetchall()[0][0]
        n, first = db.execute(f'{_PLACE}("#file", "#line")) {rows} AND {odd}').fetchall()[0]
        found[name] = f"{n:,} of {total:,} values {'is' if n == 1 else 'are'} no {almost}: {_place(staged, first)}"
    return found


def odd_times(db: duckdb.DuckDBPyConnection, table: str, staged: Staged, now: datetime) -> Iterator[str]:
    """Checked events that a wrong clock may have dated. `now`: by the wall. The table `accounts` is there."""
    since = '(SELECT "#no", signed_up_at - INTERVAL 1 YEAR AS "#since" FROM accounts) AS a'
    future = f"FROM {quoted(table)} WHERE \"at\" > TIMESTAMPTZ '{now.isoformat()}'"
    past = f'FROM {quoted(table)} AS e JOIN {since} ON a."#no" = e."#account" WHERE e."at" < a."#since"'
    for rows, said in (
        (future, "after now: counted when the time has come"),
        (past, "a year or more before the sign-up: counted as it says"),
    ):
        n, first = db.execute(f'{_PLACE}"at") {rows} AND "#fault" IS NULL').fetchall()[0]
        if n:
            yield f"{n:,} lie{'s' if n == 1 else ''} {said}; is a clock wrong? {_place(staged, first)}"


def _place(staged: Staged, row: Mapping[str, int]) -> str:
    return f"{staged.files[row['f']].label}:{row['l']}"
