"""Random expressions: allowed ones run and are never blank as conditions; junk gives problems, never an exception."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.language.facts_scope import COLUMNS, condition, facts, run

_NUMBERS = st.sampled_from(
    ["changes_7d", "areas_28d", "account.seats", "usage_share", "0", "1", "2.5", "1e3", "vars.limit", "999999999999"]
)
_TEXTS = st.sampled_from(["account.plan", "account.name", "'team'", "''", "'it''s'", "'%'", "'{0}'", "vars.plan", "'日本'"])
_TIMES = st.sampled_from(["account.renewal_at", "account.signed_up_at", "now()"])
_DURATIONS = st.sampled_from(["3 days", "1 day", "2 business days", "90 minutes", "52 weeks", "100 hours", "36525 days"])
_YES = st.sampled_from(["account.churned", "true", "false", "reached('habit')", "in_segment('enterprise')", "not true"])
_ORDER = st.sampled_from(["=", "<>", "<", ">", "<=", ">=", "!="])


def _number(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/%"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["abs", "round", "floor", "ceil", "-"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(st.sampled_from(["coalesce", "nullif", "greatest", "least"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        inner.map(lambda n: f"case when {n} > 0 then {n} end"),
    )


_number_of = st.recursive(_NUMBERS, _number, max_leaves=6)
_time_of = st.one_of(_TIMES, st.tuples(_TIMES, st.sampled_from("+-"), _DURATIONS).map(" ".join))
_text_of = st.one_of(
    _TEXTS,
    st.tuples(st.sampled_from(["lower", "upper", "trim"]), _TEXTS).map(lambda t: f"{t[0]}({t[1]})"),
    st.tuples(_TEXTS, _TEXTS).map(lambda t: f"concat({t[0]}, {t[1]})"),
)
_comparison = st.one_of(
    st.tuples(_number_of, _ORDER, _number_of).map(" ".join),
    st.tuples(_text_of, _ORDER, _text_of).map(" ".join),
    st.tuples(_time_of, _ORDER, _time_of).map(" ".join),
    st.tuples(_time_of, _ORDER, st.just("'2026-03-08 02:30'")).map(" ".join),
    st.tuples(st.sampled_from(["days_since", "days_until", "month"]), _time_of, _ORDER, _number_of).map(
        lambda t: f"{t[0]}({t[1]}) {t[2]} {t[3]}"
    ),
    st.tuples(_text_of, _text_of).map(lambda t: f"{t[0]} not like {t[1]}"),
    st.tuples(_number_of, _number_of, _number_of).map(lambda t: f"{t[0]} between {t[1]} and {t[2]}"),
    st.tuples(_text_of, _TEXTS, _TEXTS).map(lambda t: f"{t[0]} not in ({t[1]}, {t[2]})"),
    st.sampled_from(sorted(COLUMNS)).map(lambda n: f"{n} is not null"),
    st.tuples(_number_of, _number_of).map(lambda t: f"{t[0]} is distinct from {t[1]}"),
    st.tuples(_TIMES, _TIMES, _ORDER).map(lambda t: f"({t[0]} - {t[1]}) {t[2]} 3 days"),
    _ORDER.map(lambda o: f"account.mystery {o} 3"),
    _YES,
)
_condition = st.recursive(
    _comparison,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or", "AND"]), inner).map(lambda t: f"({t[0]}) {t[1]} {t[2]}"),
        inner.map(lambda c: f"not ({c})"),
        inner.map(lambda c: f"({c}) is not true"),
    ),
    max_leaves=5,
)
_WORDS = [
    *COLUMNS,
    *["reached('habit')", "team", "'x'", '"x"', "80%", "7 days", "3d", "null", "true", "1", ".5", "1e9", "now()", "vars.limit"],
    *["and", "or", "not", "in", "is", "between", "like", "case", "when", "then", "else", "end", "distinct", "from", "over", "select", "as"],
    *"=<>()[]{},%*/+-;:?!&|.'\"$@#\\~^　（：「」\nİ\x00",
    *["==", "&&", "||", "::", "--", "{{", "}}", "count(", "reached("],
]
_junk = st.one_of(
    st.lists(st.sampled_from(_WORDS), max_size=14).map(" ".join),
    st.lists(st.sampled_from(_WORDS), max_size=9).map("".join),
    st.text(max_size=40),
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with facts() as opened:
        yield opened


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=_condition)
def test_every_allowed_condition_runs_and_is_never_blank(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    made, problems = condition(text)
    assert made is not None, (text, problems)
    assert {type(value) for value in run(connection, made)} == {bool}


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=_junk)
def test_junk_gives_problems_or_runs(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    made, problems = condition(text)
    assert (made is None) == bool(problems)
    for problem in problems:
        assert 1 <= problem.place.column <= len(text) + 1
    if made is not None:
        assert {type(value) for value in run(connection, made)} == {bool}
