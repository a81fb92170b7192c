"""Who says no to a topic, or to all, gets no mail of it, whenever they say it; what is transactional, and Slack, goes on."""

from __future__ import annotations

import pytest

from cs_engine.errors import WrongUse
from cs_engine.run.desk.approving import answer
from tests.stories.world import World, day, opened

STEPS = "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}"


def test_who_unsubscribes_between_plan_and_send_gets_nothing_and_is_told_of_as_such(world: World) -> None:
    world.customer().playbook("hello", STEPS)
    assert world.tick(day(0, 22)).delivery == {"held": 1}, "planned at night"
    world.prefer("ann", "tips", False, day(0, 23))
    assert world.tick(day(1)).sent == []
    assert world.messages("hello") == ["one ann skipped (unsubscribed)"]
    assert "one skipped unsubscribed" in world.journal("hello")
    world.tick(day(2))
    assert world.stands("hello") == ["rest"], "the journey goes on, as after any message"


@pytest.mark.parametrize(("topic", "sent"), [("tips", []), ("", []), ("milestones", ["ann: One for Acme"])])
def test_a_topic_is_refused_alone_or_with_all_others(world: World, topic: str, sent: list[str]) -> None:
    world.customer().playbook("hello", STEPS).prefer("ann", topic, False, day(0, 8))
    assert world.tick(day(0)).sent == sent


def test_transactional_mail_and_alerts_to_our_own_people_are_blocked_by_no_preference(world: World) -> None:
    world.customer().prefer("ann", "", False, day(0, 8))
    world.playbook("bill", STEPS, topic="transactional")
    world.playbook("ring", "- {id: ring, cta: call}")
    assert world.tick(day(0)).sent == ["U-ALEX: Call Acme", "ann: One for Acme"]
    world.suppress("ann@customer.example")
    world.tick(day(1))
    world.tick(day(3))
    assert world.messages("bill") == ["one ann accepted", "two ann skipped (suppressed)"]


def test_who_wants_it_again_gets_what_comes_from_then_on(world: World) -> None:
    world.customer().playbook("hello", STEPS).prefer("ann", "", False, day(0, 8))
    assert world.tick(day(0)).sent == []
    world.prefer("ann", "tips", True, day(1))
    world.tick(day(1))
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]
    assert world.messages("hello") == ["one ann skipped (unsubscribed)", "two ann accepted"]


def test_colleagues_decide_for_themselves(world: World) -> None:
    world.customer().contact("bob", role="operator").playbook("hello", "- {id: one, email: one, to: everyone}")
    world.prefer("ann", "tips", False, day(0, 8))
    assert world.tick(day(0)).sent == ["bob: One for Acme"]


def test_who_edits_a_mail_that_waits_for_a_yes_keeps_its_way_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_ENGINE_BASE_URL", "https://cs.vendor.example")
    world.customer().playbook("hello", "- {id: one, email: one, approve: csm}")
    world.tick(day(0))
    engine = world.engine
    (read,) = engine.store.approvals_waiting()
    link = next(word for word in read.text.split() if "/u/" in word)
    with pytest.raises(WrongUse, match="mail law"):
        answer(engine.store, engine.project, read, "kim", day(0, 12), yes=True, edited=("Hi", "Hello\nVendor 1 Street"))
    assert answer(engine.store, engine.project, read, "kim", day(0, 12), yes=True, edited=("Hi", f"Hello\nVendor 1 Street {link}"))
    (file,) = world.tick(day(1)).files
    assert str(opened(file)["List-Unsubscribe"]) == f"<{link}>"


def test_no_value_of_a_source_begins_a_header_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_ENGINE_BASE_URL", "https://cs.vendor.example")
    evil = "Ann\r\nBcc: evil@evil.example\r\nList-Unsubscribe: <https://evil.example>"
    world.account(name=evil).contact("ann", name=evil).playbook("hello", STEPS)
    (file,) = world.tick(day(0)).files
    message = opened(file)
    assert message["Bcc"] is None
    assert message.get_all("List-Unsubscribe-Post") == ["List-Unsubscribe=One-Click"]
    (header,) = message.get_all("List-Unsubscribe", [])
    assert str(header).startswith("<https://cs.vendor.example/u/")
