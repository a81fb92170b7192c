"""Rules of a tick: what exists, what is recognised, and in which order things happen."""

from __future__ import annotations

import pytest

from cs_engine.errors import TickTooEarly
from tests.stories.world import World, day

WELCOME = "- {id: one, email: one}"
TWO_MAILS = """
    - {id: one, email: one}
    - {id: rest, wait: 2 days}
    - {id: two, email: two}
"""


# --- observe -----------------------------------------------------------------------------------------------------------


def test_an_event_later_than_now_does_not_exist(world: World) -> None:
    world.customer().uses("acme", day(1, 12)).playbook("hello", WELCOME, enter="uses > 0")
    assert world.tick(day(1)).counts("hello", "matched", "entered") == (0, 0)
    assert world.tick(day(1, 12)).sent == ["ann: One for Acme"]


def test_an_account_that_signs_up_later_than_now_does_not_exist(world: World) -> None:
    world.customer(since=day(2)).uses("acme", day(0, 9)).playbook("hello", WELCOME)
    assert world.tick(day(1)).counts("hello", "matched") == (0,)
    assert world.why("hello")["exists"] is False
    assert world.tick(day(2)).counts("hello", "matched") == (1,)


def test_a_contact_created_later_than_now_is_no_recipient(world: World) -> None:
    world.customer().contact("bob", since=day(2)).playbook("hello", "- {id: one, email: one, to: everyone}")
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_the_champion_is_who_was_it_by_now(world: World) -> None:
    world.account().contact("bob", since=day(2)).contact("ann", since=day(3)).playbook("hello", WELCOME, enter="champion.name is not null")
    assert world.tick(day(1)).counts("hello", "matched") == (0,)
    assert world.tick(day(4)).sent == ["bob: One for Acme"]


def test_a_time_in_the_future_is_no_number_of_days_ago(world: World) -> None:
    world.customer(since=day(5)).customer("beta", "bob").playbook("hello", WELCOME, enter="days_since(account.signed_up_at) <= 14")
    assert world.tick(day(0)).sent == ["bob: One for Beta"]


def test_a_now_before_the_last_tick_is_refused_and_changes_nothing(world: World) -> None:
    world.customer().playbook("hello", TWO_MAILS)
    world.tick(day(1))
    with pytest.raises(TickTooEarly):
        world.tick(day(1, 9))
    assert world.tick(day(2)).counts("hello", "advanced") == (1,)


def test_the_last_tick_again_is_a_repeat_that_does_nothing_new(world: World) -> None:
    world.customer().uses().milestone("start", "uses > 0", notice="well_done").playbook("hello", TWO_MAILS)
    world.playbook("alarm", "- {id: call, cta: call}")
    world.customer("beta", "bob")
    world.tick(day(0))
    world.uses("beta", day(0, 12))
    world.tick(day(1))
    counts, journal = world.engine.store.counts(), world.journal("hello", "beta")
    for again in (world.tick(day(1)), world.tick(day(1), "hello"), world.tick(day(1), "hello", "alarm", "milestone-start")):
        assert (again.sent, again.delivery, again.json["milestones"], again.json["failures"]) == ([], {}, {}, [])
        for part in again.json["playbooks"]:
            assert (part["entered"], part["advanced"], part["finished"], part["messages"]["planned"]) == (0, 0, {}, 0)
    assert (world.engine.store.counts(), world.journal("hello", "beta")) == (counts, journal)


def test_a_repeat_does_not_move_on_whose_message_has_just_ended(world: World) -> None:
    """Held overnight, sent in this tick: the next step is the next tick's, however often this one is run."""
    world.customer().playbook("hello", "- {id: one, email: one}\n- {id: two, email: two}")
    world.tick(day(0, 22))
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    again = world.tick(day(1), "hello")
    assert (again.sent, again.counts("hello", "advanced"), world.stands("hello")) == ([], (0,), ["one"])
    assert world.tick(day(2)).sent == ["ann: Two for Acme"]


# --- milestones --------------------------------------------------------------------------------------------------------


