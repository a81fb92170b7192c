"""Who says no to a topic, or to all, gets no mail of it, whenever they say it; what is transactional, and Slack, goes on."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day

STEPS = "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}"


def test_who_unsubscribes_between_plan_and_send_gets_nothing_and_is_told_of_as_such(world: World) -> None:
    world.customer().playbook("hello", STEPS)
    assert world.tick(day(0, 22)).delivery == {"held": 1}, "planned at night"
    world.prefer("ann", "tips", False, day(0, 23))
    assert world.tick(day(1)).sent == []
    assert world.messages("hello") == ["one ann skipped (unsubscribed)"]
    assert "one skipped unsubscribed" in world.journal("hello")
    world.tick(day(2))
    assert world.stands("hello") == ["rest"], "the journey goes on, as after any message"


@pytest.mark.parametrize(("topic", "sent"), [("tips", []), ("", []), ("milestones", ["ann: One for Acme"])])
def test_a_topic_is_refused_alone_or_with_all_others(world: World, topic: str, sent: list[str]) -> None:
    world.customer().playbook("hello", STEPS).prefer("ann", topic, False, day(0, 8))
    assert world.tick(day(0)).sent == sent


def test_transactional_mail_and_alerts_to_our_own_people_are_blocked_by_no_preference(world: World) -> None:
    world.customer().prefer("ann", "", False, day(0, 8))
    world.playbook("bill", STEPS, topic="transactional")
    world.playbook("ring", "- {id: ring, cta: call}")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme", "ann: One for Acme"]
    world.suppress("ann@customer.example")
    world.tick(day(1))
    world.tick(day(3))
    assert world.messages("bill") == ["one ann accepted", "two ann skipped (suppressed)"]


def test_who_wants_it_again_gets_what_comes_from_then_on(world: World) -> None:
    world.customer().playbook("hello", STEPS).prefer("ann", "", False, day(0, 8))
    assert world.tick(day(0)).sent == []
    world.prefer("ann", "tips", True, day(1))
    world.tick(day(1))
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]
    assert world.messages("hello") == ["one ann skipped (unsubscribed)", "two ann accepted"]


def test_colleagues_decide_for_themselves(world: World) -> None:
    world.customer().contact("bob", role="operator").playbook("hello", "- {id: one, email: one, to: everyone}")
    world.prefer("ann", "tips", False, day(0, 8))
    assert world.tick(day(0)).sent == ["bob: One for Acme"]
