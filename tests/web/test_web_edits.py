"""A CSM writes the next mail differently from an alert in Slack: shown as it would go, whole, and only if they are of the team."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests.doubles.slack import TOKEN, SlackDouble
from tests.stories.world import World, day
from tests.web.browser import Browser
from tests.web.conftest import Served
from tests.web.slack import SECRET, buttons, opened, option, press, sent

STEPS = "- {id: ring, cta: call}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}\n- {id: three, email: three}"


@pytest.fixture
def browser(world: World, served: Served, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    world.customer().playbook("hello", STEPS)
    return served(slack_signing_secret=SECRET, slack_bot_token=TOKEN, slack_base_url=slack.base_url)


def written(world: World, browser: Browser, slack: SlackDouble, step: str = "two") -> dict[str, Any]:
    """The form with the mail's text, behind the one that asks which mail."""
    assert press(browser, buttons(world.tick(day(0)))["cs_edit"]).status == 200
    view = opened(slack)
    (select,) = [block["element"] for block in view["blocks"]]
    assert [one["value"] for one in select["options"]] == ["two", "three"]
    assert select["initial_option"]["value"] == "two"
    waits = json.loads(sent(browser, view, step=option(step)).html)
    assert (waits["response_action"], waits["view"]["blocks"][0]["text"]["text"]) == ("update", "One moment …")
    deadline = time.monotonic() + 20
    while len(slack.views) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert slack.problems == []
    found = slack.views[-1]["view"]
    assert isinstance(found, dict)
    return found


def fields(view: dict[str, Any]) -> dict[str, str]:
    return {block["block_id"]: block["element"].get("initial_value", "") for block in view["blocks"] if block["type"] == "input"}


def test_the_next_mail_is_written_differently_from_an_alert(world: World, browser: Browser, slack: SlackDouble) -> None:
    view = written(world, browser, slack)
    shown = fields(view)
    assert (shown["subject"], shown["reason"]) == ("Two for Acme", "")
    text = shown["text"].replace("Dear", "As we said, dear")
    values: dict[str, Any] = {"subject": {"value": "My words"}, "text": {"value": text}, "reason": {"value": "we spoke"}}
    for _ in range(2):  # sent twice, it is kept once
        said = json.loads(sent(browser, view, **values).html)
        assert said["view"]["blocks"][0]["text"]["text"] == "two goes as you wrote it."
    assert [line for line in world.journal("hello") if "edit" in line] == ["two edit_ordered alex@vendor.example: we spoke"]
    assert [world.tick(day(n)).sent for n in (1, 2, 3)] == [[], ["ann: My words"], ["ann: Three for Acme"]]


def test_what_is_not_lawful_or_says_no_reason_stays_open(world: World, browser: Browser, slack: SlackDouble) -> None:
    view = written(world, browser, slack)
    shown: dict[str, Any] = {"subject": {"value": "My words"}, "text": {"value": "Only this"}}
    said = json.loads(sent(browser, view, **shown, reason={"value": "we spoke"}).html)
    assert "mail law" in said["errors"]["text"]
    said = json.loads(sent(browser, view, **shown, reason={"value": " "}).html)
    assert list(said["errors"]) == ["reason"]
    assert world.engine.store.edits_of("acme", "hello") == []


def test_who_is_not_of_the_team_and_what_has_left_by_now_change_nothing(world: World, browser: Browser, slack: SlackDouble) -> None:
    view = written(world, browser, slack)
    values: dict[str, Any] = {"subject": {"value": ""}, "text": {"value": fields(view)["text"]}, "reason": {"value": "we spoke"}}
    assert sent(browser, view, user="U-STRANGER", **values).html == ""
    for number in (1, 2, 3):
        world.tick(day(number))
    said = json.loads(sent(browser, view, **values).html)
    assert list(said["errors"]) == ["text"]
    for meant in ("", "[]", "{}", '{"needed": 3}'):
        assert sent(browser, {"callback_id": "cs_edit_text", "private_metadata": meant}, **values).html == ""
    assert world.engine.store.edits_of("acme", "hello") == []
