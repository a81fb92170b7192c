"""What is asked of events that stay in their database, in the words of warehouses that no test reaches: it is their SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import sqlglot
from sqlglot import exp

from cs_engine.language.expression import Grain, Type
from cs_engine.language.problems import Problems
from cs_engine.playbook.sources import EventsSource
from cs_engine.sources.facts.in_place import THEIRS, events_of, rendered
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.catalogue import build
from cs_engine.usage.model import JourneySpec, WindowMetric
from cs_engine.usage.sequences_sql import sequences
from cs_engine.usage.windows_sql import Moment, aggregates, view
from tests.contracts.test_usage_in_place import ALL

MOMENT = Moment(datetime(2026, 3, 31, 10, tzinfo=UTC), ZoneInfo("Asia/Tokyo"))
SOURCE = EventsSource.model_validate({"database": "warehouse", "table": "usage", "in_place": True, "id": "event_id"})
COLUMNS = {"id": Type.TEXT, "account": Type.TEXT, "contact": Type.TEXT, "event": Type.TEXT, "at": Type.INSTANT, "amount": Type.NUMBER}


@pytest.fixture(scope="module")
def questions() -> list[str]:
    """Every kind of metric, of accounts and of contacts, as DuckDB would be asked it."""
    attributes = Attributes({"seats": Type.NUMBER, "signed_up_at": Type.INSTANT}, {}, {"usage": COLUMNS}, in_place=frozenset({"usage"}))
    problems = Problems()
    metrics = {name: WindowMetric.model_validate(spec) for name, spec in ALL.items()}
    windows = build(metrics, {}, JourneySpec(), None, attributes, {}, problems).windows.values()
    assert not list(problems)
    asked = [
        one.sql
        for grain in Grain
        for one in (
            *aggregates((window for window in windows if not window.in_order), grain, MOMENT),
            *sequences((window for window in windows if window.in_order), grain, MOMENT),
        )
    ]
    events = events_of(SOURCE, COLUMNS, "Asia/Tokyo", f'"{THEIRS}usage" AS source', datetime(2026, 1, 1, tzinfo=UTC))
    return [f"WITH {view('usage')} AS ({events}) {sql}" for sql in asked]


@pytest.mark.parametrize("dialect", ["postgres", "bigquery", "snowflake", "redshift"])
def test_every_kind_of_metric_has_words_in_the_dialect(dialect: str, questions: list[str]) -> None:
    for question in questions:
        said = rendered(question, dialect, MOMENT, str)
        tree = sqlglot.parse_one(said, read=dialect)
        assert not list(tree.find_all(exp.Anonymous)), "functions that the dialect is not known to have"
        assert not list(tree.find_all(exp.Filter)), "FILTER (WHERE …), which few have"
        if dialect == "bigquery":
            assert not [node for node in tree.find_all(exp.Sub) if node.left.unnest().is_type("date")], (
                "days between two dates are no number"
            )


def test_names_of_ours_are_quoted_wherever_they_stand(questions: list[str]) -> None:
    """A database that writes plain names in capitals finds them all the same."""
    for question in questions:
        tree = sqlglot.parse_one(rendered(question, "snowflake", MOMENT, str), read="snowflake")
        plain = {column.name for column in tree.find_all(exp.Column) if not column.this.quoted}
        assert plain <= {"event_id", "account_id", "contact_id", "event", "occurred_at", "amount", "_w"}
