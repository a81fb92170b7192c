"""What a statement looks at does not grow with a source's columns."""

from __future__ import annotations

from typing import Any, cast

import duckdb

from cs_engine.language.expression import Type
from cs_engine.sources.intake.columns import infer


class Asked:
    """A connection that remembers how long what it was asked is."""

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self._db, self.lengths = db, list[int]()

    def execute(self, statement: str, *more: Any) -> duckdb.DuckDBPyConnection:
        self.lengths.append(len(statement))
        return self._db.execute(statement, *more)


def longest(number: int) -> int:
    """Of the statements that find the types of so many columns."""
    names = [f"k{100 + i}" for i in range(number)]
    with duckdb.connect() as db:
        values = ", ".join(f"'7' AS {name}" for name in names)
        db.execute(f"CREATE TABLE t AS SELECT {values}")
        asked = Asked(db)
        found = infer(cast("duckdb.DuckDBPyConnection", asked), "t", dict.fromkeys(names, "VARCHAR"), "true", "UTC")
        assert {column.type for column in found.values()} == {Type.NUMBER}
        return max(asked.lengths)


def test_columns_are_looked_at_a_few_in_a_statement() -> None:
    """DuckDB plans a statement in time by the square of its columns: two hundred at once took half a minute."""
    assert longest(200) == longest(40)
