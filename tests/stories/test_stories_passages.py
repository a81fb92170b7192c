"""When a passage begins, how often, and when it is left before its end: while, reenter."""

from __future__ import annotations

from tests.stories.world import World, day

WAIT = "- {id: settle, wait: 30 days}\n- {id: hello, email: one}"


# --- while -------------------------------------------------------------------------------------------------------------


def test_while_ends_the_passage_as_soon_as_it_holds_no_more(world: World) -> None:
    world.customer(plan="team").playbook("hello", WAIT, **{"while": "account.plan = 'team'"})
    world.tick(day(0))
    assert world.stands("hello") == ["settle"]
    world.account(plan="free")
    assert world.tick(day(1)).of("hello")["finished"] == {"exit": 1}
    assert world.stands("hello") == ["exit"]
    assert world.journal("hello", at=day(1)) == ["settle finished exit: while"]


def test_without_while_someone_who_entered_stays_in(world: World) -> None:
    world.customer(plan="team").playbook("hello", WAIT, enter="account.plan = 'team'")
    world.tick(day(0))
    world.account(plan="free")
    world.tick(day(1))
    assert world.stands("hello") == ["settle"]


def test_who_does_not_meet_while_does_not_enter_and_why_says_so(world: World) -> None:
    world.customer(plan="free").playbook("hello", WAIT, **{"while": "account.plan = 'team'"})
    assert world.tick(day(0)).counts("hello", "matched", "entered") == (1, 0)
    assert world.why("hello")["subjects"][0]["verdict"] == "did not enter: while not true"


def test_goal_beats_exit_and_exit_beats_while(world: World) -> None:
    keys = {"goal": "uses > 1", "exit": "uses > 0", "while": "uses = 0"}
    world.customer().customer("bell", "bob").playbook("hello", WAIT, **keys)
    world.tick(day(0, 8.5))
    world.uses("acme", day(0, 9), day(0, 9.1)).uses("bell", day(0, 9))
    world.tick(day(1))
    assert (world.stands("hello"), world.stands("hello", "bell")) == (["goal"], ["exit"])
    assert world.journal("hello", "bell")[-1] == "settle finished exit"


def test_a_cta_closes_when_while_ends(world: World) -> None:
    world.customer(plan="team").playbook("hello", "- {id: ring, cta: call}\n" + WAIT, **{"while": "account.plan = 'team'"})
    world.tick(day(0))
    world.account(plan="free")
    world.tick(day(1))
    assert world.engine.store.open_ctas() == []
    assert "ring cta_closed while" in world.journal("hello")


# --- reenter -----------------------------------------------------------------------------------------------------------

AGAIN = {"enter": "account.plan = 'team'", "reenter": "after 10 days"}
ONE = "- {id: hello, email: one}"


def test_nobody_enters_twice_unless_the_playbook_says_so(world: World) -> None:
    world.customer(plan="team").playbook("hello", ONE, enter="account.plan = 'team'")
    world.tick(day(0))
    world.tick(day(1))
    world.account(plan="free").tick(day(2))
    world.account(plan="team").tick(day(40))
    assert world.stands("hello") == ["done"]


def test_reenter_counts_from_the_end_of_the_last_passage(world: World) -> None:
    world.customer(plan="team").playbook("hello", ONE, **AGAIN)
    world.tick(day(0))
    world.tick(day(1))  # the end
    world.account(plan="free").tick(day(2))
    world.account(plan="team")
    assert world.tick(day(10.9)).counts("hello", "entered") == (0,)
    assert world.tick(day(11)).sent == ["ann: One for Acme"]
    assert world.stands("hello") == ["done", "hello"]
    assert world.journal("hello", at=day(11))[0] == "hello entered passage 2"


def test_reenter_needs_the_condition_to_have_been_false_in_between(world: World) -> None:
    world.customer(plan="team").playbook("hello", ONE, **AGAIN)
    for n in (0, 1, 20, 40):
        world.tick(day(n))
    assert world.stands("hello") == ["done"]
    verdict = world.why("hello")["subjects"][0]["verdict"]
    assert verdict.endswith("may enter again from 2026-03-13T10:00:00Z, if audience and enter were not both true in between")
    world.account(plan="free").tick(day(41))
    assert world.account(plan="team").tick(day(42)).sent == ["ann: One for Acme"]


def test_false_while_inside_is_not_false_in_between(world: World) -> None:
    world.customer(plan="team").playbook("hello", "- {id: settle, wait: 5 days}\n" + ONE, **AGAIN)
    world.tick(day(0))
    world.account(plan="free").tick(day(1))
    world.account(plan="team").tick(day(5))
    world.tick(day(6))
    assert world.tick(day(30)).counts("hello", "entered") == (0,)


def test_reenter_goes_with_once_per_key_by_key(world: World) -> None:
    world.customer(plan="team", contract_id="c1").playbook("hello", ONE, once_per="account.contract_id", **AGAIN)
    world.tick(day(0))
    world.tick(day(1))
    # Another contract is another key: at once.
    assert world.account(contract_id="c2").tick(day(2)).sent == ["ann: One for Acme"]
    world.tick(day(3))
    # The first again: it was not true of this one in between.
    assert world.account(contract_id="c1").tick(day(20)).sent == ["ann: One for Acme"]
    assert [(p.key, p.passage) for p in world.engine.store.enrolments_of("acme", "hello")] == [("c1", 1), ("c2", 1), ("c1", 2)]


def test_a_passage_of_its_own_has_messages_of_its_own(world: World) -> None:
    world.customer(plan="team").playbook("hello", ONE, **AGAIN)
    world.tick(day(0))
    world.tick(day(1))
    world.account(plan="free").tick(day(2))
    world.account(plan="team").tick(day(11))
    assert world.messages("hello") == ["hello ann accepted", "hello ann accepted"]


def test_a_reenter_that_cannot_be_read_has_its_place(world: World) -> None:
    world.customer().playbook("hello", ONE, reenter="90 days")
    (problem,) = world.loaded.problems.errors()
    assert (problem.code, problem.place.line, problem.mend) == ("P105", 4, "write `after 90 days`")
