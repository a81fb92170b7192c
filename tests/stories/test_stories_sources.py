"""Sources: what each must be like before anything is decided on it."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from tests.stories.world import World, day

ONE = "- {id: hello, email: one}"
FILES = {
    "accounts": {"file": "data/accounts.csv"},
    "contacts": {"file": "data/contacts.csv"},
    "usage": {"file": "data/usage.csv"},
}


def demanding(world: World, **keys: dict[str, object]) -> World:
    return world.project(sources={**FILES, **{name: {**FILES.get(name, {}), **added} for name, added in keys.items()}})


def test_a_source_with_too_few_rows_decides_nothing_until_it_has_them(world: World) -> None:
    demanding(world, contacts={"at_least": 2}).customer().playbook("hello", ONE)
    tick = world.tick(day(0))
    assert tick.json["guards"] == [
        {"run": "run_20260302T100000Z", "playbook": "", "what": "rows:contacts",
         "reason": "the source contacts has 1 rows, fewer than 2"}
    ]  # fmt: skip
    assert tick.sent == ["#cs: :raised_hand: *all playbooks*: the work waits for a yes."]
    world.contact("bob", role="operator")
    fresh = world.tick(day(1))
    assert (fresh.json["guards"], fresh.sent) == ([], ["ann: One for Acme"])


def test_a_source_of_events_is_as_old_as_its_latest_event_by_now(world: World) -> None:
    demanding(world, usage={"newest": "2 days"}).customer().uses("acme", day(0, 9), day(9)).playbook("hello", ONE, enter="uses >= 1")
    assert world.tick(day(0)).json["guards"] == []
    assert [g["what"] for g in world.tick(day(3)).json["guards"]] == ["newest:usage"], "what is yet to be makes nothing fresh"
    assert world.tick(day(9)).json["guards"] == []


@pytest.mark.parametrize(("hours", "held"), [(47, []), (49, ["newest:accounts"])])
def test_a_file_of_people_is_as_old_as_it_was_written(world: World, hours: int, held: list[str]) -> None:
    demanding(world, accounts={"newest": "2 days"}).customer().playbook("hello", ONE)
    written = day(0).timestamp()
    engine = world.engine
    os.utime(world.root / "data/accounts.csv", (written, written))
    engine.usage.sync()
    assert [g["what"] for g in world.tick(day(0) + timedelta(hours=hours)).json["guards"]] == held


def test_a_source_that_falls_below_its_floor_stops_all_and_goes_on_when_it_is_whole(world: World) -> None:
    demanding(world, usage={"at_least": 3}).customer().customer("bell", "bob").uses("acme", day(0, 9), day(0, 9.5)).uses("bell", day(0, 9))
    world.playbook("quiet", ONE, enter="uses < 1", existing=None).tick(day(0))
    lost = world.events[:]
    del world.events[2:]
    world.account()
    tick = world.tick(day(1))
    assert [held["reason"] for held in tick.json["guards"]] == ["the source usage has 2 rows, fewer than 3"]
    assert world.stands("quiet", "bell") == [], "half a file does not make bell look quiet"
    world.events[:] = lost
    assert (world.account().tick(day(2)).json["guards"], world.stands("quiet", "bell")) == ([], [])


def test_rows_that_a_source_loses_are_gone_and_what_was_decided_on_them_stays(world: World) -> None:
    world.milestone("start", "uses >= 2").customer().uses("acme", day(0, 9), day(0, 9.5))
    world.playbook("used", "- {id: rest, wait: 9 days}", enter="uses >= 2").tick(day(0))
    del world.events[1:]
    world.account().tick(day(1))
    assert world.stands("used") == ["rest"]
    assert [milestone.milestone for milestone in world.engine.store.milestones_of("acme")] == ["start"]
    (subject,) = world.why("used")["subjects"]
    assert subject["conditions"]["enter"]["values"] == {"uses": 1}
