"""A condition taken apart: every piece in its author's words, and together they are the condition."""

from __future__ import annotations

import pytest

from cs_engine.language.expression import Expression
from cs_engine.language.parts import Part, taken_apart
from tests.unit.language.facts_scope import FactsScope, condition


def made(text: str) -> Part:
    compiled, problems = condition(text)
    assert isinstance(compiled, Expression), problems
    return taken_apart(compiled, FactsScope())


def outline(part: Part) -> object:
    """Its text; of one that is made of others, how and of which."""
    return (part.joined, [outline(inner) for inner in part.parts]) if part.parts else part.condition.text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("changes_7d > 3", "changes_7d > 3"),
        ("changes_7d > 3 and quiet_days between 1 and 5", ("and", ["changes_7d > 3", "quiet_days between 1 and 5"])),
        ("quiet_days > 1 or quiet_days > 2 and areas_28d > 3", ("or", ["quiet_days > 1", ("and", ["quiet_days > 2", "areas_28d > 3"])])),
        (
            "( changes_7d > 3 or account.plan in ('a and b', 'c') ) AND\n not (quiet_days is null or areas_28d = 1)",
            (
                "and",
                [
                    ("or", ["changes_7d > 3", "account.plan in ('a and b', 'c')"]),
                    ("not", [("or", ["quiet_days is null", "areas_28d = 1"])]),
                ],
            ),
        ),
        ("account.plan not in ('a') or account.plan is not null", ("or", ["account.plan not in ('a')", "account.plan is not null"])),
        (
            "case when areas_28d > 1 and quiet_days > 1 then true else false end and areas_28d > 2",
            ("and", ["case when areas_28d > 1 and quiet_days > 1 then true else false end", "areas_28d > 2"]),
        ),
        ("((areas_28d > 1 and areas_28d > 2))", ("and", ["areas_28d > 1", "areas_28d > 2"])),
    ],
)
def test_a_condition_is_taken_apart_at_its_and_or_and_not(text: str, parts: object) -> None:
    assert outline(made(text)) == parts


def test_a_part_reads_only_its_own_names() -> None:
    part = made("changes_7d > 3 and account.plan = 'a'")
    assert [inner.condition.names for inner in part.parts] == [("changes_7d",), ("account.plan",)]
    assert part.condition.sql == "coalesce((" + " AND ".join(i.condition.sql[9:-8] for i in part.parts) + "), false)"


def test_what_is_nested_deep_ends_in_a_piece() -> None:
    part = made("not (" * 20 + "areas_28d > 1" + ")" * 20)
    depth = 0
    while part.parts:
        (part,), depth = part.parts, depth + 1
    assert depth == 6
