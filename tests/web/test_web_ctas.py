"""CTAs worked on from Slack: done, snoozed, useful or a false alarm, ticked off; each once however often it is pressed, and journalled."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cs_engine.instants import to_micros
from tests.doubles.slack import refused_blocks
from tests.stories.world import Ticked, World, day
from tests.web.browser import Browser, Page
from tests.web.conftest import Served
from tests.web.slack import SECRET, call

CALL = "- {id: call, cta: call, checklist: [Look, {en: Ring, ja: 電話}]}\n- {id: rest, wait: 30 days}"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack can call us back: alerts have buttons."""
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)


@pytest.fixture
def alerted(world: World, served: Served) -> tuple[World, Browser, dict[str, Any]]:
    """An alert that stands, what Slack calls, and its post."""
    world.customer().playbook("alarm", CALL)
    post = said(world.tick(day(0)))
    return world, served(slack_signing_secret=SECRET), post


def said(ticked: Ticked) -> dict[str, Any]:
    (post,) = [json.loads(file.path.read_text()) for file in ticked.files if file.path.suffix == ".json"]
    assert list(refused_blocks(post)) == []
    assert isinstance(post, dict)
    return post


def press(browser: Browser, post: dict[str, Any], action: str, user: str = "U-ALEX", **more: Any) -> Page:
    """As Slack says it: the action with its block."""
    (found,) = [
        {"action_id": element["action_id"], "block_id": block["block_id"], "type": element["type"]}
        for block in post["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if element["action_id"] == action
    ]
    return call(browser, {"type": "block_actions", "trigger_id": "T1", "user": {"id": user}, "actions": [{**found, **more}]})


def told(world: World) -> list[str]:
    return [line for line in world.journal("alarm") if " cta_" in line]


def marks(world: World) -> set[tuple[str, str]]:
    return {(mark.kind, mark.value) for mark in world.engine.store.cta_marks([cta.id for cta in world.engine.store.open_ctas()])}


Alerted = tuple[World, Browser, dict[str, Any]]


def test_done_closes_it_and_the_alert_and_its_thread_say_who_did_it(alerted: Alerted) -> None:
    world, browser, post = alerted
    for _ in range(2):
        assert press(browser, post, "cs_done").status == 200
    assert told(world) == ["call cta_closed done by alex@vendor.example"]
    assert world.engine.store.open_ctas() == []
    ticked = world.tick(day(1))
    update = said(ticked)
    assert (update["update"], ticked.replies) == (f"mailbox:{post['id']}", ["U-ALEX: :white_check_mark: Alex Csm has done it."])
    assert "Done by Alex Csm" in json.dumps(update["blocks"])
    assert [block for block in update["blocks"] if block["type"] == "actions"] == []
    assert world.tick(day(2)).replies == []


def test_a_snoozed_one_counts_as_open_and_is_back_on_its_day(alerted: Alerted) -> None:
    world, browser, post = alerted
    until = world.engine.wall.now().date() + timedelta(days=3)
    assert until > day(3).date()
    for _ in range(2):
        assert press(browser, post, "cs_snooze", selected_date=day(3).date().isoformat()).status == 200
    assert told(world) == ["call cta_snoozed by alex@vendor.example"]
    assert [cta.state for cta in world.engine.store.open_ctas()] == ["snoozed"]
    ticked = world.tick(day(1))
    assert ticked.replies == ["U-ALEX: :zzz: Alex Csm has snoozed it until Thursday, 5 March."]
    assert ":zzz: Snoozed until Thursday, 5 March" in json.dumps(said(ticked)["blocks"])
    assert world.tick(day(2)).replies == []
    assert world.tick(day(3)).replies == ["U-ALEX: :alarm_clock: It is back: it was snoozed until today."]
    assert [cta.state for cta in world.engine.store.open_ctas()] == ["open"]
    assert (told(world)[-1], world.tick(day(4)).replies) == ("call cta_woke", [])


@pytest.mark.parametrize("chosen", [day(0).date().isoformat(), "2020-01-01", "soon", ""])
def test_a_day_that_has_come_snoozes_nothing(alerted: Alerted, chosen: str) -> None:
    world, browser, post = alerted
    assert press(browser, post, "cs_snooze", selected_date=chosen).status == 200
    assert [cta.state for cta in world.engine.store.open_ctas()] == ["open"]


def test_a_verdict_is_kept_for_each_person_and_the_last_one_counts(alerted: Alerted) -> None:
    world, browser, post = alerted
    for action in ("cs_useful", "cs_useful", "cs_false_alarm"):
        press(browser, post, action)
    press(browser, post, "cs_useful", "U-LEAD")
    assert told(world) == [
        "call cta_judged useful by alex@vendor.example", "call cta_judged false_alarm by alex@vendor.example",
        "call cta_judged useful by lead@vendor.example",
    ]  # fmt: skip
    assert marks(world) == {("verdict", "false_alarm"), ("verdict", "useful")}


def test_what_is_ticked_off_is_kept_and_shown_when_the_alert_is_updated(alerted: Alerted) -> None:
    world, browser, post = alerted
    (boxes,) = [e for block in post["blocks"] if block["type"] == "actions" for e in block["elements"] if e["type"] == "checkboxes"]
    assert ([option["text"]["text"] for option in boxes["options"]], "initial_options" in boxes) == (["Look", "Ring"], False)
    first, second = boxes["options"]
    for chosen in ([first], [first, second], [second], [second]):
        press(browser, post, "cs_item", selected_options=chosen)
    assert [line.split(" ", 3)[3] for line in told(world)] == [f"{state} by alex@vendor.example" for state in ("done", "done", "open")]
    press(browser, post, "cs_snooze", selected_date=day(3).date().isoformat())
    update = said(world.tick(day(1)))
    (boxes,) = [e for block in update["blocks"] if block["type"] == "actions" for e in block["elements"] if e["type"] == "checkboxes"]
    assert [option["text"]["text"] for option in boxes["initial_options"]] == ["Ring"]


def test_items_that_nobody_listed_are_not_kept(alerted: Alerted) -> None:
    world, browser, post = alerted
    press(browser, post, "cs_item", selected_options=[{"value": "elsewhere"}, {"value": None}, "nothing"])
    assert (marks(world), told(world)) == (set(), [])


@pytest.mark.parametrize("action", ["cs_done", "cs_useful", "cs_false_alarm", "cs_snooze", "cs_item"])
def test_nobody_works_on_it_but_people_of_the_team_and_nobody_is_heard_but_slack(alerted: Alerted, action: str) -> None:
    world, browser, post = alerted
    press(browser, post, action, "U-STRANGER", selected_date="2026-03-09", selected_options=[])
    payload = {"type": "block_actions", "user": {"id": "U-ALEX"}, "actions": [{"action_id": action, "block_id": f"cta:{post['id']}"}]}
    assert call(browser, payload, secret="another").status == 401
    assert call(browser, payload, age=400).status == 401
    assert (told(world), [cta.state for cta in world.engine.store.open_ctas()]) == ([], ["open"])


def test_an_alert_that_was_closed_and_opened_anew_is_history(world: World, served: Served) -> None:
    world.customer(contract_id="c-1").uses("acme", day(1, 9))
    world.playbook("alarm", "- {id: call, cta: call, close_when: uses_7d > 0}", once_per="account.contract_id")
    first = said(world.tick(day(0)))
    world.tick(day(1))
    world.account(contract_id="c-2").tick(day(12))
    press(served(slack_signing_secret=SECRET), first, "cs_done")
    assert len(world.engine.store.open_ctas()) == 1


def test_what_nobody_can_press_has_no_buttons(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_SIGNING_SECRET")
    post = said(world.customer().playbook("alarm", CALL).tick(day(0)))
    assert [block["type"] for block in post["blocks"] if block["type"] == "actions"] == []


def test_an_answer_is_told_in_the_thread_and_not_quoted(world: World, served: Served) -> None:
    world.customer().playbook("alarm", "- {id: call, cta: call, ask: {why: text}}\n- {id: rest, wait: 30 days}")
    post = said(world.tick(day(0)))
    (answer,) = [e for block in post["blocks"] if block["type"] == "actions" for e in block["elements"] if e["action_id"] == "cs_answer"]
    view = {"callback_id": "cs_answer", "private_metadata": answer["value"]}
    for _ in range(2):
        shown = {**view, "state": {"values": {"why": {"value": {"value": "They are busy"}}}}}
        call(served(slack_signing_secret=SECRET), {"type": "view_submission", "user": {"id": "U-ALEX"}, "view": shown})
    assert world.tick(day(1)).replies == ["U-ALEX: :speech_balloon: Alex Csm has answered: why."]


def test_what_is_given_at_the_last_tick_is_known_to_the_next(alerted: Alerted) -> None:
    """The time of a span may lie in the past: what is pressed counts from its last tick."""
    world, browser, post = alerted
    press(browser, post, "cs_done")
    assert world.engine.store.ctas_open_before(to_micros(day(1))) == {}


def test_a_line_of_a_digest_has_a_button_of_its_own(world: World, served: Served) -> None:
    world.project(slack={"channel": "#cs", "digest": "09:00"}).customer().customer("beta", "bob")
    world.playbook("alarm", "- {id: call, cta: call, priority: low}\n- {id: rest, wait: 30 days}").tick(day(0))
    post = said(world.tick(day(1, 9)))
    lines = [block for block in post["blocks"] if "accessory" in block]
    assert len(lines) == 2
    browser = served(slack_signing_secret=SECRET)
    action = {"action_id": lines[0]["accessory"]["action_id"], "block_id": lines[0]["block_id"], "type": "button"}
    for _ in range(2):
        assert call(browser, {"type": "block_actions", "user": {"id": "U-ALEX"}, "actions": [action]}).status == 200
    (left,) = world.engine.store.open_ctas()
    assert left.id in lines[1]["block_id"]
    again = said(world.tick(day(2, 9)))
    assert [block["block_id"] for block in again["blocks"] if "accessory" in block] == [lines[1]["block_id"]]
    stale = {**action, "block_id": lines[1]["block_id"].replace("@", "@9")}
    call(browser, {"type": "block_actions", "user": {"id": "U-ALEX"}, "actions": [stale]})
    assert world.engine.store.open_ctas() == [left]
