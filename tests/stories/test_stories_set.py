"""Attributes that playbooks set: read like those of the source, from the next tick on."""

from __future__ import annotations

from cs_engine.journey.experiment import position
from tests.stories.world import World, day

MARK = "- {id: mark, set: {stage: adopting}}\n- {id: w, wait: 30 days}"


def test_what_is_set_is_read_from_the_next_tick_on(world: World) -> None:
    world.customer().playbook("mark", MARK, priority=90)
    world.playbook("hello", "- {id: hello, email: one}", enter="account.stage = 'adopting'")
    assert world.tick(day(0)).sent == []
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    assert world.journal("mark") == ["mark entered", "mark advanced set"]


def test_what_is_set_goes_before_what_the_source_says(world: World) -> None:
    world.customer(plan="team").account("bell", plan="team").contact("bob", "bell")
    world.playbook("mark", "- {id: mark, set: {plan: gold, seats: 9}}\n- {id: w, wait: 30 days}", enter="account.id = 'acme'")
    world.playbook("hello", "- {id: hello, email: one}", enter="account.plan = 'gold' and account.seats = 9")
    world.tick(day(0))
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_contacts_and_mails_read_it_too(world: World) -> None:
    world.mail("stage", "You are {{ account.stage }}")
    world.customer().playbook("mark", MARK)
    world.playbook("hello", "- {id: hello, email: stage}", subject="contact", enter="account.stage = 'adopting'")
    world.tick(day(0))
    assert world.tick(day(1)).sent == ["ann: You are adopting"]


def test_the_latest_value_counts(world: World) -> None:
    world.customer().playbook(
        "mark", "- {id: a, set: {score: 1}}\n- {id: w, wait: 2 days}\n- {id: b, set: {score: 2.5}}\n- {id: v, wait: 9 days}"
    )
    world.tick(day(0))
    world.tick(day(2))
    assert world.engine.store.values() == {"score": (["acme"], [2.5])}


def test_control_sets_nothing(world: World) -> None:
    control = next(f"a{n}" for n in range(99) if position("mark", f"a{n}") < 0.5)
    world.customer(control).playbook("mark", MARK, holdout="50%")
    world.tick(day(0))
    assert world.engine.store.values() == {}
    assert world.journal("mark", control)[-1] == "mark advanced control"


def test_a_value_of_another_kind_and_an_attribute_that_is_not_ours_are_errors(world: World) -> None:
    world.customer().playbook("one", "- {id: a, set: {plan: 3}}").playbook("two", "- {id: a, set: {timezone: UTC}}")
    assert sorted(p.code for p in world.loaded.problems.errors()) == ["P105", "P118"]