def test_a_milestone_is_recognised_in_the_same_tick_so_that_reached_is_true(world: World) -> None:
    world.customer().milestone("start", "uses >= 2").playbook("hello", WELCOME, enter="reached('start')")
    world.tick(day(0))
    world.uses("acme", day(0, 11), day(0, 12))
    tick = world.tick(day(1))
    assert tick.json["milestones"] == {"start": 1}
    assert tick.sent == ["ann: One for Acme"]


def test_a_milestone_once_reached_stays_so(world: World) -> None:
    world.customer().milestone("start", "uses_7d > 0").playbook("hello", WELCOME, enter="reached('start') and uses_7d = 0")
    world.tick(day(0))
    world.uses("acme", day(0, 12))
    world.tick(day(1))
    assert world.tick(day(20)).sent == ["ann: One for Acme"]


# --- advance, then enrol -----------------------------------------------------------------------------------------------


def test_goal_comes_before_the_step(world: World) -> None:
    world.customer().playbook("hello", TWO_MAILS, goal="uses > 0")
    world.tick(day(0))
    world.tick(day(1))
    world.uses("acme", day(1, 12))
    tick = world.tick(day(4))
    assert (tick.sent, tick.counts("hello", "finished")) == ([], ({"goal": 1},))
    assert world.stands("hello") == ["goal"]
    assert world.journal("hello", at=day(4)) == ["rest finished goal"]


def test_exit_comes_before_the_step(world: World) -> None:
    world.customer().playbook("hello", TWO_MAILS, exit="account.plan = 'gone'")
    world.tick(day(0))
    world.account(plan="gone")
    assert world.tick(day(4)).sent == []
    assert world.stands("hello") == ["exit"]


def test_goal_beats_exit(world: World) -> None:
    world.customer().playbook("hello", TWO_MAILS, goal="uses > 0", exit="uses > 0")
    world.tick(day(0))
    world.uses("acme", day(1))
    assert world.tick(day(2)).counts("hello", "finished") == ({"goal": 1},)


@pytest.mark.parametrize("key", ["goal", "exit"])
def test_who_meets_goal_or_exit_already_does_not_enter(world: World, key: str) -> None:
    world.customer().uses().playbook("hello", WELCOME, **{key: "uses > 0"})
    tick = world.tick(day(0))
    assert (tick.sent, tick.counts("hello", "matched", "entered")) == ([], (1, 0))


def test_playbooks_advance_and_enrol_by_priority_the_highest_first(world: World) -> None:
    world.customer()
    for name, priority in (("low", 10), ("high", 90), ("middle", 50)):
        world.playbook(name, WELCOME, priority=priority)
    assert [part["playbook"] for part in world.tick(day(0)).json["playbooks"]] == ["high", "middle", "low"]
    assert [part["playbook"] for part in world.tick(day(1)).json["playbooks"]] == ["high", "middle", "low"]


def test_those_inside_move_before_others_enter_so_one_who_finishes_cannot_reenter(world: World) -> None:
    world.customer().playbook("hello", WELCOME)
    world.tick(day(0))
    assert world.tick(day(1)).counts("hello", "matched", "entered", "finished") == (1, 0, {"done": 1})
    assert world.tick(day(2)).counts("hello", "matched", "entered") == (1, 0)
    assert world.stands("hello") == ["done"]


def test_first_steps_run_in_the_tick_of_the_entry_up_to_a_wait_or_a_message(world: World) -> None:
    world.customer().playbook(
        "hello",
        """
        - if: uses > 5
          then: [{id: never, email: three}]
        - {id: busy-only, if: uses > 5, email: three}
        - {id: seen, wait_until: days_since(account.signed_up_at) >= 0}
        - {id: one, email: one}
        - {id: two, email: two}
        """,
    )
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    assert world.journal("hello", at=day(0)) == [
        "if-1 entered", "if-1 advanced else", "busy-only advanced if", "seen advanced met", "one accepted",
    ]  # fmt: skip


