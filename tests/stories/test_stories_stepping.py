"""A CSM skips or postpones one account's next step: never behind a mail that has left, never in a running tick's way."""

from __future__ import annotations

from datetime import datetime

import pytest

from cs_engine.errors import WrongUse
from cs_engine.instants import to_micros
from cs_engine.run.desk.stepping import postpone, skip
from cs_engine.run.tick import run_tick
from tests.stories.world import World, day

TWO = "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}"
ALEX = "alex@vendor.example"


def skips(world: World, step: str | None = None, playbook: str = "hello", account: str = "acme") -> list[tuple[str, bool]]:
    return [(done.step, done.fresh) for done in skip(world.engine, account, playbook, step, "spoke to them", ALEX)]


def postpones(world: World, until: datetime, step: str | None = None) -> list[tuple[str, bool]]:
    return [(done.step, done.fresh) for done in postpone(world.engine, "acme", "hello", step, to_micros(until), "at a fair")]


# --- skip --------------------------------------------------------------------------------------------------------------


def test_a_step_of_a_passage_in_shadow_can_be_skipped_too(world: World) -> None:
    """By the version that it is on, which in shadow is the same."""
    world.customer().playbook("hello", "- {id: rest, wait: 2 days}\n- {id: two, email: two}", mode="shadow").tick(day(0))
    assert skips(world) == [("two", True)]
    assert world.tick(day(2)).sent == []
    assert world.stands("hello") == ["done"]


def test_a_mail_that_waits_for_the_morning_is_not_sent_and_the_passage_goes_on(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0, 22))
    assert skips(world) == [("one", True)]
    assert world.messages("hello") == ["one ann skipped (by_hand)"]
    assert world.tick(day(1)).sent == []
    assert world.stands("hello") == ["rest"]
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]
    assert [line for line in world.journal("hello") if line.startswith("one")] == [
        "one entered",
        "one held quiet_hours",
        "one skip_ordered alex@vendor.example: spoke to them",
        "one skipped by_hand",
        "one advanced skip",
    ]


def test_without_a_step_the_next_one_that_does_something_is_meant_not_the_wait_before_it(world: World) -> None:
    world.customer().playbook("hello", TWO + "\n- {id: three, email: three}").tick(day(0))
    world.tick(day(1))
    assert world.stands("hello") == ["rest"]
    assert skips(world) == [("two", True)]
    assert world.tick(day(1, 12)).sent == []
    assert world.tick(day(2)).sent == ["ann: Three for Acme"]


def test_a_step_that_lies_ahead_is_passed_by_when_the_passage_comes_to_it(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0))
    skips(world, "two")
    for at in (1, 2, 3, 4):
        assert world.tick(day(at)).sent == []
    assert world.stands("hello") == ["done"]


def test_a_wait_that_is_skipped_ends(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0))
    world.tick(day(0, 11))
    skips(world, "rest")
    assert world.tick(day(0, 12)).sent == ["ann: Two for Acme"]


def test_a_whole_branch_is_skipped_and_set_steps_set_nothing(world: World) -> None:
    fork = "- {id: rest, wait: 1 days}\n- {id: fork, if: uses = 0, then: [{id: one, email: one}]}"
    world.customer().playbook("hello", fork + "\n- {id: mark, set: {stage: x}}\n- {id: two, email: two}").tick(day(0))
    skips(world, "fork")
    skips(world, "mark")
    assert world.tick(day(1)).sent == ["ann: Two for Acme"]
    assert world.engine.store.values() == {}


def test_a_step_on_a_date_is_skipped_with_its_date(world: World) -> None:
    world.customer(renewal_at=day(9).isoformat()).playbook(
        "hello", "- {id: one, email: one, at: account.renewal_at}\n- {id: two, email: two}"
    )
    world.tick(day(0))
    assert skips(world, "one.at") == [("one.at", True)]
    assert world.tick(day(1)).sent == ["ann: Two for Acme"]


def test_two_of_the_same_do_no_harm(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0, 22))
    assert [skips(world, "one"), skips(world, "one"), skips(world)] == [[("one", True)], [("one", False)], [("one", False)]]
    assert sum("skip_ordered" in line for line in world.journal("hello")) == 1
    assert world.adds_up()


def test_an_alert_that_was_not_posted_is_closed(world: World) -> None:
    world.project(caps=[{"per": "csm", "most": 1, "in": "7 days"}])
    world.customer().customer("beta", "bob").playbook("hello", "- {id: call, cta: call}\n- {id: rest, wait: 9 days}")
    world.tick(day(0))
    (held,) = [a for a in ("acme", "beta") if "held" in world.messages("hello", a)[0]]
    skips(world, account=held)
    assert len(world.engine.store.open_ctas()) == 1


@pytest.mark.parametrize(
    ("step", "said"),
    [("thre", "has no step"), ("one", "is behind it")],
)
def test_what_cannot_be_skipped_is_refused_with_the_reason(world: World, step: str, said: str) -> None:
    world.customer().playbook("hello", TWO).tick(day(0))
    world.tick(day(1))
    with pytest.raises(WrongUse) as refused:
        skips(world, step)
    assert said in refused.value.message
    assert refused.value.mend


def test_who_is_not_inside_has_nothing_to_skip(world: World) -> None:
    world.customer().playbook("hello", TWO, enter="uses > 99").tick(day(0))
    with pytest.raises(WrongUse, match="not inside"):
        skips(world)


