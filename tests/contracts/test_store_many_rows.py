"""The database's bulk verbs: however many rows there are, each goes in once, is counted, and is undone with the rest."""

from __future__ import annotations

import pytest

from cs_engine.state import SqlStore, schema
from cs_engine.state.database import RowRefused, Tx

COLUMNS = ("enrolment_id", "kept")
MANY = 250
"""So many rows of two columns are one statement on SQLite."""


def rows(first: int, end: int, kept: str | None = "{}") -> list[tuple[str, str | None]]:
    return [(f"enr_{n:05}", kept) for n in range(first, end)]


def there(tx: Tx) -> list[tuple[str, str]]:
    return [(id, kept) for id, kept in tx.rows("SELECT enrolment_id, kept FROM kept_at_entry ORDER BY enrolment_id")]


@pytest.mark.parametrize("number", [1, MANY - 1, MANY, MANY + 1, 3 * MANY + 7])
def test_any_number_of_rows_goes_in_and_what_is_there_is_left_out(store: SqlStore, number: int) -> None:
    table, half = schema.kept_at_entry, number // 2
    with store.database.write() as tx:
        tx.append(table, COLUMNS, rows(0, half))
        assert tx.insert_new(table, COLUMNS, rows(0, number, "new")) == {id for id, _ in rows(0, half)}
        assert tx.insert_or_leave(table, COLUMNS, rows(0, number + 2, "newer"), "enrolment_id") == 2
        assert there(tx) == [*rows(0, half), *rows(half, number, "new"), *rows(number, number + 2, "newer")]
        tx.upsert(table, COLUMNS, rows(0, number, "last"), "ON CONFLICT (enrolment_id) DO UPDATE SET kept = excluded.kept")
        assert there(tx) == [*rows(0, number, "last"), *rows(number, number + 2, "newer")]


@pytest.mark.parametrize("refused", [0, MANY - 1, MANY + 1, 3 * MANY])
def test_a_row_that_is_refused_undoes_all_of_its_transaction(store: SqlStore, refused: int) -> None:
    given = rows(0, 3 * MANY + 1)
    given[refused] = (given[refused][0], None)
    with pytest.raises(RowRefused), store.database.write() as tx:
        tx.append(schema.kept_at_entry, COLUMNS, given)
    with store.database.read() as tx:
        assert there(tx) == []
