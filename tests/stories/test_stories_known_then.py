"""Attributes as they were known: ticks, the past over again, and why, each believe what was known at their own moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.stories.world import World, day

FREE = {"enter": "account.plan = 'free'", "exit": "account.plan <> at_entry(account.plan)"}
REST = "- {id: rest, wait: 30 days}"


@pytest.fixture
def upgraded(world: World) -> World:
    """Acme was on the free plan until day 10, and is on the team plan since; that was read on day 10."""
    world.project(sources={**{name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts", "usage")}, "history": "9000 days"})
    world.customer(plan="free").playbook("grow", REST, **FREE).synced(day(0))
    return world.account(plan="team").synced(day(10))


def plan_seen(world: World, at: datetime) -> tuple[bool, Any]:
    """(whether `enter` holds, the plan that it saw), as `why --at` says."""
    (subject,) = world.why("grow", at=at)["subjects"]
    enter = subject["conditions"]["enter"]
    return enter["holds"], enter["values"]["account.plan"]


def test_a_tick_of_the_past_and_why_see_the_plan_of_then(upgraded: World) -> None:
    assert upgraded.tick(day(1)).counts("grow", "entered") == (1,)
    upgraded.tick(day(9))
    assert upgraded.stands("grow") == ["rest"], "what has changed by now had not changed then"
    upgraded.tick(day(11))
    assert upgraded.stands("grow") == ["exit"], "and is compared with what was so at entry"
    assert [plan_seen(upgraded, day(at)) for at in (1, 9, 11)] == [(True, "free"), (True, "free"), (False, "team")]


def test_a_backtest_over_the_change_goes_as_it_would_have_gone(upgraded: World) -> None:
    ticks = upgraded.span(day(8), day(12), timedelta(days=1))
    assert [tick.counts("grow", "entered")[0] for tick in ticks] == [1, 0, 0, 0, 0]
    assert [tick.of("grow")["finished"] for tick in ticks] == [{}, {}, {"exit": 1}, {}, {}]


def test_without_history_the_past_sees_the_plan_of_today(upgraded: World) -> None:
    upgraded.project(sources={name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts", "usage")})
    assert upgraded.tick(day(1)).counts("grow", "entered") == (0,)
