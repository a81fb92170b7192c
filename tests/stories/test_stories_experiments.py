"""Experiments by account: a control group that only shrinks, and arms that stay what they were."""

from __future__ import annotations

from cs_engine.journey.experiment import arms, groups, position
from tests.stories.world import World, day

ACCOUNTS = [f"a{n}" for n in range(40)]
CONTROLS = [a for a in ACCOUNTS if position("hello", a) < 0.3]
FEWER = [a for a in ACCOUNTS if position("hello", a) < 0.1]


def town(world: World) -> World:
    for account in ACCOUNTS:
        world.customer(account, f"c-{account}")
    return world


def got(sent: list[str]) -> set[str]:
    return {line.split(":")[0].removeprefix("c-") for line in sent}


def test_an_account_lies_evenly_and_differently_in_each_experiment() -> None:
    spread = [position("x", str(n)) for n in range(10_000)]
    assert abs(sum(place < 0.1 for place in spread) - 1000) < 100
    both = sum(position("x", str(n)) < 0.5 and position("y", str(n)) < 0.5 for n in range(10_000))
    assert abs(both - 2500) < 200
    assert arms("x", [str(n) for n in range(10_000)], (20, 80)).tolist().count(0) in range(1850, 2150)


def test_who_was_treated_stays_treated_and_control_may_be_let_go() -> None:
    assert groups("hello", [CONTROLS[0]] * 2, 0.3, ["treated", ""]) == ["treated", "control"]
    assert groups("hello", CONTROLS[:1], 0.0, ["control"]) == ["treated"]


# --- holdout -----------------------------------------------------------------------------------------------------------

STEPS = "- {id: hello, email: one}\n- {id: ring, cta: call}\n- {id: settle, wait: 2 days}\n- {id: next, email: two}"


def test_control_takes_the_same_way_without_effect_and_is_counted_apart(world: World) -> None:
    town(world).playbook("hello", STEPS, holdout="30%")
    first = world.tick(day(0))
    treated = len(ACCOUNTS) - len(CONTROLS)
    assert CONTROLS
    assert got(first.sent) == set(ACCOUNTS) - set(CONTROLS)
    assert first.counts("hello", "matched", "entered") == (40, treated)
    assert first.of("hello")["control"] == {"entered": len(CONTROLS), "advanced": 0, "finished": {}}
    last = first
    for n in (1, 2, 4, 5):
        last = world.tick(day(n))
        assert not got(last.sent) & set(CONTROLS)
        assert {tuple(world.stands("hello", a)) for a in CONTROLS} == {tuple(world.stands("hello", a)) for a in ACCOUNTS}
    assert (last.of("hello")["finished"], last.of("hello")["control"]["finished"]) == ({"done": treated}, {"done": len(CONTROLS)})
    assert world.messages("hello", CONTROLS[0]) == []
    reasons = ["entered control", "advanced control", "advanced control", "advanced waited", "finished done: control"]
    assert [line.split(" ", 1)[1] for line in world.journal("hello", CONTROLS[0])] == reasons
    assert not [cta for cta in world.engine.store.open_ctas() if cta.account_id in CONTROLS]


def test_the_goal_of_control_counts_too(world: World) -> None:
    town(world).playbook("hello", STEPS, holdout="30%", goal="uses > 0")
    world.tick(day(0))
    world.uses(CONTROLS[0], day(1)).tick(day(2))
    assert world.stands("hello", CONTROLS[0]) == ["goal"]


def test_all_contacts_of_an_account_are_in_one_group(world: World) -> None:
    town(world).contact("more", CONTROLS[0]).playbook("hello", STEPS, holdout="30%", subject="contact")
    assert not got(world.tick(day(0)).sent) & {*CONTROLS, "more"}


