"""Ticks that look at a few playbooks alone, soon after events have come: what they do, and what they leave to the next whole tick."""

from __future__ import annotations

from datetime import datetime

from cs_engine.instants import from_micros
from cs_engine.run.tick import run_tick
from tests.stories.world import World, day

HELLO = {"event": "invited"}
PLAIN = "- {id: hello, email: one}"


def narrow(world: World, at: datetime, *only: str) -> int:
    """Messages that a narrow tick sent."""
    return run_tick(world.engine, at, only, narrow=True).delivery["accepted"]


def test_who_it_looks_at_gets_what_is_theirs(world: World) -> None:
    world.customer().playbook("hello", PLAIN, enter=HELLO).playbook("other", "- {id: two, email: two}", enter="uses >= 1")
    world.tick(day(0))
    world.uses("acme", day(0, 11), event="invited")
    assert narrow(world, day(0, 12), "hello") == 1
    assert (world.stands("hello"), world.stands("other")) == (["hello"], [])
    assert world.tick(day(1)).sent == ["ann: One for Acme", "ann: Two for Acme"], "each once"


def test_a_milestone_is_left_to_the_next_whole_tick_and_dated_as_ever(world: World) -> None:
    world.milestone("start", "uses >= 1").customer().playbook("hello", PLAIN, enter=HELLO, goal="reached('start')").tick(day(0))
    world.uses("acme", day(0, 11), event="invited")
    assert narrow(world, day(0, 12), "hello") == 0, "conditions know of it all the same: who has reached the goal does not begin"
    assert world.engine.store.milestones_of("acme") == []
    world.tick(day(0, 18))
    (found,) = world.engine.store.milestones_of("acme")
    assert (from_micros(found.reached_at), from_micros(found.known_at), found.history) == (day(0, 11), day(0, 18), False)


def test_the_playbook_stays_as_due_as_it_was(world: World) -> None:
    world.customer().playbook("hello", "- {id: settle, wait: 1 day}\n" + PLAIN, enter=HELLO).uses("acme", day(0, 9), event="invited")
    world.tick(day(0))
    due = world.engine.store.playbooks()["hello"].next_due_at
    narrow(world, day(0, 12), "hello")
    assert world.engine.store.playbooks()["hello"].next_due_at == due
    assert world.engine.store.ticks_before(10**18, 9) == world.engine.store.ticks_before(10**18, 1), (
        "nor was that a tick that was completed"
    )


def test_the_first_tick_of_a_day_and_of_a_playbook_is_a_whole_one(world: World) -> None:
    world.milestone("start", "uses >= 1").customer().playbook("hello", PLAIN, enter=HELLO).uses("acme", day(0, 9), event="invited")
    assert narrow(world, day(0), "hello") == 1
    assert world.engine.store.milestones_of("acme") != []
    world.playbook("again", PLAIN, enter=HELLO, existing="skip").uses("acme", day(1, 9), event="used")
    narrow(world, day(1), "hello")
    narrow(world, day(1, 11), "again")
    nows = [from_micros(at) for at in world.engine.store.ticks_before(10**18, 9)]
    assert nows == [day(1, 11), day(1), day(0)]
