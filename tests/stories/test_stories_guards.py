"""Guards: bad data, or too much at once, make nothing until somebody says yes."""

from __future__ import annotations

import json

from cs_engine.run.guarding import approve
from tests.stories.world import World, day

ONE = "- {id: hello, email: one}"


def guarded(world: World, **keys: object) -> World:
    return world.project(guards=keys)


def many(world: World, n: int, start: int = 0) -> World:
    for number in range(start, start + n):
        world.customer(f"a{number:02}", f"c{number:02}")
    return world


def yes(world: World, tick_run: str) -> list[str]:
    return [order.reason for order in approve(world.engine, tick_run, "kim")]


def test_too_many_who_would_enter_wait_for_a_yes_and_then_enter(world: World) -> None:
    """Nobody of them enters, exit code and Slack say so, and approving the run lets them go in the next one."""
    many(guarded(world, enrolments={"first_day": 5}), 8).playbook("hello", ONE, owner="kim@vendor.example").playbook(
        "other", "- {id: two, email: two}", enter="account.id = 'a00'"
    )
    tick = world.tick(day(0))
    why = "8 enrolments in one run, 5 are allowed (first_day: 5)"
    assert tick.json["guards"] == [{"run": "run_20260302T100000Z", "playbook": "hello", "what": "enrolments", "reason": why}]
    assert tick.counts("hello", "matched", "entered") == (8, 0)
    assert tick.sent == ["U-KIM: :raised_hand: *hello*: the work waits for a yes.", "c00: Two for A00"]
    said = json.loads(next(file for file in tick.files if file.kind == "slack").path.read_bytes())["text"]
    assert said.endswith(f"• {why}\nTo let it go: `cs-engine approve run_20260302T100000Z`")
    assert world.why("hello", "a03")["subjects"][0]["verdict"] == (
        f"matches, but waits for a yes: {why} (cs-engine approve run_20260302T100000Z)"
    )
    again = world.tick(day(0, 11))
    assert (again.sent, again.json["guards"][0]["run"]) == ([], "run_20260302T100000Z"), "told once, and still the same run"
    assert yes(world, "run_20260302T100000Z") == [why]
    freed = world.tick(day(0, 12))
    assert (len(freed.sent), freed.json["guards"], freed.counts("hello", "entered")) == (8, [], (8,))
    assert world.journal("hello", "")[0].split()[0] == "held_for_approval"


def test_a_yes_is_used_up(world: World) -> None:
    many(guarded(world, enrolments={"first_day": 5}), 8).playbook("hello", ONE)
    world.tick(day(0))
    yes(world, "run_20260302T100000Z")
    world.tick(day(0, 11))
    many(world, 8, start=10)
    assert world.tick(day(0, 12)).counts("hello", "entered") == (0,)


def test_when_the_data_are_mended_the_breach_is_over_by_itself(world: World) -> None:
    many(guarded(world, enrolments={"first_day": 5}), 8).playbook("hello", ONE)
    world.tick(day(0))
    world.gone(*(f"a{n:02}" for n in range(4)), *(f"c{n:02}" for n in range(4)))
    tick = world.tick(day(0, 11))
    assert (tick.counts("hello", "entered"), tick.json["guards"]) == ((4,), [])
    assert yes(world, "run_20260302T100000Z") == []


def test_a_fault_makes_few_ctas_not_ten_thousand_and_who_succeeds_leaves_all_the_same(world: World) -> None:
    """Steps of those inside are guarded as entries are: nobody moves to the CTA, nothing is opened."""
    steps = "- {id: settle, wait: 1 days}\n- {id: ring, cta: call}"
    many(guarded(world, ctas={"first_day": 3}), 6).playbook("hello", steps, goal="uses > 0")
    world.tick(day(0))
    world.uses("a00", day(1, 9))
    tick = world.tick(day(1))
    assert tick.json["guards"][0]["reason"] == "5 ctas in one run, 3 are allowed (first_day: 3)"
    assert (world.stands("hello", "a00"), world.stands("hello", "a01")) == (["goal"], ["settle"])
    assert world.engine.store.open_ctas() == []
    yes(world, tick.json["guards"][0]["run"])
    assert world.tick(day(1, 11)).sent == [f"U-ALEX: Call A0{n}" for n in range(1, 6)]


def test_mail_is_guarded_where_few_enter_and_many_are_written_to(world: World) -> None:
    world.customer()
    for number in range(6):
        world.contact(f"o{number}", "acme", "operator")
    guarded(world, mails={"first_day": 3}).playbook("hello", "- {id: hello, email: one, to: everyone}")
    tick = world.tick(day(0))
    assert (tick.json["guards"][0]["what"], tick.counts("hello", "entered")) == ("mails", (0,))
    yes(world, tick.json["guards"][0]["run"])
    assert len(world.tick(day(0, 11)).sent) == 7


