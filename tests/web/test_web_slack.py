"""What Slack calls: only Slack is heard, a button opens the questions of its alert, and who sends the form has answered."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cs_engine.web import in_time
from tests.doubles.slack import TOKEN, SlackDouble
from tests.stories.world import World, day
from tests.web.browser import Browser
from tests.web.conftest import Served
from tests.web.slack import SECRET, button, buttons, call, opened, option, press, sent
from tests.web.test_web_answers import answers

ASKS = "{champion: contact, reason: [no time, no need], when: date, why: text, go: yes_no, score: nps}"


@pytest.fixture
def browser(world: World, served: Served, slack: SlackDouble) -> Browser:
    world.customer().contact("bob", role="operator")
    world.playbook("brief", f"- {{id: brief, cta: call, ask: {ASKS}}}\n- {{id: w, wait_until: answer('brief.reason') = 'no time'}}\n{LAST}")
    return served(slack_signing_secret=SECRET, slack_bot_token=TOKEN, slack_base_url=slack.base_url)


LAST = "- {id: hi, email: one, to: answer('brief.champion')}"


def test_a_csm_answers_in_slack_and_the_playbook_goes_by_it(world: World, browser: Browser, slack: SlackDouble) -> None:
    ticked = world.tick(day(0))
    assert ticked.sent == ["U-ALEX: Call Acme"]
    assert press(browser, button(ticked)).status == 200
    view = opened(slack)
    kinds = {block["block_id"]: block["element"]["type"] for block in view["blocks"]}
    assert kinds == {
        "champion": "static_select", "reason": "radio_buttons", "when": "datepicker", "why": "plain_text_input", "go": "radio_buttons",
        "score": "static_select",
    }  # fmt: skip
    page = sent(
        browser, view, champion=option("bob"), reason=option("no time"), when={"selected_date": "2026-04-01"}, why={"value": "busy"},
        go=option("true"), score=option("10"),
    )  # fmt: skip
    assert (page.status, page.html) == (200, "")
    assert {row[1]: row[2] for row in answers(world)} == {
        "champion": "bob", "reason": "no time", "when": "2026-04-01", "why": "busy", "go": "true", "score": "10",
    }  # fmt: skip
    assert {row[3:] for row in answers(world)} == {("alex@vendor.example", "staff")}


def test_a_form_without_answers_or_with_wrong_ones_stays_open(world: World, browser: Browser, slack: SlackDouble) -> None:
    press(browser, button(world.tick(day(0))))
    view = opened(slack)
    for values, field in (({}, "champion"), ({"champion": option("eve")}, "champion"), ({"when": {"selected_date": "soon"}}, "when")):
        said = json.loads(sent(browser, view, **values).html)
        assert (said["response_action"], list(said["errors"])) == ("errors", [field])
    assert answers(world) == []


def test_who_is_not_in_the_team_is_kept_by_their_slack_id(world: World, browser: Browser, slack: SlackDouble) -> None:
    press(browser, button(world.tick(day(0))))
    sent(browser, opened(slack), user="U-NEW", go=option("false"))
    assert answers(world) == [("brief", "go", "false", "slack:U-NEW", "staff")]


def test_nobody_but_slack_is_heard(world: World, browser: Browser, slack: SlackDouble) -> None:
    element = button(world.tick(day(0)))
    assert press(browser, element, secret="another-secret").status == 401
    assert press(browser, element, age=301).status == 401
    assert press(browser, element, age=-301).status == 401
    assert press(browser, element, body=b"payload=%7B%7D").status == 401
    assert browser.send("/slack/interactivity", b"payload={}", {}).status == 401
    assert browser.send("/slack/interactivity", b"x" * 600_000, {}).status == 413
    assert browser.get("/slack/interactivity").status == 405
    assert press(browser, element, age=200).status == 200
    opened(slack)
    assert answers(world) == []


@pytest.mark.parametrize(
    "payload",
    [{}, {"type": "block_actions"}, {"type": "block_actions", "actions": "x"}, {"type": "view_submission", "view": []}, {"type": "new"}],
)
def test_what_slack_may_send_one_day_is_no_failure(browser: Browser, payload: dict[str, Any]) -> None:
    assert call(browser, payload).status == 200


def test_a_forged_button_opens_nothing(world: World, browser: Browser, slack: SlackDouble) -> None:
    element = button(world.tick(day(0)))
    assert press(browser, {**element, "value": element["value"][:-2]}).status == 200
    assert slack.views == []


def test_without_a_signing_secret_there_is_no_such_endpoint(world: World, served: Served) -> None:
    world.customer()
    assert served().send("/slack/interactivity", b"", {}).status == 404


@pytest.mark.parametrize(("action", "state"), [("cs_approve", "accepted"), ("cs_refuse", "skipped (refused)")])
def test_a_mail_is_let_go_or_refused_in_slack(world: World, served: Served, action: str, state: str) -> None:
    world.customer().playbook("p", "- {id: hi, email: one, approve: csm}")
    browser, shown = served(slack_signing_secret=SECRET), buttons(world.tick(day(0)))
    assert press(browser, shown[action]).status == 200
    assert press(browser, shown["cs_refuse"]).status == 200, "the first answer counts"
    world.tick(day(1))
    assert world.messages("p") == [f"hi ann {state}"]


def test_only_people_of_the_team_say_yes(world: World, served: Served) -> None:
    world.customer().playbook("p", "- {id: hi, email: one, approve: csm}")
    browser, shown = served(slack_signing_secret=SECRET), buttons(world.tick(day(0)))
    action = {"action_id": "cs_approve", "value": shown["cs_approve"]["value"]}
    call(browser, {"type": "block_actions", "user": {"id": "U-STRANGER"}, "actions": [action]})
    world.tick(day(1))
    assert world.messages("p") == ["hi ann held (awaiting_approval)"]


# --- Slack waits three seconds


@contextmanager
def busy(world: World) -> Iterator[None]:
    """Another writer has the database."""
    writer = sqlite3.connect(world.root / ".cs-engine/state.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        writer.close()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_slack_is_told_in_time_though_the_database_is_busy_and_the_answer_is_kept_afterwards(
    world: World, browser: Browser, slack: SlackDouble
) -> None:
    """Slack waits for three seconds; the answer comes after two, with nothing shortened, while the database is still busy."""
    assert in_time.WITHIN <= 2.0
    press(browser, button(world.tick(day(0))))
    view = opened(slack)
    with busy(world):
        began = time.monotonic()
        page = sent(browser, view, go=option("true"))
        took = time.monotonic() - began
        assert (page.status, page.html) == (200, "")
        assert took >= in_time.WITHIN
        assert answers(world) == []
    until(lambda: answers(world))
    assert answers(world) == [("brief", "go", "true", "alex@vendor.example", "staff")]
    assert slack.messages == {}, "what was kept needs no word"


def test_whoever_sent_a_form_that_was_wrong_is_told_though_it_has_closed(
    world: World, browser: Browser, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(browser, button(world.tick(day(0))))
    view = opened(slack)
    monkeypatch.setattr(in_time, "WITHIN", 0.0)
    assert sent(browser, view, champion=option("eve")).html == ""
    until(lambda: slack.messages)
    ((user, (said,)),) = slack.messages.items()
    text = said["text"]
    assert (user, text.splitlines()[0]) == ("D-ALEX", "Your form was not kept. Please press the button again.")
    assert "• champion: " in text


def test_a_form_opens_though_what_it_shows_took_too_long_to_find(
    world: World, browser: Browser, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    element = button(world.tick(day(0)))
    monkeypatch.setattr(in_time, "WITHIN", 0.0)
    assert press(browser, element).status == 200
    assert opened(slack)["callback_id"] == "cs_answer"
