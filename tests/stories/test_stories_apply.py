"""plan and apply: what would change is told in people, those inside are moved by the ids of steps, and who matches already is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from cs_engine.errors import LostRace
from cs_engine.run.desk.changes import Unsafe, apply, changes
from tests.stories.world import World, day

OLD = "- {id: one, email: one}\n- {id: rest, wait: 5 days}\n- {id: two, email: two}"


def plan(world: World, playbook: str = "hello") -> dict[str, Any]:
    with world._looking(None) as tick:
        return next(change.as_json() for change in changes(tick) if change.playbook == playbook)


def applied(world: World, answers: Mapping[str, str] | None = None, *, migrate: bool = False) -> dict[str, Counter[str]]:
    with world._looking(None) as tick:
        return apply(tick, changes(tick), answers or {}, migrate=migrate)


def waiting(world: World, steps: str, **keys: object) -> World:
    """Acme stands at the wait of OLD since day 0, and the playbook has been written anew."""
    world.customer().playbook("hello", OLD)
    world.tick(day(0))
    world.tick(day(1))
    assert world.stands("hello") == ["rest"]
    return world.playbook("hello", steps, **keys)


def test_plan_tells_what_changes_in_people_and_changes_nothing(world: World) -> None:
    waiting(world, "- {id: rest, wait: 2 days}\n- {id: three, email: three}")
    before = world.engine.store.playbooks()
    found = plan(world)
    was, version = found["was"], found["version"]
    assert found == {
        "playbook": "hello", "state": "changed", "version": version, "was": was, "mode": "live", "inside": 0, "existing": "",
        "steps": {"added": ["three"], "removed": ["one", "two"], "changed": {"rest": {"from": "wait 5 days", "to": "wait 2 days"}}},
        "elsewhere": [{"version": was, "people": 1, "steps": {"rest": 1}, "ways": {"rest": "rest"}, "unsafe": []}], "match_already": 0,
    }  # fmt: skip
    assert world.engine.store.playbooks() == before


def test_plan_tells_when_a_step_repeats_otherwise_or_keeps_less_long(world: World) -> None:
    world.customer().playbook("hello", "- {id: one, email: one, repeat: {every: 2 days, times: 5}}\n- {id: two, email: two}")
    world.tick(day(0))
    world.playbook("hello", "- {id: one, email: one, repeat: {every: 2 days, times: 3}}\n- {id: two, email: two, expires: 1 day}")
    changed = plan(world)["steps"]["changed"]
    assert {step: said["to"] for step, said in changed.items()} == {
        "one": "mail one to champion, 3 times, every 2 days",
        "two": "mail two to champion, within 1 day",
    }


def test_who_has_been_asked_is_not_moved_to_questions_that_they_cannot_answer(world: World) -> None:
    """Their links lead to what they were asked: `done` of more than that would never come."""
    world.mail("asks", "A question", "Please.\n\n{{ questions }}").customer()
    steps = "- {id: kickoff, email: asks, ask: %s}\n- {id: answered, wait_until: done('kickoff')}"
    world.playbook("hello", steps % "{size: [small, large], why: text}")
    world.tick(day(0))
    world.tick(day(1))
    world.playbook("hello", steps % "{size: [small, huge], who: contact}")
    with pytest.raises(Unsafe, match="has asked already, and asks otherwise now: size, who"):
        applied(world, migrate=True)
    world.playbook("hello", steps % "{size: {choices: {small: S, large: L}, title: How large?}}")
    assert applied(world, migrate=True) == {"hello": Counter(stays=1)}


def test_people_stay_on_the_plan_that_they_entered(world: World) -> None:
    """Whoever applies without --migrate, and whoever only runs, moves nobody."""
    waiting(world, "- {id: rest, wait: 2 days}\n- {id: three, email: three}")
    assert applied(world) == {}
    assert world.tick(day(2)).sent == []
    assert world.tick(day(5)).sent == ["ann: Two for Acme"]
    assert plan(world)["state"] == "same"


def test_a_wait_that_is_shorter_now_lets_go_who_is_past_it(world: World) -> None:
    """Timers are kept: the two days have been over since day 2."""
    waiting(world, "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: three}")
    world.tick(day(3))
    assert applied(world, migrate=True) == {"hello": Counter(stays=1)}
    assert world.tick(day(3, 11)).sent == ["ann: Three for Acme"]
    assert world.journal("hello")[-3].startswith("rest migrated ")


def test_a_wait_that_is_longer_now_keeps_people(world: World) -> None:
    waiting(world, "- {id: rest, wait: 9 days}\n- {id: two, email: two}")
    applied(world, migrate=True)
    assert world.tick(day(6)).sent == []
    assert world.tick(day(9)).sent == ["ann: Two for Acme"]


def test_who_stands_at_a_step_that_is_gone_goes_where_redirect_says(world: World) -> None:
    """They arrive there in the next tick, as if from the step before: a mail is sent, an `if` is asked."""
    steps = "- {id: one, email: one}\n- {id: help, email: help}\n- {id: two, email: two}"
    waiting(world, steps, redirect={"rest": "help"})
    assert plan(world)["elsewhere"][0]["ways"] == {"rest": "help.arrive"}
    assert applied(world, migrate=True) == {"hello": Counter(redirected=1)}
    assert world.why("hello")["passages"][0]["next"] == "comes to help at the next tick of its playbook"
    assert world.tick(day(2)).sent == ["ann: Help for Acme"]
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]
    assert world.tick(day(4)).counts("hello", "finished") == ({"done": 1},)


def test_who_is_redirected_while_held_arrives_when_the_hold_is_over(world: World) -> None:
    waiting(world, "- {id: help, email: help}", redirect={"rest": "help"}, hold="account.plan = 'frozen'", goal="uses > 0")
    world.account("acme", plan="frozen")
    applied(world, migrate=True)
    assert (world.tick(day(2)).sent, world.stands("hello")) == ([], ["help.arrive"])
    world.account("acme", plan="team")
    assert world.tick(day(3)).sent == ["ann: Help for Acme"]


def test_who_waits_for_the_date_of_a_step_that_has_none_any_more_comes_to_the_step(world: World) -> None:
    """The step is still there, by its id; only its date is gone."""
    world.customer(renewal_at="2026-03-20").playbook(
        "hello", "- {id: note, at: account.renewal_at - 5 days, email: one}\n- {id: two, email: two}"
    )
    world.tick(day(0))
    assert world.stands("hello") == ["note.at"]
    world.playbook("hello", "- {id: note, email: three}\n- {id: two, email: two}")
    assert plan(world)["elsewhere"][0]["ways"] == {"note.at": "note.arrive"}
    assert applied(world, migrate=True) == {"hello": Counter(redirected=1)}
    assert [world.tick(day(number)).sent for number in (1, 2)] == [["ann: Three for Acme"], ["ann: Two for Acme"]]


def test_who_stands_at_a_step_that_is_gone_without_a_redirect_ends(world: World) -> None:
    waiting(world, "- {id: one, email: one}\n- {id: two, email: two}")
    assert plan(world)["elsewhere"][0]["ways"] == {"rest": "step_removed"}
    assert applied(world, migrate=True) == {"hello": Counter(removed=1)}
    assert (world.stands("hello"), world.journal("hello")[-1]) == (["step_removed"], "rest finished step_removed")
    assert world.tick(day(9)).sent == []


def test_the_past_is_not_run_again_and_steps_added_behind_somebody_do_not_apply(world: World) -> None:
    waiting(world, "- {id: zero, email: three}\n- {id: one, email: one}\n- {id: help, cta: call}\n" + OLD.split("\n", 1)[1])
    applied(world, migrate=True)
    assert [line for line in world.journal("hello") if "not_applicable" in line] == [
        "zero not_applicable added behind", "help not_applicable added behind",
    ]  # fmt: skip
    assert world.tick(day(5)).sent == ["ann: Two for Acme"]


def test_mail_that_is_under_way_goes_on_and_is_waited_for(world: World) -> None:
    world.customer().playbook("hello", OLD)
    world.tick(day(0, 21))
    assert world.messages("hello") == ["one ann held (quiet_hours)"]
    world.playbook("hello", "- {id: one, email: help}\n- {id: next, email: two}")
    applied(world, migrate=True)
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    assert world.tick(day(2)).sent == ["ann: Two for Acme"]


def test_moving_again_moves_nobody(world: World) -> None:
    waiting(world, "- {id: rest, wait: 2 days}")
    applied(world, migrate=True)
    assert applied(world, migrate=True) == {}
    assert plan(world)["elsewhere"] == []


def test_a_run_that_moves_them_meanwhile_is_no_harm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting(world, "- {id: rest, wait: 2 days}")
    real = world.engine.store.migrate_people
    races: list[int] = []

    def raced(*given: Any) -> None:
        if not races:
            races.append(1)
            raise LostRace
        real(*given)

    monkeypatch.setattr(world.engine.store, "migrate_people", raced)
    assert applied(world, migrate=True) == {"hello": Counter(stays=1)}


@pytest.mark.parametrize(
    ("steps", "keys", "said"),
    [
        ("- {id: rest, email: one}", {}, 'the step "rest" did not send, and does now'),
        (
            "- {id: rest, wait: 2 days}\n- {id: two, if: uses > at_entry(uses), email: two}",
            {},
            "it reads what was not kept as they entered: at_entry(uses)",
        ),
        ("- {id: rest, wait: 2 days}", {"subject": "contact"}, "accounts passed through, now contacts do"),
    ],
)
def test_what_is_not_safe_is_refused_and_nothing_is_changed(world: World, steps: str, keys: dict[str, object], said: str) -> None:
    waiting(world, steps, **keys)
    before = world.engine.store.playbooks()
    assert plan(world)["elsewhere"][0]["unsafe"][0]["message"] == said
    with pytest.raises(Unsafe, match="nobody was moved"):
        applied(world, migrate=True)
    assert (world.engine.store.playbooks(), world.stands("hello")) == (before, ["rest"])


def test_those_inside_a_playbook_that_is_taken_away_are_told_of_and_go_on(world: World) -> None:
    world.customer().playbook("hello", OLD)
    world.tick(day(0))
    world.delete("playbooks/hello.yaml")
    found = plan(world)
    assert (found["state"], found["elsewhere"][0]["people"], found["elsewhere"][0]["ways"]) == ("removed", 1, {})
    applied(world, migrate=True)
    assert world.stands("hello") == ["one"]


def test_those_inside_a_playbook_that_is_taken_away_end_if_somebody_says_so(world: World) -> None:
    """The mail that waits is skipped for that reason, the alert that stands is closed, in shadow too, and others are left alone."""
    world.customer().playbook("hello", "- {id: ring, cta: call}\n- {id: one, email: one}").playbook("other", OLD)
    world.tick(day(0, 21))
    world.tick(day(0, 22))
    assert world.messages("hello")[0] == "one ann held (quiet_hours)"
    world.delete("playbooks/hello.yaml").delete("playbooks/other.yaml")
    with world._looking(None) as tick:
        assert apply(tick, changes(tick), {}, migrate=False, ending=["hello"]) == {"hello": Counter(ended=1)}
    world.tick(day(1))
    assert (world.stands("hello"), world.stands("other")) == (["playbook_removed"], ["one"])
    assert world.messages("hello")[0] == "one ann skipped (playbook_removed)"
    assert world.engine.store.open_ctas() == []
    assert "one finished playbook_removed" in world.journal("hello")


# Who matches already


@pytest.mark.parametrize(("answer", "sent"), [("skip", []), ("include", ["ann: One for Acme"])])
def test_nobody_who_matches_already_is_mailed_without_a_yes(world: World, answer: str, sent: list[str]) -> None:
    world.customer().playbook("hello", OLD, existing=None)
    assert (plan(world)["state"], plan(world)["match_already"], plan(world)["existing"]) == ("new", 1, "")
    applied(world, {"hello": answer})
    assert plan(world)["existing"] == answer
    assert world.tick(day(0)).sent == sent
    assert (plan(world)["match_already"], world.engine.store.orders(0)) == (0, [])


def test_a_run_without_an_apply_leaves_them_out(world: World) -> None:
    world.customer().playbook("hello", OLD, existing=None)
    assert world.tick(day(0)).counts("hello", "entered", "passed_over") == (0, 1)


def test_going_live_from_shadow_asks_too(world: World) -> None:
    world.customer().playbook("hello", OLD, existing=None, mode="shadow")
    world.tick(day(0))
    world.playbook("hello", OLD, existing=None)
    assert (plan(world)["state"], plan(world)["match_already"]) == ("same", 1)
    applied(world, {"hello": "include"})
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_a_redirect_from_what_is_there_or_to_what_is_not_is_an_error_with_its_place(world: World) -> None:
    world.customer().playbook("hello", OLD, redirect={"one": "two", "gone": "tow"})
    assert [(p.code, p.place.file, p.mend) for p in world.loaded.problems.errors()] == [
        ("P130", "playbooks/hello.yaml", "leave it out"),
        ("P130", "playbooks/hello.yaml", 'did you mean "two"?'),
    ]
