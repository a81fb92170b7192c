"""A CSM skips or postpones the next step from an alert in Slack: once, with a reason, and only if they are of the team."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doubles.slack import TOKEN, SlackDouble
from tests.stories.world import World, day
from tests.web.browser import Browser
from tests.web.conftest import Served
from tests.web.slack import SECRET, buttons, call, opened, option, press, sent

STEPS = "- {id: ring, cta: call}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}\n- {id: three, email: three}"


@pytest.fixture
def browser(world: World, served: Served, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    world.customer().playbook("hello", STEPS)
    return served(slack_signing_secret=SECRET, slack_bot_token=TOKEN, slack_base_url=slack.base_url)


def form(world: World, browser: Browser, slack: SlackDouble, action: str) -> dict[str, Any]:
    assert press(browser, buttons(world.tick(day(0)))[action]).status == 200
    return opened(slack)


def fields(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}


def orders(world: World) -> list[tuple[str, str, str, str]]:
    return [(o.step, o.kind, o.by, o.reason) for o in world.engine.store.step_orders_of("acme", "hello")]


def test_the_next_step_is_skipped_from_its_alert(world: World, browser: Browser, slack: SlackDouble) -> None:
    view = form(world, browser, slack, "cs_skip")
    shown = fields(view)
    assert [one["value"] for one in shown["step"]["options"]] == ["rest", "two", "three"]
    assert shown["step"]["initial_option"]["value"] == "two", "not the wait before it"
    said = json.loads(sent(browser, view, step=option("two"), reason={"value": "spoke to them"}).html)
    assert (said["response_action"], said["view"]["blocks"][0]["text"]["text"]) == ("update", "two is skipped.")
    assert orders(world) == [("two", "skip", "alex@vendor.example", "spoke to them")]
    assert [world.tick(day(n)).sent for n in (1, 2, 3)] == [[], ["ann: Three for Acme"], []]


def test_the_next_step_is_postponed_by_three_days_from_its_alert(world: World, browser: Browser, slack: SlackDouble) -> None:
    view = form(world, browser, slack, "cs_postpone")
    assert view["blocks"][0]["text"]["text"] == "Not before 2026-03-05 10:00"
    sent(browser, view, step=option("two"), reason={"value": "at a fair"})
    assert orders(world) == [("two", "postpone", "alex@vendor.example", "at a fair")]
    assert [world.tick(day(n)).sent for n in (1, 2)] == [[], []]
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]


def test_a_form_that_is_sent_twice_orders_once(world: World, browser: Browser, slack: SlackDouble) -> None:
    view = form(world, browser, slack, "cs_postpone")
    for _ in range(2):
        said = json.loads(sent(browser, view, step=option("two"), reason={"value": "at a fair"}).html)
        assert said["response_action"] == "update"
    assert len([line for line in world.journal("hello") if "postpone_ordered" in line]) == 1


def test_what_has_left_by_now_and_what_says_no_reason_is_refused_in_the_form(world: World, browser: Browser, slack: SlackDouble) -> None:
    view = form(world, browser, slack, "cs_skip")
    said = json.loads(sent(browser, view, step=option("two"), reason={"value": " "}).html)
    assert said == {"response_action": "errors", "errors": {"reason": "Please say why: the journal tells it."}}
    for number in (1, 3, 4):
        world.tick(day(number))
    said = json.loads(sent(browser, view, step=option("two"), reason={"value": "too late"}).html)
    assert (said["response_action"], list(said["errors"])) == ("errors", ["step"])
    assert orders(world) == []


def test_who_is_not_of_the_team_orders_nothing(world: World, browser: Browser, slack: SlackDouble) -> None:
    element = buttons(world.tick(day(0)))["cs_skip"]
    action = {"action_id": "cs_skip", "value": element["value"]}
    call(browser, {"type": "block_actions", "trigger_id": "T1", "user": {"id": "U-STRANGER"}, "actions": [action]})
    press(browser, element)
    view = opened(slack)
    sent(browser, view, user="U-STRANGER", step=option("two"), reason={"value": "for fun"})
    assert orders(world) == []


def test_a_form_that_is_not_ours_is_no_failure(world: World, browser: Browser) -> None:
    world.tick(day(0))
    for meant in ("", "[]", "{}", '{"message": "msg_x", "kind": "skip", "until": 0}'):
        view = {"callback_id": "cs_order", "private_metadata": meant}
        assert sent(browser, view, step=option("two"), reason={"value": "x"}).html == ""


def test_without_a_signing_secret_alerts_have_no_such_buttons(world: World) -> None:
    world.customer().playbook("hello", STEPS)
    assert buttons(world.tick(day(0))) == {}