def test_a_smaller_holdout_lets_control_go_at_its_next_passage_and_a_larger_one_takes_nobody(world: World) -> None:
    again = {"enter": "account.plan = 'team'", "reenter": "after 1 day"}
    town(world).playbook("hello", "- {id: hello, email: one}", holdout="30%", **again)
    world.tick(day(0))
    world.tick(day(1))

    def round_again(number: int) -> set[str]:
        sent: list[str] = []
        for plan, at in (("free", number), ("team", number + 2)):
            for account in ACCOUNTS:
                world.account(account, plan=plan)
            sent = world.tick(day(at)).sent
        world.tick(day(number + 3))
        return got(sent)

    world.playbook("hello", "- {id: hello, email: one}", holdout="10%", **again)
    assert round_again(2) == set(ACCOUNTS) - set(FEWER)
    world.playbook("hello", "- {id: hello, email: one}", holdout="30%", **again)
    world.customer("late", "c-late")
    assert round_again(6) >= set(ACCOUNTS) - set(FEWER)


def test_who_went_through_before_there_was_a_holdout_was_treated(world: World) -> None:
    again = {"enter": "account.plan = 'team'", "reenter": "after 1 day"}
    town(world).playbook("hello", "- {id: hello, email: one}", **again)
    world.tick(day(0))
    world.tick(day(1))
    for account in ACCOUNTS:
        world.account(account, plan="free")
    world.tick(day(2))
    for account in ACCOUNTS:
        world.account(account, plan="team")
    world.playbook("hello", "- {id: hello, email: one}", holdout="30%", **again)
    assert got(world.tick(day(4)).sent) == set(ACCOUNTS)


def test_a_holdout_that_is_no_share_or_of_transactional_mail_is_an_error(world: World) -> None:
    world.customer().playbook("one", STEPS, holdout=10).playbook("two", STEPS, holdout="100%")
    world.playbook("three", STEPS, holdout="5%", topic="transactional")
    assert sorted(p.code for p in world.loaded.problems.errors()) == ["P101", "P105", "P116"]


# --- split -------------------------------------------------------------------------------------------------------------

SPLIT = """
    - id: tone
      split:
        short: {weight: SHORT, steps: [{id: one, email: one}]}
        long: {weight: LONG, steps: [{id: two, email: two}]}
    - {id: settle, wait: 1 day}
    - {id: end, email: three}
"""


def split(short: int) -> str:
    return SPLIT.replace("SHORT", str(short)).replace("LONG", str(100 - short))


def test_a_split_sends_accounts_different_ways_and_they_meet_again(world: World) -> None:
    town(world).playbook("hello", split(50))
    sent = world.tick(day(0)).sent
    short = {a for a, arm in zip(ACCOUNTS, arms("hello/tone", ACCOUNTS, (50, 50)), strict=True) if arm == 0}
    assert 0 < len(short) < 40
    assert got([line for line in sent if "One" in line]) == short
    assert got([line for line in sent if "Two" in line]) == set(ACCOUNTS) - short
    assert f"tone advanced {'short' if 'a0' in short else 'long'}" in world.journal("hello", "a0")
    assert len(world.tick(day(1)).sent) == 40


def test_an_account_keeps_its_arm_when_the_weights_change(world: World) -> None:
    again = {"enter": "account.plan = 'team'", "reenter": "after 1 day"}
    town(world).playbook("hello", split(50), **again)
    first = world.tick(day(0)).sent
    for n in (1, 2, 3):
        world.tick(day(n))
    for account in ACCOUNTS:
        world.account(account, plan="free")
    world.tick(day(4))
    for account in ACCOUNTS:
        world.account(account, plan="team")
    world.playbook("hello", split(1), **again)
    assert world.tick(day(6)).sent == first


def test_contacts_of_one_account_take_one_arm(world: World) -> None:
    for n in range(8):
        world.account().contact(f"c{n}")
    world.playbook("hello", split(50), subject="contact")
    assert len({line.split(": ")[1] for line in world.tick(day(0)).sent}) == 1


def test_an_arm_without_steps_goes_on_behind_the_split(world: World) -> None:
    steps = "- {id: x, split: {a: {weight: 50}, b: {weight: 50}}}\n- {id: end, email: three}"
    world.customer().playbook("hello", steps)
    assert world.tick(day(0)).sent == ["ann: Three for Acme"]


def test_weights_that_do_not_sum_to_100_have_their_place(world: World) -> None:
    world.customer().playbook("hello", split(50).replace("weight: 50, steps: [{id: two", "weight: 40, steps: [{id: two"))
    (problem,) = world.loaded.problems.errors()
    assert (problem.code, problem.place.line, problem.message) == ("P117", 6, "the weights of the arms sum to 90, not to 100")
