"""Holds: customer mail waits, timers stand still, Slack goes on, and whoever succeeds or leaves does so."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day

FREEZE = "account.plan = 'frozen'"
WAITS = "- {id: settle, wait: 5 days}\n- {id: hello, email: one}\n- {id: next, email: two}"


def freeze(world: World, account: str = "acme") -> World:
    return world.account(account, plan="frozen")


def thaw(world: World, account: str = "acme") -> World:
    return world.account(account, plan="team")


def test_a_timer_stands_still_for_as_long_as_the_hold(world: World) -> None:
    world.customer().playbook("hello", WAITS, hold=FREEZE)
    world.tick(day(0))
    freeze(world).tick(day(2))
    assert world.why("hello")["passages"][0]["next"] == "held since 2026-03-04T10:00:00Z: mail waits, timers stand still"
    assert world.tick(day(6)).sent == []
    thaw(world).tick(day(9))  # seven days later
    assert world.tick(day(11, 9)).sent == []
    assert world.tick(day(12)).sent == ["ann: One for Acme"]
    assert world.journal("hello")[1:3] == ["settle held hold", "settle released hold"]


def test_mail_that_is_planned_waits_and_goes_in_the_tick_in_which_the_hold_ends(world: World) -> None:
    freeze(world.customer()).playbook("hello", "- {id: hello, email: one}", hold=FREEZE)
    assert world.tick(day(0)).delivery == {"held": 1}
    assert world.messages("hello") == ["hello ann held (hold)"]
    assert world.tick(day(0, 11)).sent == []
    assert thaw(world).tick(day(0, 12)).sent == ["ann: One for Acme"]


def test_slack_goes_on(world: World) -> None:
    freeze(world.customer()).playbook("hello", "- {id: ring, cta: call}", hold=FREEZE)
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme"]


@pytest.mark.parametrize("way", ["goal", "exit"])
def test_goal_and_exit_are_looked_at_during_a_hold_and_then_nothing_is_sent(world: World, way: str) -> None:
    freeze(world.customer()).playbook("hello", "- {id: hello, email: one}", hold=FREEZE, **{way: "uses > 0"})
    world.tick(day(0))
    world.uses("acme", day(1)).tick(day(2))
    assert world.stands("hello") == [way]
    thaw(world).tick(day(3))
    assert world.messages("hello") == [f"hello ann skipped ({way})"]


def test_what_was_sent_before_a_hold_does_not_let_the_next_wait_run_on(world: World) -> None:
    world.customer().playbook("hello", "- {id: hello, email: one}\n- {id: settle, wait: 3 days}\n- {id: next, email: two}", hold=FREEZE)
    world.tick(day(0))
    freeze(world).tick(day(1))
    thaw(world).tick(day(5))
    assert world.tick(day(6, 9)).sent == []
    assert world.tick(day(7)).sent == ["ann: Two for Acme"]


def test_the_project_holds_everything_but_transactional_mail(world: World) -> None:
    freeze(world.customer()).project(hold={"all": FREEZE})
    world.playbook("hello", "- {id: hello, email: one}").playbook("paid", "- {id: hello, email: two}", topic="transactional")
    assert world.tick(day(0)).sent == ["ann: Two for Acme"]


def test_the_project_holds_by_topic_and_the_contacts_of_an_account_too(world: World) -> None:
    freeze(world.customer()).customer("bell", "bob").project(hold={"topics": {"tips": FREEZE}})
    world.playbook("hello", "- {id: hello, email: one}", subject="contact")
    world.playbook("other", "- {id: hello, email: two}", topic="milestones")
    assert world.tick(day(0)).sent == ["ann: Two for Acme", "bob: One for Bell", "bob: Two for Bell"]
    assert thaw(world).tick(day(1)).sent == ["ann: One for Acme"]


def test_a_hold_that_is_taken_away_lets_everybody_go_on(world: World) -> None:
    freeze(world.customer()).project(hold={"all": FREEZE}).playbook("hello", WAITS)
    world.tick(day(0))
    world.tick(day(3))
    world.project(hold={}).tick(day(4))
    assert world.tick(day(8, 9)).sent == []
    assert world.tick(day(9)).sent == ["ann: One for Acme"]


def test_what_expires_during_a_hold_is_skipped(world: World) -> None:
    freeze(world.customer()).playbook("hello", "- {id: hello, email: one, expires: 2 days}", hold=FREEZE)
    world.tick(day(0))
    world.tick(day(1))
    assert world.tick(day(2)).delivery == {"skipped": 1}


def test_a_hold_of_transactional_mail_and_of_a_topic_that_is_none_are_errors(world: World) -> None:
    world.customer().project(hold={"topics": {"transactional": FREEZE, "tipps": FREEZE}})
    world.playbook("hello", "- {id: hello, email: one}", topic="transactional", hold=FREEZE)
    assert sorted(p.code for p in world.loaded.problems.errors()) == ["P116", "P116", "P201"]
