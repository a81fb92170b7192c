"""Rates: how much goes to a domain, to a Slack channel, and by a vendor; what is over waits with the reason and the time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from tests.doubles.sendgrid import API_KEY, SendgridDouble
from tests.stories.world import World, day


def people(world: World, customers: int, **columns: str) -> World:
    for number in range(customers):
        world.customer(f"acc{number}", f"c{number}", **columns)
    return world.playbook("hello", "- {id: one, email: one}")


def held(world: World, customers: int) -> list[int]:
    """Whose mail waits."""
    return [number for number in range(customers) if world.held_until("hello", f"acc{number}")]


def test_mail_to_a_domain_that_is_over_its_rate_is_held_and_goes_when_its_turn_comes(world: World) -> None:
    people(world, 3).contact("c2", "acc2", email="ann@elsewhere.example").project(rates={"domains": {"default": "1 per hour"}})
    assert len(world.tick(day(0)).sent) == 2, "one to each domain"
    (late,) = held(world, 3)
    assert world.messages("hello", f"acc{late}") == [f"one c{late} held (rate: domain 1 per hour)"]
    (until,) = world.held_until("hello", f"acc{late}")
    assert abs(until - day(0, 11)) < timedelta(minutes=2)
    assert world.tick(day(0, 12)).sent == [f"c{late}: One for Acc{late}"]


def test_a_new_sender_warms_up(world: World) -> None:
    ramp = {"from": "2026-03-02", "start": "2 per day", "double": "1 days", "until": "2026-03-05"}
    people(world, 12).project(rates={"warm_up": ramp})
    sent = [len(world.tick(day(number)).sent) for number in range(4)]
    assert sent == [2, 4, 6, 0], "two, then four, then what was left of eight"


def test_a_mail_that_waits_for_its_turn_waits_for_the_morning_too(world: World) -> None:
    people(world, 2).project(rates={"domains": {"default": "1 per hour"}}, quiet_hours={"from": "09:00", "to": "08:00"})
    world.tick(day(0, 8.9))
    (late,) = held(world, 2)
    assert world.held_until("hello", f"acc{late}") == [day(1, 8)], "the token comes in the quiet hours"


def test_two_processes_share_a_vendors_rate(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with SendgridDouble() as double:
        monkeypatch.setenv("CS_ENGINE_EMAIL", "sendgrid")
        monkeypatch.setenv("SENDGRID_API_KEY", API_KEY)
        monkeypatch.setenv("SENDGRID_BASE_URL", double.base_url)
        people(world, 5).project(rates={"sendgrid": "2 per hour"})
        assert world.tick(day(0)).delivery == {"accepted": 2, "held": 3}
        world.close()
        assert world.tick(day(0, 10.1)).delivery == {"held": 3}, "another process, the same two"
        assert world.tick(day(0, 11)).delivery == {"accepted": 2, "held": 1}
        world.close()


def test_a_rate_that_lets_the_next_go_soon_is_waited_for_in_the_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with SendgridDouble() as double:
        monkeypatch.setenv("CS_ENGINE_EMAIL", "sendgrid")
        monkeypatch.setenv("SENDGRID_API_KEY", API_KEY)
        monkeypatch.setenv("SENDGRID_BASE_URL", double.base_url)
        people(world, 5).project(rates={"sendgrid": "3 per second"})
        began = time.monotonic()
        assert world.tick(day(0)).delivery == {"accepted": 5}
        assert time.monotonic() - began >= 1.0
        world.close()


def test_in_a_span_what_waits_goes_at_its_time(world: World) -> None:
    people(world, 4).project(rates={"domains": {"default": "1 per hour"}})
    assert len(world.tick(day(0), until=day(0, 12.5)).sent) == 3
