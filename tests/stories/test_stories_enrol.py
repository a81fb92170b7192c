"""Enrolled by hand, or by another playbook."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cs_engine.cli import app
from cs_engine.journey.experiment import position
from cs_engine.ports import EnrolRequest
from tests.stories.world import World, day

ONE = "- {id: hello, email: one}"


def by_hand(world: World, playbook: str, *subjects: str) -> None:
    world.engine.store.request([EnrolRequest(playbook, subject, "manual", 0) for subject in subjects])


def test_nobody_enters_a_manual_playbook_by_themselves(world: World) -> None:
    world.customer().playbook("hello", ONE, enter="manual")
    assert world.tick(day(0)).counts("hello", "matched", "entered") == (0, 0)
    assert world.why("hello")["subjects"][0]["verdict"] == "enters when it is enrolled by hand, or by another playbook"


@pytest.mark.parametrize("existing", ["include", "skip"])
def test_who_is_enrolled_enters_at_the_next_tick_once(world: World, existing: str) -> None:
    world.customer().customer("bell", "bob").playbook("hello", ONE, enter="manual", existing=existing)
    by_hand(world, "hello", "acme")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    world.tick(day(1))
    by_hand(world, "hello", "acme")
    assert world.tick(day(2)).sent == []
    assert world.journal("hello", at=day(2)) == [" not_enrolled manual: has_been_through"]


def test_who_is_enrolled_into_a_playbook_with_a_condition_enters_without_it_but_not_without_the_audience(world: World) -> None:
    world.customer().customer("bell", "bob", plan="free").playbook("hello", ONE, audience="account.plan = 'team'", enter="uses > 5")
    by_hand(world, "hello", "acme", "bell")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    assert world.journal("hello", "bell") == [" not_enrolled manual: audience"]


def test_a_manual_playbook_may_be_entered_again_where_reenter_says_so(world: World) -> None:
    world.customer().playbook("hello", ONE, enter="manual", reenter="after 5 days")
    by_hand(world, "hello", "acme")
    for n in (0, 1, 2):
        world.tick(day(n))
    by_hand(world, "hello", "acme")
    assert world.tick(day(6)).sent == ["ann: One for Acme"]


def test_the_command_enrols_and_knows_whom(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.customer().playbook("hello", ONE, enter="manual")
    world.tick(day(0))
    monkeypatch.setenv("CS_ENGINE_PROJECT", str(world.root))
    done = CliRunner().invoke(app, ["enrol", "hello", "acme"], catch_exceptions=False)
    assert done.output == "Enrolled 1 into hello: they enter at its next tick.\n"
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    refused = CliRunner().invoke(app, ["enrol", "hello", "acmee"])
    assert refused.exit_code != 0


# --- enrol -------------------------------------------------------------------------------------------------------------

NEXT = "- {id: over, enrol: next}\n- {id: w, wait: 9 days}"


def test_a_step_enrols_into_another_playbook(world: World) -> None:
    world.customer().playbook("first", NEXT).playbook("next", ONE, enter="manual")
    sent = [world.tick(day(n)).sent for n in (0, 1)]
    assert [line for lines in sent for line in lines] == ["ann: One for Acme"]
    assert world.journal("first")[1] == "over advanced enrolled"


def test_contacts_enrol_their_account_once(world: World) -> None:
    world.customer().contact("ben", role="operator").playbook("first", NEXT, subject="contact").playbook("next", ONE, enter="manual")
    sent = [world.tick(day(n)).sent for n in (0, 1, 2)]
    assert [line for lines in sent for line in lines] == ["ann: One for Acme"]


def test_control_enrols_nobody(world: World) -> None:
    control = next(f"a{n}" for n in range(99) if position("first", f"a{n}") < 0.5)
    world.customer(control).playbook("first", NEXT, holdout="50%").playbook("next", ONE, enter="manual")
    assert [world.tick(day(n)).sent for n in (0, 1)] == [[], []]


def test_a_circle_of_enrols_has_a_place_in_each_playbook_and_unknown_ones_a_mend(world: World) -> None:
    world.customer().playbook("first", NEXT).playbook("next", "- {id: back, enrol: first}").playbook("third", "- {id: x, enrol: nxt}")
    world.playbook("self", "- {id: x, enrol: self}").playbook("many", "- {id: x, enrol: each}").playbook("each", ONE, subject="contact")
    found = sorted((p.place.file.split("/")[-1], p.code) for p in world.loaded.problems.errors())
    assert found == [
        ("first.yaml", "P120"), ("many.yaml", "P119"), ("next.yaml", "P120"), ("self.yaml", "P120"), ("third.yaml", "P119")
    ]  # fmt: skip
    assert not {"first", "next", "self"} & set(world.loaded.plans)
    circle = next(p for p in world.loaded.problems.errors() if p.place.file.endswith("next.yaml"))
    assert (circle.place.line, circle.place.column, bool(circle.mend)) == (5, 23, True)