def test_where_the_way_is_not_decided_yet_the_step_has_to_be_named(world: World) -> None:
    world.customer().playbook("hello", "- {id: rest, wait: 1 days}\n- {id: fork, if: uses = 0, then: [{id: one, email: one}]}").tick(day(0))
    with pytest.raises(WrongUse, match="not decided yet") as refused:
        skips(world)
    assert refused.value.mend == "name one: rest, fork, one"


def test_contacts_of_an_account_that_pass_through_are_all_meant(world: World) -> None:
    world.customer().contact("bob").playbook("hello", TWO, subject="contact").tick(day(0, 22))
    assert skips(world) == [("one", True), ("one", True)]
    assert world.tick(day(1)).sent == []


# --- postpone ----------------------------------------------------------------------------------------------------------


def test_a_message_waits_until_then_and_the_passage_with_it(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0, 22))
    assert postpones(world, day(3, 9)) == [("one", True)]
    assert world.messages("hello") == ["one ann held (postponed)"]
    assert world.tick(day(1)).sent == []
    assert world.tick(day(3, 10)).sent == ["ann: One for Acme"]
    assert world.tick(day(4)).sent == []
    assert world.tick(day(6)).sent == ["ann: Two for Acme"]


def test_a_message_that_is_not_planned_yet_waits_too(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0))
    world.tick(day(1))
    assert postpones(world, day(9)) == [("two", True)]
    assert world.tick(day(3)).sent == []
    assert world.messages("hello")[-1] == "two ann held (postponed)"
    assert world.tick(day(9)).sent == ["ann: Two for Acme"]


@pytest.mark.parametrize(
    "wait", ["{id: rest, wait: 2 days}", "{id: rest, wait_until: uses > 0}", "{id: rest, wait_until: uses > 9, at_most: 2 days}"]
)
def test_a_wait_does_not_end_before_then(world: World, wait: str) -> None:
    world.customer().uses("acme", day(1, 9)).playbook("hello", f"- {wait}\n- {{id: two, email: two}}").tick(day(0))
    postpones(world, day(5), "rest")
    assert [bool(world.tick(day(at)).sent) for at in (1, 2, 3, 4, 5)] == [False, False, False, False, True]


def test_the_goal_ends_it_all_the_same(world: World) -> None:
    world.customer().uses("acme", day(1, 9)).playbook("hello", TWO, goal="uses > 0").tick(day(0, 22))
    postpones(world, day(5))
    world.tick(day(1))
    assert (world.stands("hello"), world.messages("hello")) == (["goal"], ["one ann skipped (goal)"])


def test_the_last_time_holds_also_an_earlier_one(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0, 22))
    assert [postpones(world, day(at)) for at in (9, 2, 2)] == [[("one", True)], [("one", True)], [("one", False)]]
    assert world.tick(day(2)).sent == ["ann: One for Acme"]


def test_what_is_postponed_keeps_as_long_as_it_would_have(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one, expires: 2 days}").tick(day(0, 22))
    postpones(world, day(5))
    assert world.tick(day(5)).sent == ["ann: One for Acme"]


def test_a_skip_wins_over_a_time_and_a_time_does_not_bring_it_back(world: World) -> None:
    world.customer().playbook("hello", TWO).tick(day(0))
    world.tick(day(1))
    postpones(world, day(5))
    assert skips(world) == [("two", True)]
    with pytest.raises(WrongUse, match="skipped already"):
        postpones(world, day(6), "two")
    world.tick(day(3))
    assert world.tick(day(9)).sent == []


def test_a_time_that_has_passed_and_a_step_that_is_no_wait_are_refused(world: World) -> None:
    world.customer().playbook("hello", "- {id: rest, wait: 1 days}\n- {id: mark, set: {stage: x}}").tick(day(0))
    with pytest.raises(WrongUse, match="has passed"):
        postpones(world, day(0))
    with pytest.raises(WrongUse, match="cannot be postponed"):
        postpones(world, day(3), "mark")


# --- beside a tick -----------------------------------------------------------------------------------------------------


def test_a_message_on_its_way_cannot_be_taken_back(world: World) -> None:
    world.customer().playbook("hello", TWO)
    channel = world.engine.outbox._channels["email"]
    refused: list[str] = []

    class Beside:
        def send(self, parcels: object, holds: object) -> object:
            with pytest.raises(WrongUse) as wrong:
                skips(world)
            refused.append(wrong.value.message)
            return channel.send(parcels, holds)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(channel, name)

    world.engine.outbox._channels["email"] = Beside()  # type: ignore[index]
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    assert refused == ["a message of one is on its way: it cannot be taken back"]
    assert world.adds_up()


def test_a_tick_that_decided_without_the_order_decides_again(world: World) -> None:
    """The order is given after the tick has read what stands and before it commits: nobody gets the mail."""
    world.customer().playbook("hello", TWO).tick(day(0))
    world.tick(day(1))

    def between(playbook: str, step: str, work: object) -> None:
        if step == "rest":
            assert skips(world, "two") == [("two", True)]
        work()  # type: ignore[operator]

    run_tick(world.engine, day(3), do=between)
    assert world.stands("hello") == ["done"]
    assert not any(line.startswith("two") for line in world.messages("hello"))
