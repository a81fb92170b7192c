"""Rules of a tick: waits and their blocks, conditions on steps, messages that hold a passage, and who passes how often."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day

HELP = """
    - {id: begin, email: one}
    - id: watch
      wait_until: uses > 0
      at_most: 2 days
      otherwise:
        - {id: help, email: help}
        - {id: pause, wait: 3 days}
        - {id: again, email: two}
      after: AFTER
    - {id: end, email: three}
"""


def helped(after: str) -> str:
    return HELP.replace("AFTER", after)


# --- otherwise ---------------------------------------------------------------------------------------------------------


def test_a_wait_that_is_met_goes_on_at_once(world: World) -> None:
    world.customer().uses("acme", day(1, 12)).playbook("hello", helped("continue"))
    world.tick(day(0))
    assert world.tick(day(1)).sent == []
    assert world.tick(day(2)).sent == ["ann: Three for Acme"]


def test_otherwise_runs_once_when_at_most_has_passed(world: World) -> None:
    world.customer().playbook("hello", helped("keep_waiting"))
    world.tick(day(0))
    sent = {n: mails for n in (1, 2, 3, 4, 5, 6, 9, 20) if (mails := world.tick(day(n)).sent)}
    assert sent == {2: ["ann: Help for Acme"], 5: ["ann: Two for Acme"]}


def test_at_most_counts_from_when_the_message_before_ended(world: World) -> None:
    """Planned on Monday night, sent on Tuesday morning: two days from then, not from Monday."""
    world.customer().playbook("hello", helped("continue"))
    world.tick(day(0, 22))
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    assert world.tick(day(2, 22)).sent == []
    assert world.tick(day(3, 9.9)).sent == []
    assert world.tick(day(3)).sent == ["ann: Help for Acme"]


def test_after_keep_waiting_the_wait_goes_on_until_it_is_met(world: World) -> None:
    world.customer().uses("acme", day(30, 9)).playbook("hello", helped("keep_waiting"))
    for n in (0, 2, 3, 6, 7, 20):
        world.tick(day(n))
    assert world.stands("hello") == ["watch"]
    assert world.tick(day(30)).sent == ["ann: Three for Acme"]


def test_after_continue_the_block_goes_on_behind_the_wait(world: World) -> None:
    world.customer().playbook("hello", helped("continue"))
    for n in (0, 2, 3, 6):
        world.tick(day(n))
    assert world.tick(day(7)).sent == ["ann: Three for Acme"]


def test_after_stop_the_passage_ends_done(world: World) -> None:
    world.customer().playbook("hello", helped("stop"))
    for n in (0, 2, 3, 6, 7):
        world.tick(day(n))
    assert world.stands("hello") == ["done"]
    assert world.journal("hello")[-1] == "again finished done: sent"


@pytest.mark.parametrize(("after", "stands"), [("continue", ["end"]), ("stop", ["done"])])
def test_after_decides_without_a_block_too(world: World, after: str, stands: list[str]) -> None:
    world.customer().playbook(
        "hello", f"- {{id: watch, wait_until: uses > 0, at_most: 2 days, after: {after}}}\n- {{id: end, email: three}}"
    )
    world.tick(day(0))
    world.tick(day(2))
    assert world.stands("hello") == stands


def test_while_in_the_block_the_wait_stays_watched(world: World) -> None:
    world.customer().uses("acme", day(3, 12)).playbook("hello", helped("keep_waiting"))
    for n in (0, 2, 3):
        world.tick(day(n))
    assert world.stands("hello") == ["pause"]
    assert world.tick(day(4)).sent == ["ann: Three for Acme"]
    assert "watch advanced met" in world.journal("hello", at=day(4))


def test_a_held_mail_of_a_block_that_is_left_is_skipped_with_the_reason(world: World) -> None:
    world.customer().uses("acme", day(2, 23)).playbook("hello", helped("keep_waiting"))
    world.tick(day(0))
    assert world.tick(day(2, 22)).delivery == {"held": 1}
    tick = world.tick(day(3))
    assert tick.sent == ["ann: Three for Acme"]
    assert world.messages("hello") == ["begin ann accepted", "end ann accepted", "help ann skipped (left_step)"]
    assert tick.delivery["skipped"] == 1
    assert tick.of("hello")["messages"]["skipped"] == 1
    assert "help skipped left_step" in world.journal("hello", at=day(3))


def test_if_the_condition_and_at_most_are_both_true_the_condition_wins(world: World) -> None:
    world.customer().uses("acme", day(2, 9)).playbook("hello", helped("stop"))
    world.tick(day(0))
    world.tick(day(1))
    assert world.tick(day(9)).sent == ["ann: Three for Acme"]


def test_an_inner_wait_is_left_with_the_block_of_the_outer_one(world: World) -> None:
    world.customer().uses("acme", day(3, 12)).playbook(
        "hello",
        """
        - id: outer
          wait_until: uses > 0
          at_most: 1 day
          otherwise:
            - id: inner
              wait_until: uses > 5
              at_most: 1 day
              otherwise: [{id: help, email: help}, {id: pause, wait: 9 days}]
              after: keep_waiting
          after: keep_waiting
        - {id: end, email: three}
        """,
    )
    for n in (0, 1, 2, 3):
        world.tick(day(n))
    assert world.stands("hello") == ["pause"]
    assert world.tick(day(4)).sent == ["ann: Three for Acme"]


# --- steps -------------------------------------------------------------------------------------------------------------


def test_if_on_a_step_passes_by_those_of_whom_it_does_not_hold(world: World) -> None:
    world.customer(plan="team").customer("beta", "bob", plan="free")
    world.playbook("hello", "- {id: one, if: account.plan = 'free', email: one}\n- {id: two, email: two}")
    assert world.tick(day(0)).sent == ["ann: Two for Acme", "bob: One for Beta"]
    assert world.journal("hello")[1] == "one advanced if"


def test_if_then_else_parts_and_joins(world: World) -> None:
    world.customer(plan="team").customer("beta", "bob", plan="free").playbook(
        "hello",
        """
        - id: kind
          if: account.plan = 'free'
          then: [{id: one, email: one}]
          else: [{id: two, email: two}]
        - {id: three, email: three}
        """,
    )
    assert world.tick(day(0)).sent == ["ann: Two for Acme", "bob: One for Beta"]
    assert world.tick(day(1)).sent == ["ann: Three for Acme", "bob: Three for Beta"]


def test_stop_ends_the_passage_for_those_of_whom_its_condition_holds(world: World) -> None:
    world.customer(plan="team").customer("beta", "bob", plan="free")
    world.playbook("hello", "- {id: one, email: one}\n- {if: account.plan = 'free', stop: }\n- {id: two, email: two}")
    world.tick(day(0))
    assert world.tick(day(1)).sent == ["ann: Two for Acme"]
    assert world.stands("hello", "beta") == ["done"]


def test_a_condition_that_ends_blank_is_false(world: World) -> None:
    world.customer(seats="").customer("beta", "bob", seats=3)
    world.playbook("hello", "- {id: one, if: not (account.seats > 5), email: one}\n- {id: two, email: two}")
    assert world.tick(day(0)).sent == ["ann: Two for Acme", "bob: One for Beta"]


# --- messages hold their passage ---------------------------------------------------------------------------------------


def test_a_held_mail_holds_its_passage_and_the_next_wait_counts_from_its_sending(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}")
    assert world.tick(day(0, 22)).delivery == {"held": 1}
    assert world.tick(day(0, 23)).counts("hello", "advanced") == (0,)
    assert world.tick(day(1, 9)).sent == ["ann: One for Acme"]
    assert world.tick(day(3, 8.5)).sent == []
    assert world.tick(day(3, 9)).sent == ["ann: Two for Acme"]


def test_a_step_ends_when_its_last_message_does(world: World) -> None:
    world.account().contact("ann").contact("cat", timezone="Asia/Tokyo")
    world.playbook("hello", "- {id: one, email: one, to: everyone}\n- {id: two, email: two}")
    assert world.tick(day(0, 12)).sent == ["ann: One for Acme"]
    assert world.tick(day(0, 15)).counts("hello", "advanced") == (0,)
    assert world.tick(day(1, 0)).sent == ["cat: One for Acme"]
    assert world.tick(day(1)).sent == ["ann: Two for Acme"]


def test_a_mail_that_is_skipped_ends_its_step_too(world: World) -> None:
    world.account().contact("ann", email="").playbook("hello", "- {id: one, email: one}\n- {id: two, cta: call}")
    assert world.tick(day(0)).delivery == {"skipped": 1}
    assert world.tick(day(1)).sent == ["U-ALEX: Call Acme"]


def test_a_passage_whose_subject_is_gone_ends(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one}\n- {id: rest, wait: 2 days}")
    world.tick(day(0))
    world.gone("acme", "ann")
    tick = world.tick(day(1))
    assert tick.counts("hello", "finished") == ({"exit": 1},)
    assert world.journal("hello", at=day(1)) == ["one finished exit: subject_gone"]


def test_a_doubled_run_plans_nothing_twice(world: World) -> None:
    world.customer().customer("beta", "bob").playbook("hello", helped("keep_waiting"))
    twin = World(world.root)
    for n in range(4):
        world.tick(day(n))
        twin.tick(day(n), "hello")
    twin.close()
    assert world.messages("hello") == ["begin ann accepted", "help ann accepted"]
    assert world.engine.store.counts().planned == 4


# --- who passes how often ----------------------------------------------------------------------------------------------


def test_without_once_per_there_is_one_passage_ever(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one}", enter="quiet_days > 3")
    world.uses("acme", day(0), day(10))
    for n in (0, 5, 6, 10, 20):
        world.tick(day(n))
    assert world.stands("hello") == ["done"]


def test_a_new_key_of_once_per_is_a_new_passage(world: World) -> None:
    world.customer(contract_id="c-1").playbook("renewal", "- {id: one, email: one}", once_per="account.contract_id")
    world.tick(day(0))
    world.tick(day(1))
    assert world.tick(day(2)).sent == []
    world.account(contract_id="c-2")
    assert world.tick(day(3)).sent == ["ann: One for Acme"]
    assert [p.key for p in world.engine.store.enrolments_of("acme", "renewal")] == ["c-1", "c-2"]


def test_there_is_one_active_passage_at_a_time(world: World) -> None:
    world.customer(contract_id="c-1")
    world.playbook("renewal", "- {id: rest, wait: 5 days}\n- {id: one, email: one}", once_per="account.contract_id")
    world.tick(day(0))
    world.account(contract_id="c-2")
    assert world.tick(day(2)).counts("renewal", "matched", "entered") == (1, 0)
    world.tick(day(5))
    assert world.tick(day(6)).counts("renewal", "entered") == (1,)
    assert world.stands("renewal") == ["done", "rest"]


# --- existing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("existing", [None, "skip"])
def test_who_matched_already_is_passed_over_and_counted(world: World, existing: str | None) -> None:
    world.customer().customer("beta", "bob").uses("acme").uses("beta", day(0, 12))
    world.playbook("hello", "- {id: one, email: one}", enter="uses > 0", existing=existing)
    first = world.tick(day(0))
    assert (first.sent, first.counts("hello", "matched", "entered", "passed_over")) == ([], (1, 0, 1))
    assert world.tick(day(1)).sent == ["bob: One for Beta"]


def test_existing_include_takes_them(world: World) -> None:
    world.customer().uses().playbook("hello", "- {id: one, email: one}", enter="uses > 0", existing="include")
    assert world.tick(day(0)).counts("hello", "matched", "entered", "passed_over") == (1, 1, 0)


def test_who_was_passed_over_stays_out_until_the_condition_was_false_in_between(world: World) -> None:
    world.customer().uses("acme", day(0, 9), day(12, 9)).playbook("hello", "- {id: one, email: one}", enter="uses_7d > 0", existing=None)
    for n in (0, 1, 5):
        assert world.tick(day(n)).counts("hello", "matched", "entered") == (1, 0)
    assert world.tick(day(9)).counts("hello", "matched") == (0,)
    assert world.tick(day(12)).sent == ["ann: One for Acme"]


def test_passing_over_survives_a_first_run_that_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first run that died half-way is still to come: whoever matched is not mailed by the second."""
    world.customer().playbook("hello", "- {id: one, email: one}", existing=None)

    def breaks(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(world.engine.store, "put_passed_over", breaks)
        assert world.tick(day(0)).json["failures"] == ["hello/enter: OSError"]
    tick = world.tick(day(0, 10.01))
    assert tick.counts("hello", "matched", "entered", "passed_over") == (1, 0, 1)
