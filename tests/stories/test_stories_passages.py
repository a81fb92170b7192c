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