def test_one_pass_moves_on_through_everything_that_is_due(world: World) -> None:
    world.customer().playbook(
        "hello",
        """
        - {id: first, wait: 1 days}
        - {id: busy, wait_until: uses > 0, at_most: 1 day}
        - {id: one, email: one}
        """,
    )
    world.uses("acme", day(0, 12))
    assert world.tick(day(0)).sent == []
    assert world.tick(day(5)).sent == ["ann: One for Acme"]


# --- schedule ----------------------------------------------------------------------------------------------------------


def test_only_playbooks_that_are_due_run(world: World) -> None:
    world.customer().playbook("daily", WELCOME, schedule="every day").playbook("often", WELCOME, schedule="every 15 minutes")
    assert {"daily", "often"} == {part["playbook"] for part in world.tick(day(0)).json["playbooks"]}
    assert [part["playbook"] for part in world.tick(day(0, 10.5)).json["playbooks"]] == ["often"]
    assert {"daily", "often"} == {part["playbook"] for part in world.tick(day(1, 0)).json["playbooks"]}


def test_missed_times_run_once(world: World) -> None:
    world.customer().playbook("hourly", TWO_MAILS, schedule="every 1 hour")
    world.tick(day(0))
    assert world.tick(day(3)).counts("hourly", "advanced") == (1,)
    assert world.tick(day(3, 10.25)).json["playbooks"] == []
    assert world.tick(day(3, 11)).of("hourly") != {}


def test_a_cron_line_is_read_in_the_projects_zone(world: World) -> None:
    world.project(timezone="Asia/Tokyo").customer(timezone="UTC").playbook("nine", TWO_MAILS, schedule="0 9 * * *")
    world.tick(day(0))
    assert world.tick(day(0, 23.75)).of("nine") == {}
    assert world.tick(day(1, 0)).of("nine") != {}


def test_a_named_playbook_runs_due_or_not_and_alone(world: World) -> None:
    world.customer().playbook("daily", WELCOME, schedule="every day").playbook("other", WELCOME)
    world.tick(day(0))
    assert [part["playbook"] for part in world.tick(day(0, 10.1), "daily").json["playbooks"]] == ["daily"]


def test_running_one_playbook_alone_is_not_the_first_run_of_the_others(world: World) -> None:
    world.customer().playbook("hello", WELCOME).playbook("other", WELCOME, existing=None)
    world.tick(day(0), "hello")
    tick = world.tick(day(1))
    assert tick.counts("other", "matched", "entered", "passed_over") == (1, 0, 1)


# --- one way, told by its numbers --------------------------------------------------------------------------------------


def test_matched_entered_and_advanced_count_what_they_say(world: World) -> None:
    world.customer().customer("beta", "bob").customer("cara", "cat").playbook("hello", TWO_MAILS, enter="uses > 0")
    world.uses("acme").uses("beta")
    first = world.tick(day(0))
    assert first.counts("hello", "matched", "entered", "advanced") == (2, 2, 0)
    assert first.of("hello")["messages"] == {"planned": 2, "held": 0, "skipped": 0}
    world.uses("cara", day(0, 12))
    second = world.tick(day(1))
    assert second.counts("hello", "matched", "entered", "advanced") == (3, 1, 2)
    third = world.tick(day(2))
    assert third.counts("hello", "matched", "entered", "advanced") == (3, 0, 3)
    assert (third.of("hello")["version"], third.json["now"]) == (world.loaded.plans["hello"].digest, "2026-03-04T10:00:00Z")


def test_planned_is_the_sum_of_all_that_became_of_messages(world: World) -> None:
    """`World.tick` holds this after every tick of every story; here with something in each place."""
    world.account().contact("ann").contact("bob", email="").contact("cat", timezone="Asia/Tokyo").contact("dan", name="")
    world.mail("picky", "{{ contact.name.split(' ')[1] }}", "Hello")
    world.playbook("hello", "- {id: one, email: one, to: everyone}")
    world.suppress("dan@customer.example")
    tick = world.tick(day(0, 12))
    assert tick.delivery == {"accepted": 1, "held": 1, "skipped": 2}
    assert world.messages("hello") == [
        "one ann accepted", "one bob skipped (no_address)", "one cat held (quiet_hours)", "one dan skipped (suppressed)",
    ]  # fmt: skip
