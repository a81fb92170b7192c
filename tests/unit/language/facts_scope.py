"""A scope over a small facts table, and that table in DuckDB: expressions are compiled against one and run on the other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import duckdb

from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.language.expressions import Column, Literal, NotHere, compile_condition, compile_scalar
from cs_engine.language.problems import Place, Problem, Problems
from cs_engine.language.scope import Asked

COLUMNS = {
    "account.plan": Type.TEXT,
    "account.name": Type.TEXT,
    "account.renewal_at": Type.INSTANT,
    "account.signed_up_at": Type.INSTANT,
    "account.churned": Type.BOOLEAN,
    "account.seats": Type.NUMBER,
    "account.mystery": Type.UNKNOWN,
    "changes_7d": Type.NUMBER,
    "areas_28d": Type.NUMBER,
    "quiet_days": Type.NUMBER,
    "usage_share": Type.NUMBER,
}
_VARS: dict[str, str | int | float | bool | None] = {"vars.limit": 3, "vars.plan": "team", "vars.nothing": None}
NOW = "2026-03-10 12:00:00+00"


class Since:
    def since(self, condition: Expression) -> Column:
        return Column(f"held_since:{condition.text}", Type.INSTANT, "(TIMESTAMPTZ '2026-03-01 12:00:00+00')")


class FactsScope:
    grain = Grain.ACCOUNT
    milestones = ("first_change", "habit")
    confirmed = ("habit",)
    segments = ("enterprise",)
    calendars = ("jp",)
    asked = Asked(
        {"kickoff.date": Column("answer:account/p/kickoff.date:time", Type.INSTANT), "survey.score": Column("answer:s", Type.NUMBER)},
        {"kickoff": Column("done:account/p/kickoff:date", Type.BOOLEAN), "survey": Column("done:s", Type.BOOLEAN)},
        ("welcome",),
    )
    begun = True
    events = None
    spells = Since()

    def resolve(self, name: str) -> Column | Literal | NotHere | None:
        if name in COLUMNS:
            return Column(name, COLUMNS[name])
        if name in _VARS:
            return Literal(_VARS[name])
        return NotHere("nps is not built yet") if name == "nps" else None

    def names(self) -> Collection[str]:
        return [*COLUMNS, *_VARS]


def condition(text: str) -> tuple[Expression | None, list[Problem]]:
    problems = Problems()
    made = compile_condition(text, Place("p.yaml", 1, 1).at, FactsScope(), problems)
    return made, list(problems)


def scalar(text: str, want: Type | None = None) -> tuple[Expression | None, list[Problem]]:
    problems = Problems()
    made = compile_scalar(text, Place("p.yaml", 1, 1).at, FactsScope(), problems, want)
    return made, list(problems)


@contextmanager
def facts(zone: str = "America/New_York") -> Iterator[duckdb.DuckDBPyConnection]:
    """account_facts with ordinary, blank and extreme rows, locked as in a tick."""
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{zone}'")
        connection.execute(f"SET VARIABLE now = TIMESTAMPTZ '{NOW}'")
        connection.execute("SET VARIABLE today = CAST(getvariable('now') AS DATE)")
        connection.execute(
            """CREATE TABLE account_facts ("account.plan" VARCHAR, "account.name" VARCHAR, "account.renewal_at" TIMESTAMPTZ,
            "account.signed_up_at" TIMESTAMPTZ, "account.churned" BOOLEAN, "account.seats" BIGINT, "account.mystery" VARCHAR,
            "changes_7d" BIGINT, "areas_28d" BIGINT, "quiet_days" BIGINT, "usage_share" DOUBLE,
            "reached:first_change" BOOLEAN, "reached:habit" BOOLEAN, "segment:enterprise" BOOLEAN)"""
        )
        connection.execute(
            """INSERT INTO account_facts VALUES
            ('team', '日本 ''社''', '2026-06-08 12:00+00', '2026-03-01 03:00+00', false, 10, '7', 5, 3, 0, 0.8, true, false, true),
            ('', '', '1970-01-01 00:00+00', '2027-01-01 12:00+00', true, 0, 'x', 0, 0, 0, 0, false, true, false),
            (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
            ('%_\\', repeat('x', 500), '9999-12-31 23:59:59+00', '0001-01-01 00:00+00', true, 9223372036854775807, '2026-01-01',
             9223372036854775807, -9223372036854775807, 9223372036854775807, 1.7e308, true, true, true)"""
        )
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def run(connection: duckdb.DuckDBPyConnection, expression: Expression) -> list[object]:
    """The expression's value in every row."""
    return [row[0] for row in connection.execute(f"SELECT {expression.sql} FROM account_facts").fetchall()]