def test_one_yes_covers_all_that_the_run_wanted(world: World) -> None:
    many(guarded(world, enrolments={"first_day": 5}, mails={"first_day": 5}), 8).playbook("hello", ONE)
    tick = world.tick(day(0))
    assert [held["what"] for held in tick.json["guards"]] == ["enrolments", "mails"]
    yes(world, "run_20260302T100000Z")
    assert len(world.tick(day(0, 11)).sent) == 8


def test_a_tick_that_is_run_again_at_the_same_now_counts_what_it_has_done(world: World) -> None:
    many(guarded(world, enrolments={"first_day": 5}), 4).playbook("hello", ONE)
    world.tick(day(0))
    many(world, 4, start=10)
    assert world.tick(day(0)).counts("hello", "entered") == (0,)


def test_usage_that_is_too_old_decides_nothing_until_it_is_fresh(world: World) -> None:
    """Nobody enters, moves or leaves, no CTA is closed, no milestone is reached."""
    guarded(world, usage={"newest": "2 days"}).customer().uses("acme", day(0, 9))
    world.playbook("hello", ONE + "\n- {id: settle, wait: 1 days}\n- {id: next, email: two}", goal="uses > 50").milestone(
        "used", "uses >= 1"
    )
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    tick = world.tick(day(3))
    assert tick.json["guards"] == [
        {"run": "run_20260305T100000Z", "playbook": "", "what": "newest",
         "reason": "the usage is too old: the newest is of 2026-03-02 09:00 UTC"}
    ]  # fmt: skip
    assert tick.sent == ["#cs: :raised_hand: *all playbooks*: the work waits for a yes."]
    assert world.stands("hello") == ["hello"]
    assert world.tick(day(3, 11)).sent == []
    world.uses("acme", day(3, 11))
    fresh = world.tick(day(3, 12))
    assert (fresh.json["guards"], fresh.json["milestones"], fresh.sent) == ([], {}, ["ann: Two for Acme"])


def test_mail_that_was_planned_before_waits_for_fit_data_and_its_goal_is_asked_then(world: World) -> None:
    """Who is gone from broken data is not skipped."""
    guarded(world, usage={"newest": "12 hours"}).customer().customer("bell", "bob").uses("bell", day(0, 21))
    world.playbook("hello", ONE, goal="account.plan = 'won'").playbook("ring", "- {id: ring, cta: call}")
    world.playbook("weekly", ONE, goal="account.plan = 'won'", schedule="0 22 * * MON")
    tick = world.tick(day(0, 22))
    assert tick.sent == ["U-ALEX: Call Acme", "U-ALEX: Call Bell"]
    world.gone("bob")
    assert world.tick(day(1)).sent == ["#cs: :raised_hand: *all playbooks*: the work waits for a yes."]
    assert world.messages("hello", "bell") == world.messages("weekly", "bell") == ["hello bob held (unfit_data)"]
    world.contact("bob", "bell").account("acme", plan="won").uses("bell", day(1, 11))
    assert world.tick(day(1, 11)).sent == ["bob: One for Bell", "bob: One for Bell"]
    assert world.messages("hello") == world.messages("weekly") == ["hello ann skipped (goal)"]


def test_a_yes_to_the_data_lets_the_mail_go_that_waited_for_them(world: World) -> None:
    guarded(world, usage={"newest": "12 hours"}).customer().uses("acme", day(0, 21)).playbook("hello", ONE)
    world.tick(day(0, 22))
    run = world.tick(day(1)).json["guards"][0]["run"]
    assert yes(world, run)
    assert world.tick(day(1, 11)).sent == ["ann: One for Acme"]


def test_fewer_accounts_than_usual_decide_nothing_until_somebody_says_that_it_is_right(world: World) -> None:
    many(guarded(world, usage={"accounts": "80%"}), 10).playbook("hello", ONE)
    world.tick(day(0))
    world.gone(*(f"a{n:02}" for n in range(5)), *(f"c{n:02}" for n in range(5)))
    tick = world.tick(day(1))
    assert tick.json["guards"][0]["reason"] == "there are 5 accounts, fewer than 80% of the usual 10"
    assert world.stands("hello", "a00") == ["hello"], "who is gone from broken data is not gone"
    yes(world, tick.json["guards"][0]["run"])
    assert (world.tick(day(2)).json["guards"], world.stands("hello", "a00")) == ([], ["exit"])
    assert world.tick(day(3)).json["guards"] == []


def test_a_guard_that_cannot_be_counted_is_an_error_with_its_place(world: World) -> None:
    guarded(world.customer(), usage={"newest": "2 business days"}).playbook("hello", ONE)
    assert [(p.code, p.place.file) for p in world.loaded.problems.errors()] == [("P212", "playbooks/project.yaml")]
