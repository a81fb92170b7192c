"""Whatever fails, nobody's name or address is in what the engine reports, records as a reason, raises or logs."""

from __future__ import annotations

import json
import logging
import sqlite3
import traceback

import pytest

from cs_engine.channels.sendgrid import SendgridChannel
from cs_engine.ports import Parcel
from tests.doubles.http import HANG, RESET, Answer
from tests.doubles.sendgrid import API_KEY, SendgridDouble, refusal
from tests.doubles.slack import TOKEN, SlackDouble, no
from tests.promise.crowd import address, crowd
from tests.stories.world import World, day

NAME, BIRD = "Kanarek Zanarias", "kanarek.zanarias@customer.example"
CANARIES = ("kanarek", "zanarias")
TABLES = ("journal", "messages", "enrolments", "ticks", "plans", "milestones", "suppressions", "passed_over")
"""All but ctas, which name our own staff, and the copies of the sources."""


def seen(text: str) -> list[str]:
    return [word for word in CANARIES if word in text.lower()]


def rows(world: World) -> str:
    database = sqlite3.connect(world.root / ".cs-engine" / "state.db")
    found = {table: database.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}
    database.close()
    return json.dumps(found)


def bird(world: World) -> World:
    """A customer with a name of its own among others, in a playbook with mails and an alert."""
    crowd(world, 6).account("acc0", name=NAME).contact("c0", "acc0", email=BIRD, name=NAME)
    return world.playbook("hello", "- {id: one, email: one}\n- {id: call, cta: call}")


@pytest.mark.parametrize(
    "answer",
    [refusal(400, BIRD), refusal(401), refusal(403), refusal(413), Answer(429, headers={"Retry-After": "900"}), refusal(500), HANG, RESET],
    ids=["400", "401", "403", "413", "429", "500", "hang", "reset"],
)
def test_a_failing_vendor_makes_nobody_talk(
    world: World, sendgrid: SendgridDouble, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    patience = 0.5 if answer is HANG else 30
    bird(world).engine.outbox._channels["email"] = SendgridChannel(API_KEY, sendgrid.base_url, answer_within=patience)  # type: ignore[index]
    sendgrid.on_key(BIRD, answer)
    with caplog.at_level(logging.DEBUG):
        for at in (day(0), day(0, 11), day(1)):
            assert seen(json.dumps(world.tick(at).json)) == []
    assert seen(caplog.text) == []
    assert seen(rows(world)) == []
    assert address(1) not in caplog.text


@pytest.mark.parametrize("answer", [no("channel_not_found"), no("invalid_auth"), no("fatal_error"), Answer(500), RESET], ids=str)
def test_a_failing_slack_makes_nobody_talk(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    with SlackDouble(channels={"C0CS": "cs"}) as slack, caplog.at_level(logging.DEBUG):
        monkeypatch.setenv("CS_ENGINE_SLACK", "slack")
        monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
        monkeypatch.setenv("SLACK_BASE_URL", slack.base_url)
        slack.on_request(1, answer)
        world.customer(name=NAME).playbook("alarm", "- {id: call, cta: call}")
        for at in (day(0), day(0, 11)):
            assert seen(json.dumps(world.tick(at).json)) == []
        world.close()
    assert seen(caplog.text) == []
    assert seen(rows(world)) == []


@pytest.mark.parametrize(
    "body",
    ["{{ contact.name.nothing }}", "{{ contact.name + 1 }}", "{{ contact.name | int / 0 }}", "[x]({{ contact.email }}:{{ contact.name }})"],
)
def test_a_failing_template_makes_nobody_talk(world: World, caplog: pytest.LogCaptureFixture, body: str) -> None:
    bird(world).mail("one", "For {{ contact.name }}", body)
    with caplog.at_level(logging.DEBUG):
        report = json.dumps(world.tick(day(0)).json)
    assert seen(report) == []
    assert seen(caplog.text) == []
    assert seen(rows(world)) == []


def test_what_the_engine_raises_names_nobody(world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    bird(world)

    def breaks(parcels: list[Parcel], _holds: object) -> None:
        raise RuntimeError(f"cannot send {parcels[0].body!r} to {BIRD}")

    monkeypatch.setattr(world.engine.outbox._channels["email"], "send", breaks)
    with caplog.at_level(logging.DEBUG):
        ticked = world.tick(day(0))
    assert ticked.json["failures"] == ["deliver: RuntimeError"]
    assert seen(json.dumps(ticked.json)) == []
    assert seen(caplog.text) == []


def test_a_database_that_refuses_a_row_does_not_say_the_row(world: World) -> None:
    bird(world)
    store = world.engine.store
    people = world.engine.usage.people()
    with pytest.raises(Exception) as raised:  # noqa: PT011 - whatever it is, it must be discreet
        store.put_people(people[0], [contact._replace(account_id=None) for contact in people[1]])  # type: ignore[arg-type]
    assert seen("".join(traceback.format_exception(raised.value))) == []
