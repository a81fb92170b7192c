"""A vendor that fails again and again is given a rest; one message tries whether it is back, and our own people are told once."""

from __future__ import annotations

import pytest

from cs_engine.doctor import Finding, _breakers
from cs_engine.journey.breaker import State
from cs_engine.settings import Settings
from tests.doubles.http import Answer
from tests.doubles.sendgrid import SendgridDouble, refusal
from tests.promise.crowd import address, anew, crowd, states
from tests.stories.world import World, day

STORM = "delivery: sendgrid is given a rest until 10:01Z (unavailable); its messages wait"


@pytest.fixture
def storm(world: World, sendgrid: SendgridDouble) -> World:
    """Twenty customers, and a vendor that answers every request with a 5xx: five are uncertain, and it is given a rest."""
    crowd(world, 20).playbook("hello", "- {id: one, email: one, uncertain: drop}")
    sendgrid.always(Answer(503))
    assert world.tick(day(0)).delivery == {"accepted": 1, "skipped": 5, "pending": 15}
    return world


def breaker(world: World) -> State:
    return world.engine.store.breaker("sendgrid").state


def test_a_5xx_storm_opens_the_breaker_and_during_its_rest_nothing_is_sent(storm: World, sendgrid: SendgridDouble) -> None:
    asked = sendgrid.requests
    ticked = anew(storm).tick(day(0, 10 + 0.5 / 60))
    assert (ticked.delivery, ticked.json["failures"]) == ({"pending": 15}, [STORM])
    assert sendgrid.requests == asked
    assert breaker(storm) is State.OPEN


def test_after_its_rest_one_message_tries_and_while_it_fails_no_other(storm: World, sendgrid: SendgridDouble) -> None:
    asked = sendgrid.requests
    assert anew(storm).tick(day(0, 11)).delivery == {"skipped": 1, "pending": 14}, "one is risked, and our people are told no second time"
    assert sendgrid.requests == asked + 1
    assert breaker(storm) is State.OPEN


def test_a_probe_that_is_answered_lets_all_go(storm: World, sendgrid: SendgridDouble) -> None:
    sendgrid.always(None)
    assert anew(storm).tick(day(0, 11)).delivery == {"accepted": 15}
    assert breaker(storm) is State.CLOSED
    assert len({mail.to for mail in sendgrid.accepted}) == len(sendgrid.accepted) == 15


def test_a_probe_whose_address_is_refused_shows_that_the_vendor_is_back(storm: World, sendgrid: SendgridDouble) -> None:
    sendgrid.always(None)
    for number in range(20):
        if f"{number}" in "01234":
            sendgrid.on_key(address(number), refusal(400, "personalizations.0.to.0.email"))
    anew(storm).tick(day(0, 11))
    assert breaker(storm) is State.CLOSED
    assert "planned" not in states(storm, 20)


def test_when_there_is_nothing_to_try_with_the_next_message_tries(storm: World, sendgrid: SendgridDouble) -> None:
    sendgrid.always(None)
    storm.playbook("hello", "- {id: two, wait: 1 day}")
    anew(storm).tick(day(0, 11))
    assert breaker(storm) in (State.OPEN, State.CLOSED)
    storm.playbook("other", "- {id: one, email: one}")
    assert storm.tick(day(0, 12)).delivery["accepted"] == 20
    assert breaker(storm) is State.CLOSED


def test_the_doctor_shows_it(storm: World) -> None:
    settings = Settings(cs_engine_project=storm.root)
    (found,) = _breakers(settings)
    assert isinstance(found, Finding)
    assert (found.state, found.message) == (
        "warning",
        "sendgrid fails since 2026-03-02 10:00Z (unavailable): nothing is sent; tried again at 2026-03-02 10:01Z",
    )


def test_slack_goes_on_while_sendgrid_rests(storm: World) -> None:
    storm.playbook("alarm", "- {id: call, cta: call}")
    assert storm.tick(day(0, 10 + 0.5 / 60)).delivery == {"accepted": 20, "pending": 15}
