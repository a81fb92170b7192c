"""Modes: in shadow nothing leaves and all is told, canary and ramp let some accounts in, always the same, and halt by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cs_engine.cli.plan import told
from cs_engine.cli.summary import _in_mode
from cs_engine.instants import to_micros
from cs_engine.journey.mode import is_open
from cs_engine.run.desk.changes import changes
from cs_engine.run.desk.pausing import resume
from cs_engine.run.tick import run_tick
from tests.stories.world import World, day

STEPS = "- {id: hello, email: one}\n- {id: rest, wait: 1 days}\n- {id: ring, cta: call}\n- {id: mark, set: {stage: told}}"


def many(world: World, n: int = 40) -> World:
    for number in range(n):
        world.customer(f"a{number:02}", f"c{number:02}")
    return world


def inside(world: World, n: int = 40) -> list[str]:
    return [f"a{number:02}" for number in range(n) if world.stands("hello", f"a{number:02}")]


def test_in_shadow_nothing_leaves_and_the_report_says_what_would_have(world: World) -> None:
    world.customer().contact("art", "acme", "operator").playbook("hello", STEPS.replace("one}", "one, to: everyone}"), mode="shadow")
    ticks = [world.tick(day(number)) for number in range(4)]
    assert [tick.sent for tick in ticks] == [[]] * 4
    assert [tick.of("hello")["shadow"] for tick in ticks] == [
        {"entered": 1, "advanced": 0, "finished": 0, "mails": 2, "ctas": 0},
        {"entered": 0, "advanced": 1, "finished": 0, "mails": 0, "ctas": 1},
        {"entered": 0, "advanced": 1, "finished": 1, "mails": 0, "ctas": 0},
        {"entered": 0, "advanced": 0, "finished": 0, "mails": 0, "ctas": 0},
    ]
    assert [tick.counts("hello", "mode", "entered", "advanced") for tick in ticks] == [("shadow", 0, 0)] * 4
    assert (world.engine.store.counts().planned, world.engine.store.open_ctas(), world.engine.store.values()) == (0, [], {})


def test_why_tells_what_a_shadow_would_have_done(world: World) -> None:
    world.customer().playbook("hello", STEPS, mode="shadow")
    for number in range(4):
        world.tick(day(number))
    why = world.why("hello")
    assert (why["mode"], why["passages"][0]["shadow"], why["passages"][0]["key"]) == ("shadow", True, "")
    assert world.journal("hello") == [
        "hello entered shadow", "hello would_send mail one to 1", "hello advanced shadow", "rest advanced waited",
        "ring would_send alert call to 1", "ring advanced shadow", "mark finished done: shadow",
    ]  # fmt: skip


def test_who_entered_before_a_shadow_goes_on_for_real_and_plan_and_run_say_so(world: World) -> None:
    """A pause is what stops them."""
    world.customer().playbook("hello", STEPS)
    world.tick(day(0))
    world.playbook("hello", STEPS, mode="shadow")
    said = "1 entered before it was in shadow and go on for real; to stop them: cs-engine pause hello"
    with world._looking(None) as tick:
        assert said in "\n".join(told(changes(tick)))
    ticks = [run_tick(world.engine, day(number)) for number in (1, 2)]
    assert "1 who entered before go on for real" in _in_mode("hello", [tick.playbooks["hello"] for tick in ticks])


def test_a_shadow_counts_those_whom_a_passages_own_event_names(world: World) -> None:
    world.customer().contact("bob", role="operator").uses("acme", day(0, 9), contact="bob", event="tests")
    world.playbook("hello", "- {id: hello, email: one, to: contact.id = event.contact}", enter={"event": "tests"}, mode="shadow")
    assert world.tick(day(0)).of("hello")["shadow"]["mails"] == 1
    assert "hello would_send mail one to 1" in world.journal("hello")


def test_a_shadow_stands_in_nobodys_way_when_the_playbook_goes_live(world: World) -> None:
    """Who passed through in shadow has not been through; nobody who matched already is mailed without a yes."""
    world.customer().playbook("hello", STEPS, mode="shadow", existing=None)
    world.tick(day(0))
    world.customer("bell", "bob").tick(day(1))
    world.playbook("hello", STEPS, existing=None)
    tick = world.tick(day(2))
    assert (tick.sent, tick.counts("hello", "passed_over", "entered")) == ([], (2, 0))
    world.customer("cafe", "cat")
    assert world.tick(day(3)).sent == ["cat: One for Cafe"]
    assert world.tick(day(5)).sent == ["U-ALEX: Call Cafe"]


def test_events_that_a_shadow_saw_begin_nothing_when_the_playbook_goes_live(world: World) -> None:
    world.customer().playbook("hello", STEPS, enter={"event": "invited"}, mode="shadow", existing=None)
    world.tick(day(0))
    world.uses("acme", day(0, 12), event="invited")
    assert world.tick(day(1)).of("hello")["shadow"]["entered"] == 1
    world.playbook("hello", STEPS, enter={"event": "invited"}, existing=None)
    assert [world.tick(day(2, hour)).sent for hour in (10, 11)] == [[], []]
    world.uses("acme", day(2, 12), event="invited")
    assert world.tick(day(2, 13)).sent == ["ann: One for Acme"]


def test_going_live_with_existing_included_takes_those_who_went_through_in_shadow(world: World) -> None:
    world.customer().playbook("hello", STEPS, mode="shadow")
    world.tick(day(0))
    world.playbook("hello", STEPS)
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    assert world.stands("hello") == ["exit", "hello"], "the shadow passage has ended"


def test_a_mode_makes_no_new_version(world: World) -> None:
    world.customer().playbook("hello", STEPS)
    digest = world.loaded.plans["hello"].digest
    for mode in ("shadow", "canary 5%", "ramp 10%/day", "live"):
        assert world.playbook("hello", STEPS, mode=mode).loaded.plans["hello"].digest == digest


def test_a_canary_lets_the_same_share_of_accounts_in_every_time(world: World) -> None:
    many(world).playbook("hello", STEPS, mode="canary 30%")
    chosen = [f"a{n:02}" for n in range(40) if is_open("hello", f"a{n:02}", 0.3)]
    assert 5 < len(chosen) < 20
    tick = world.tick(day(0))
    assert tick.counts("hello", "mode", "matched", "entered", "left_out") == ("canary 30%", 40, len(chosen), 40 - len(chosen))
    world.tick(day(1))
    assert inside(world) == chosen
    out = next(f"a{n:02}" for n in range(40) if f"a{n:02}" not in chosen)
    assert world.why("hello", out)["subjects"][0]["verdict"] == (
        "matches, but is not among the 30% of accounts that may enter now (mode: canary 30%)"
    )
    world.playbook("hello", STEPS)
    assert world.tick(day(2)).counts("hello", "entered", "left_out") == (40 - len(chosen), 0)


def test_all_contacts_of_an_account_are_in_a_canary_or_none(world: World) -> None:
    many(world, 20)
    for number in range(20):
        world.contact(f"o{number}", f"a{number:02}", "operator")
    world.playbook("hello", STEPS, mode="canary 50%", subject="contact")
    world.tick(day(0))
    assert {len(world.stands("hello", f"a{number:02}")) for number in range(20)} == {0, 2}


def test_a_ramp_lets_a_larger_share_in_every_day_and_who_is_in_stays_in(world: World) -> None:
    many(world).playbook("hello", STEPS, mode="ramp 25%/day")
    known: set[str] = set()
    for number, share in enumerate((0.25, 0.5, 0.75, 1.0, 1.0)):
        world.tick(day(number))
        now = set(inside(world))
        assert now == {f"a{n:02}" for n in range(40) if is_open("hello", f"a{n:02}", share)}
        assert known <= now
        known = now
    assert len(known) == 40


@pytest.mark.parametrize("mode", ["canary 99%", "ramp 99%/day"])
def test_a_partial_mode_halts_by_itself_on_bounces(world: World, mode: str) -> None:
    many(world, 12).playbook("hello", STEPS, mode=mode, owner="kim@vendor.example")
    for number in range(8):
        world.contact(f"c{number:02}", f"a{number:02}", email="nobody@@customer.example")
    first = world.tick(day(0))
    assert first.delivery["rejected"] > 3
    tick = world.tick(day(1))
    sent, refused = first.delivery["accepted"] + first.delivery["rejected"], first.delivery["rejected"]
    why = f"halted: {refused} of {sent} mails were refused, more than 5%"
    assert tick.of("hello")["paused"] == why
    assert tick.sent == [f"U-KIM: :octagonal_sign: *hello* stands still: {why}."]
    assert world.tick(day(3)).sent == []
    assert resume(world.engine, "hello", "")
    assert world.tick(day(4)).of("hello")["paused"] == "", "counted anew"


def test_a_partial_mode_halts_by_itself_on_complaints(world: World) -> None:
    many(world, 12).playbook("hello", STEPS, mode="canary 99%")
    world.tick(day(0))
    hashed = next(contact.email_hash for contact in world.engine.usage.people()[1] if contact.id == "c03")
    world.engine.store.suppress(hashed, "complaint", to_micros(day(0, 12)))
    assert "complained, more than 0.3%" in world.tick(day(1)).of("hello")["paused"]


def test_live_playbooks_do_not_halt_on_bounces(world: World) -> None:
    many(world, 6).playbook("hello", STEPS)
    for number in range(6):
        world.contact(f"c{number:02}", f"a{number:02}", email="nobody@@customer.example")
    world.tick(day(0))
    assert world.tick(day(1) + timedelta(hours=1)).of("hello")["paused"] == ""


@pytest.mark.parametrize("mode", ["shadows", "canary", "canary 0%", "canary 100%", "ramp 10%", "ramp 10%/week", "5%"])
def test_a_mode_that_is_none_is_an_error_with_its_place_and_mend(world: World, mode: str) -> None:
    world.customer().playbook("hello", STEPS, mode=mode)
    (problem,) = world.loaded.problems.errors()
    assert (problem.code, problem.place.file, problem.place.line) == ("P121", "playbooks/hello.yaml", 4)
    assert problem.mend == "write live, shadow, canary 5% or ramp 10%/day"
