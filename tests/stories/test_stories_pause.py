"""Pauses: nothing leaves and nobody enters, timers are longer by the pause, and what waited does not go at once."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

import pytest

from cs_engine.errors import CsEngineError
from cs_engine.instants import to_micros
from cs_engine.ports import EnrolRequest
from cs_engine.run import effects
from cs_engine.run.delivery import deliver
from cs_engine.run.desk.pausing import pause, resume
from tests.stories.world import Ticked, World, day

WAITS = "- {id: hello, email: one}\n- {id: settle, wait: 3 days}\n- {id: next, email: two}"


def slack(tick: Ticked) -> list[str]:
    """What was said in Slack."""
    return [json.loads(file.path.read_bytes())["text"] for file in tick.files if file.kind == "slack"]


def paused(world: World, playbook: str = "hello", account: str = "") -> World:
    pause(world.engine, playbook, account, "wrong prices")
    return world


def resumed(world: World, playbook: str = "hello", account: str = "") -> World:
    assert resume(world.engine, playbook, account)
    return world


def test_timers_are_longer_by_the_pause(world: World) -> None:
    world.customer().playbook("hello", WAITS)
    world.tick(day(0))
    world.tick(day(1))
    paused(world).tick(day(2))
    assert world.why("hello")["passages"][0]["next"] == "paused since 2026-03-04T10:00:00Z: nothing is sent, timers stand still"
    assert world.tick(day(8)).sent == []
    resumed(world).tick(day(9))
    assert world.tick(day(10, 9)).sent == []
    assert world.tick(day(10)).sent == ["ann: Two for Acme"]
    assert [line for line in world.journal("hello") if "paused" in line] == ["settle held paused", "settle released paused"]
    assert world.journal("hello", "")[0].strip() == "paused wrong prices"


def test_nobody_enters_and_no_alert_goes_either(world: World) -> None:
    world.customer().playbook("hello", "- {id: ring, cta: call}")
    tick = paused(world).tick(day(0))
    assert (tick.sent, tick.counts("hello", "matched", "entered", "paused")) == ([], (1, 0, "wrong prices"))
    assert world.why("hello")["subjects"][0]["verdict"] == "matches: enters when the playbook is resumed"
    assert world.why("hello")["paused"].endswith(": wrong prices")
    assert resumed(world).tick(day(1)).sent == ["U-ALEX: Call Acme"]


@pytest.mark.parametrize("way", ["goal", "exit"])
def test_events_are_listened_to_during_a_pause(world: World, way: str) -> None:
    """Who succeeds or leaves does so, and gets nothing afterwards."""
    world.customer().playbook("hello", WAITS, **{way: "uses > 0"})
    world.tick(day(0))
    paused(world).tick(day(1))
    world.uses("acme", day(2, 9)).tick(day(2))
    assert world.stands("hello") == [way]
    resumed(world).tick(day(9))
    assert world.tick(day(20)).sent == []


def test_one_account_is_paused_alone_with_all_its_contacts(world: World) -> None:
    world.customer().contact("art", "acme", "operator").customer("beta", "bob").playbook(
        "hello", "- {id: a, email: one}", subject="contact"
    )
    assert paused(world, account="acme").tick(day(0)).sent == ["bob: One for Beta"]
    assert world.why("hello")["paused"].endswith(": wrong prices")
    assert resumed(world, account="acme").tick(day(1)).sent == ["ann: One for Acme", "art: One for Acme"]


def test_resuming_never_fires_the_backlog(world: World) -> None:
    """What was planned before the pause goes one after the other, over as long as it waited and a day at most."""
    for name in ("acme", "bell", "cafe", "dent"):
        world.customer(name, f"{name}-boss")
    world.playbook("hello", "- {id: a, email: one}")
    world.tick(day(0, 21))  # in the quiet hours: held
    assert paused(world).tick(day(1)).sent == []
    assert world.messages("hello") == ["a acme-boss held (paused)"]
    first = resumed(world).tick(day(4))
    assert (len(first.sent), first.delivery) == (1, {"accepted": 1, "held": 3})
    assert sorted(m.split()[-1] for name in ("acme", "bell", "cafe", "dent") for m in world.messages("hello", name)) == [
        "(resumed)", "(resumed)", "(resumed)", "accepted",
    ]  # fmt: skip
    later = [len(world.tick(day(4) + timedelta(hours=hours)).sent) for hours in (5, 6, 9, 24)]
    assert later == [0, 1, 0, 2], "six hours apart; two fall into the night"


def test_a_message_that_expires_in_a_pause_is_skipped(world: World) -> None:
    world.customer().playbook("hello", "- {id: a, email: one, expires: 2 days}")
    world.tick(day(0, 21))
    paused(world).tick(day(1))
    assert world.tick(day(3)).delivery == {"skipped": 1}


def test_a_manual_enrolment_waits_for_the_resume(world: World) -> None:
    world.customer().playbook("hello", "- {id: a, email: one}", enter="manual")
    world.engine.store.request([EnrolRequest("hello", "acme", "manual", 0)])
    paused(world).tick(day(0))
    assert world.engine.store.requests("hello") == {"acme": "manual"}
    assert resumed(world).tick(day(1)).sent == ["ann: One for Acme"]


def test_resuming_what_is_not_paused_is_told(world: World) -> None:
    world.customer().playbook("hello", WAITS)
    assert not resume(world.engine, "hello", "")


# Switched off


def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(*_: object) -> None:
        raise CsEngineError("out of order")

    monkeypatch.setattr(effects, "messages_for", raises)


def test_a_playbook_that_fails_ten_times_in_a_day_is_switched_off_and_its_owner_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.customer().playbook("hello", "- {id: a, email: one}", owner="lead@vendor.example")
    world.playbook("other", "- {id: rest, wait: 1 days}", enter="uses > 100")
    with monkeypatch.context() as patch:
        broken(patch)
        ticks = [world.tick(day(0) + timedelta(hours=hour)) for hour in range(9)]
        assert [tick.of("hello")["paused"] for tick in ticks] == [""] * 9
        tenth = world.tick(day(0) + timedelta(hours=9))
        why = "switched off: 10 failures in 24 hours, the last at enter: out of order"
        assert tenth.of("hello")["paused"] == why
        assert [tick for tick in tenth.json["failures"] if "switched off" in tick] == [f"hello: {why}"]
        assert tenth.sent == [f"U-LEAD: :octagonal_sign: *hello* stands still: {why}."]
        assert "cs-engine resume hello" in slack(tenth)[0]
    assert world.tick(day(1)).sent == []
    assert world.journal("hello", "")[0].strip() == f"paused {why}"
    assert resumed(world).tick(day(1, 11)).sent == ["ann: One for Acme"]


def test_failures_of_more_than_a_day_ago_do_not_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.customer().playbook("hello", "- {id: a, email: one}")
    with monkeypatch.context() as patch:
        broken(patch)
        for number in range(20):
            assert world.tick(day(0) + timedelta(hours=4 * number)).of("hello")["paused"] == ""


def test_a_tick_that_is_run_again_fails_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.customer().playbook("hello", "- {id: a, email: one}")
    with monkeypatch.context() as patch:
        broken(patch)
        for _ in range(20):
            world.tick(day(0))
    (order,) = world.engine.store.orders(to_micros(day(0, 11)))
    assert (order.kind, order.value) == ("failures", "1")


def test_where_a_failure_cannot_even_be_counted_the_others_still_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.customer().playbook("hello", "- {id: a, email: one}").playbook("other", "- {id: rest, wait: 1 days}", priority=1)

    def raises(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(world.engine.store, "fail", raises)
    broken(monkeypatch)
    tick = world.tick(day(0))
    assert tick.json["failures"] == ["hello/enter: out of order", "hello/enter: its failure could not be counted: OSError"]
    assert tick.counts("other", "entered") == (1,)


def test_messages_that_cannot_be_made_are_failures_and_the_rest_is_held_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template that breaks on what customers are like loses a batch of mails, not all of them."""
    monkeypatch.setattr(deliver, "BATCH", 10)
    world.mail("one", "{{ 1 / (account.seats - 5) }}").playbook("hello", "- {id: a, email: one}")
    for number in range(30):
        world.customer(f"a{number}", f"c{number}", seats=5)
    tick = world.tick(day(0))
    assert tick.of("hello")["paused"].startswith("switched off: 10 failures in 24 hours, the last at a: ")
    assert tick.delivery == {"accepted": 1, "rejected": 10, "held": 20}, "accepted: word to the team's channel"
    assert [line for line in slack(tick) if "*hello* stands still" in line]


def test_an_outage_of_three_days_causes_no_burst(world: World) -> None:
    """Schedule times that were missed run once, nobody gets two mails at once, and `spread` spaces what has become due."""
    world.project(spread="5 per hour").playbook("hello", "- {id: a, email: one}\n- {id: b, email: two}\n- {id: c, email: three}")
    for number in range(20):
        world.customer(f"a{number}", f"c{number}")
    down = [world.tick(day(0) + timedelta(hours=hour)) for hour in range(4)][-1]
    assert down.delivery["held"] > 0
    hours = [world.tick(day(4) + timedelta(hours=hour)) for hour in range(6)]
    assert [len(tick.sent) for tick in hours] == [5] * 6
    for tick in hours:
        assert max(Counter(line.split(":")[0] for line in tick.sent).values()) == 1
