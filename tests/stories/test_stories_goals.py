"""Success stops everything, once and for all; and entries by date."""

from __future__ import annotations

from tests.stories.world import World, day

MAILS = "- {id: all, email: one, to: everyone}\n- {id: rest, wait: 9 days}"


def test_one_account_that_succeeds_stops_everyones_mail_that_waits_for_the_morning(world: World) -> None:
    world.customer().contact("bob", role="operator").customer("bell", "cat").playbook("hello", MAILS, goal="uses > 0")
    assert world.tick(day(0, 22)).delivery == {"held": 3}
    world.uses("acme", day(0, 23))
    assert world.tick(day(1)).sent == ["cat: One for Bell"]
    assert world.messages("hello") == ["all ann skipped (goal)", "all bob skipped (goal)"]


def test_who_succeeds_gets_no_mail_of_a_playbook_that_is_not_due_either(world: World) -> None:
    world.customer(plan="free").customer("bell", "bob", plan="free").customer("cole", "cat", plan="free")
    world.playbook("nightly", MAILS, schedule="0 22 * * *", goal="account.plan = 'team'", exit="account.plan = 'none'")
    assert world.tick(day(0, 22)).delivery == {"held": 3}
    world.account("acme", plan="team").account("bell", plan="none")
    tick = world.tick(day(1))
    assert tick.sent == ["cat: One for Cole"], "in the morning it is not due, and what was held at night goes"
    assert (world.stands("nightly"), world.stands("nightly", "bell")) == (["goal"], ["exit"])
    assert world.messages("nightly") == ["all ann skipped (goal)"]


HELP = """
- id: watch
  wait_until: uses > 0
  at_most: 1 day
  otherwise: [{id: help, email: help}]
  after: keep_waiting
- {id: rest, wait: 1 day}
- {id: end, email: three}
"""


def test_who_meets_a_wait_gets_no_mail_of_its_block_though_the_playbook_is_not_due(world: World) -> None:
    world.customer().customer("bell", "bob").playbook("nightly", HELP, schedule="0 22 * * *")
    world.tick(day(0, 22))
    assert world.tick(day(1, 22)).delivery == {"held": 2}
    world.uses("acme", day(1, 23))
    assert world.tick(day(2)).sent == ["bob: Help for Bell"], "in the morning it is not due, and what was held at night goes"
    assert world.messages("nightly") == ["help ann skipped (left_step)"]
    passage = world.why("nightly")["passages"][0]
    assert (passage["step"], passage["next"]) == ("rest", "comes to rest at the next tick of its playbook")
    assert world.journal("nightly", at=day(2))[0] == "watch advanced met"
    world.tick(day(2, 22))  # the day behind the block has begun in the morning
    assert world.tick(day(3, 22)).delivery == {"held": 1}
    assert world.tick(day(4)).sent == ["ann: Three for Acme"]


def test_who_is_held_leaves_no_block_before_the_hold_is_over(world: World) -> None:
    world.customer().playbook("nightly", HELP, schedule="0 22 * * *", hold="account.plan = 'free'")
    world.span(day(0, 22), day(1, 22))
    world.uses("acme", day(1, 23)).account(plan="free").tick(day(2))
    assert (world.stands("nightly"), world.messages("nightly")) == (["help"], ["help ann held (hold)"])
    assert world.account(plan="team").tick(day(2, 11)).sent == []
    assert world.messages("nightly") == ["help ann skipped (left_step)"]


def test_who_succeeds_while_mail_is_held_gets_none_when_the_hold_is_over_though_the_playbook_is_not_due(world: World) -> None:
    world.customer(plan="free").playbook("daily", MAILS, schedule="0 10 * * *", hold="account.seats = 5", goal="account.plan = 'team'")
    assert world.tick(day(0)).delivery == {"held": 1}
    assert world.account(plan="team", seats=6).tick(day(0, 11)).sent == []
    assert world.messages("daily") == ["all ann skipped (goal)"]


def test_a_run_of_one_playbook_sends_nothing_of_another_to_who_succeeded(world: World) -> None:
    world.customer(plan="free").playbook("hello", MAILS, goal="account.plan = 'team'").tick(day(0, 22))
    world.account("acme", plan="team")
    assert world.tick(day(1), "nobody").sent == []
    assert world.stands("hello") == ["goal"]


def test_an_account_that_succeeds_stops_the_mail_of_all_its_contacts_who_pass_through(world: World) -> None:
    world.customer().contact("bob", role="operator").playbook(
        "hello", "- {id: own, email: one}", subject="contact", goal="account.uses > 0"
    )
    assert world.tick(day(0, 22)).delivery == {"held": 2}
    world.uses("acme", day(0, 23), contact="bob")
    assert world.tick(day(1)).sent == []
    assert world.stands("hello") == ["goal", "goal"]


def test_a_goal_once_reached_stays_reached_for_that_passage(world: World) -> None:
    world.customer(plan="free").playbook("hello", MAILS, goal="account.plan = 'team'")
    world.tick(day(0))
    world.account(plan="team").tick(day(1))
    world.account(plan="free")
    assert [world.tick(day(n)).sent for n in (2, 12)] == [[], []]
    assert world.stands("hello") == ["goal"]


def test_a_date_that_comes_near_begins_a_passage_and_the_next_date_another(world: World) -> None:
    keys = {"enter": "days_until(account.renewal_at) between 0 and 30", "once_per": "account.renewal_at"}
    world.customer(renewal_at="2026-04-10T00:00:00Z").customer("bell", "bob").playbook("hello", "- {id: hello, email: one}", **keys)
    assert [world.tick(day(n)).sent for n in (8, 9, 10)] == [[], ["ann: One for Acme"], []]
    world.account(renewal_at="2026-05-10T00:00:00Z")
    assert [world.tick(day(n)).sent for n in (38, 39, 40)] == [[], ["ann: One for Acme"], []]
    assert world.stands("hello", "bell") == []
