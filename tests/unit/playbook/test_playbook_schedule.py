"""A schedule is a span or a cron line; all else is refused with examples."""

from __future__ import annotations

import pytest

from cs_engine.language.problems import Place, Problems
from cs_engine.playbook.plan import Schedule
from cs_engine.playbook.schedule import parse


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("every 15 minutes", 15),
        ("every minute", 1),
        ("every 4 hours", 240),
        ("every day", 1440),
        ("Every  2 days", 2880),
        ("every week", 10080),
    ],
)
def test_spans(text: str, minutes: int) -> None:
    problems = Problems()
    assert parse(text, Place("x"), problems).every_minutes == minutes
    assert not len(problems)


@pytest.mark.parametrize("text", ["0 9 * * MON-FRI", "*/15 * * * *", "0 8 1 * *"])
def test_cron_lines(text: str) -> None:
    problems = Problems()
    assert parse(text, Place("x"), problems) == Schedule(text, cron=text)
    assert not len(problems)


@pytest.mark.parametrize(
    "text", ["every 0 minutes", "every 36 hours", "every 15 mins", "daily", "61 * * * *", "0 9 * *", "0 0 30 2 *", "* * * * * *", ""]
)
def test_what_is_no_schedule(text: str) -> None:
    problems = Problems()
    parse(text, Place("x"), problems)
    assert [p.code for p in problems] == ["P109"]
