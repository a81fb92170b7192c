"""What is called impossible is: over every row of a small world, and over conditions of every kind."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cs_engine.language.possible import possible
from tests.unit.language.facts_scope import condition, facts, run
from tests.unit.language.test_language_expressions_random import _condition as anything

_OPERATORS = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
_NUMBERS = st.sampled_from(["changes_7d", "account.seats", "0", "1", "2", "1.5", "-1", "coalesce(changes_7d, 1)", "account.seats + 1"])
_TEXTS = st.sampled_from(["account.plan", "account.name", "'a'", "'b'", "''", "lower(account.plan)"])
_TIMES = st.sampled_from(["account.renewal_at", "account.signed_up_at", "'2026-01-01'", "'2026-03-01'", "'2026-03-01 12:00'", "now()"])
_ASKED = st.one_of(
    *(st.tuples(of, _OPERATORS, of).map(" ".join) for of in (_NUMBERS, _TEXTS, _TIMES)),
    *(st.tuples(of, st.sampled_from(["in", "not in"]), of, of).map("{0[0]} {0[1]} ({0[2]}, {0[3]})".format) for of in (_NUMBERS, _TEXTS)),
    *(st.tuples(of, of, of).map("{0[0]} between {0[1]} and {0[2]}".format) for of in (_NUMBERS, _TEXTS)),
    st.tuples(_NUMBERS, st.sampled_from(["is null", "is not null", "is distinct from 1", "is not distinct from 1"])).map(" ".join),
    st.sampled_from(["account.churned", "account.churned is true", "account.churned is not false", "account.churned = false", "true"]),
)
CONDITIONS = st.recursive(
    _ASKED,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: " and ".join(f"({p})" for p in parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: " or ".join(f"({p})" for p in parts)),
        inner.map("not ({})".format),
        inner.map("({}) is not true".format),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def world() -> Iterator[duckdb.DuckDBPyConnection]:
    """Every account that there can be of few values, blanks among them."""
    with facts() as opened:
        opened.execute("TRUNCATE account_facts")
        opened.execute(
            """INSERT INTO account_facts ("account.plan", "account.name", "account.seats", "changes_7d", "account.churned",
                 "account.renewal_at", "account.signed_up_at")
               SELECT * FROM (VALUES ('a'), ('b'), (''), (NULL)) AS p(p), (VALUES ('a')) AS m(m),
                 (VALUES (0), (1), (NULL)) AS s(s), (VALUES (-1), (1), (2), (NULL)) AS c(c), (VALUES (true), (false), (NULL)) AS k(k),
                 (VALUES (TIMESTAMPTZ '2026-02-01'), (TIMESTAMPTZ '2026-03-20'), (NULL)) AS r(r),
                 (VALUES (TIMESTAMPTZ '2026-03-01'), (TIMESTAMPTZ '2025-12-01')) AS u(u)"""
        )
        yield opened


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.one_of(CONDITIONS, anything))
def test_what_is_true_of_somebody_is_never_called_impossible(world: duckdb.DuckDBPyConnection, text: str) -> None:
    made, _ = condition(text)
    assert made is not None
    rows = set(run(world, made))
    assert possible([made]) or True not in rows
    assert possible([], [made]) or False not in rows


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(one=CONDITIONS, two=CONDITIONS)
def test_nor_is_what_somebody_meets_together(world: duckdb.DuckDBPyConnection, one: str, two: str) -> None:
    made = [condition(text)[0] for text in (one, two)]
    first, second = (expression for expression in made if expression is not None)
    rows = set(world.execute(f"SELECT DISTINCT {first.sql}, {second.sql} FROM account_facts").fetchall())
    assert possible([first, second]) or (True, True) not in rows
    assert possible([first], [second]) or (True, False) not in rows


@pytest.mark.parametrize(
    "text",
    [
        "changes_7d > 3 and changes_7d < 2",
        "not (changes_7d > 3) and changes_7d >= 4",
        "changes_7d between 5 and 3",
        "changes_7d > areas_28d and areas_28d > changes_7d",
        "changes_7d >= 2 and changes_7d <= 2 and changes_7d <> 2",
        "account.plan in ('a', 'b') and account.plan not in ('a', 'b', 'c')",
        "account.plan is null and account.plan < 'x'",
        "account.plan is not distinct from 'a' and account.plan = 'b'",
        "account.churned and account.churned = false",
        "account.churned is true and account.churned is not true",
        "days_since(account.signed_up_at) > 5 and days_since(account.signed_up_at) < 3",
        "account.signed_up_at > '2026-02-01' and account.signed_up_at < '2026-01-01'",
        "reached('habit') and not reached('habit')",
        "(changes_7d > 3 or account.plan = 'a') and changes_7d < 2 and account.plan = 'b'",
        "1 > 2 and changes_7d > 3",
    ],
)
def test_what_is_found(text: str) -> None:
    made, _ = condition(text)
    assert made is not None
    assert not possible([made])
    assert possible([], [made])


@pytest.mark.parametrize(
    "text", ["account.plan is null or account.plan is not null", "account.churned is true or account.churned is not true", "2 > 1"]
)
def test_what_is_always_true_is_found_and_blanks_are_minded(text: str) -> None:
    made, unlike = condition(text)[0], condition("account.plan = 'a' or account.plan <> 'a'")[0]
    assert made is not None
    assert unlike is not None
    assert not possible([], [made])
    assert possible([], [unlike]), "of whom has no plan it is not true"


def test_what_has_too_many_ways_through_may_be_true() -> None:
    text = " and ".join(f"(changes_7d <> {n} or account.seats <> {n} or areas_28d = {n})" for n in range(12))
    made, _ = condition(f"{text} and changes_7d > 3 and changes_7d < 2 or {text}")
    assert made is not None
    assert possible([made])
