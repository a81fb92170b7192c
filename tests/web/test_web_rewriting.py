"""The page on which one of us writes an account's next mail differently, where it is too long for Slack's form."""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

import pytest

from cs_engine.clock import FixedClock
from cs_engine.settings import Settings
from cs_engine.wiring import edit_links, review_links
from tests.doubles.slack import TOKEN, SlackDouble
from tests.stories.world import World, day
from tests.web.conftest import Served
from tests.web.slack import SECRET, buttons, opened, option, press, sent
from tests.web.test_web_reviews import says, text_of

STEPS = "- {id: ring, cta: call}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}\n- {id: three, email: three}"
LONG = "A long letter. " * 400


@pytest.fixture
def alert(world: World) -> str:
    """The id of an alert, before which the mail `two` is still to come, on Monday 10:00."""
    world.mail("two", "Two for {{ account.name }}", "Dear {{ contact | addressee }},\n\n" + LONG)
    world.customer().playbook("hello", STEPS, title="Hello")
    world.tick(day(0))
    (found,) = [m.id for m in world.engine.store.messages_of("acme", "hello") if m.kind == "cta"]
    return found


def path(world: World, alert: str, step: str = "two", hour: float = 11) -> str:
    links, _ = edit_links(Settings(cs_engine_project=world.root), FixedClock(day(0, hour)))
    return urlsplit(links.invite([alert, step], "alex@vendor.example").url).path


def test_slack_leads_to_the_page_where_a_mail_is_too_long_for_it(
    world: World, served: Served, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    world.mail("two", "Two", LONG).customer().playbook("hello", STEPS)
    keys = {"slack_signing_secret": SECRET, "slack_bot_token": TOKEN, "slack_base_url": slack.base_url}
    browser = served(**keys, cs_engine_base_url="https://cs.vendor.example")
    press(browser, buttons(world.tick(day(0)))["cs_edit"])
    sent(browser, opened(slack), step=option("two"))
    deadline = time.monotonic() + 20
    while len(slack.views) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert slack.problems == []
    (shown,) = slack.views[-1]["view"]["blocks"]
    found = re.search(r"<https://cs\.vendor\.example(/e/[^|]+)\|write it in your browser>", shown["text"]["text"])
    assert found is not None
    assert text_of(browser.get(found[1])).count("A long letter.") == 400


def test_what_is_written_goes_in_the_place_of_the_mail_and_is_kept_once(world: World, alert: str, served: Served) -> None:
    browser, where = served(day(0, 11)), path(world, alert)
    shown = browser.get(where)
    assert (shown.status, shown.lang, shown.unbalanced, shown.fields.keys() - shown.labelled) == (200, "en", [], {"draft"})
    assert all(told in shown.text for told in ("Alex Csm", "Acme", "Hello / two"))
    assert browser.get(f"{where}/done").headers["location"] == where, "nothing is kept yet: the form again"
    text = text_of(shown).replace("Dear", "As we said, <b>dear</b>")
    preview = says(browser, f"{where}/mail", shown, text=text)
    assert ("As we said, <b>dear</b>" in preview.text, "sandbox" in preview.headers["content-security-policy"]) == (True, True)
    assert world.engine.store.edits_of("acme", "hello") == []
    for _ in range(2):
        assert "two goes as you wrote it." in says(browser, where, shown, text=text, subject="My\nwords", reason="we spoke").text
    assert [line for line in world.journal("hello") if "edit" in line] == ["two edit_ordered alex@vendor.example: we spoke"]
    assert [world.tick(day(n)).sent for n in (1, 2, 3)] == [[], ["ann: My words"], ["ann: Three for Acme"]]


def test_what_lacks_the_foot_or_a_reason_comes_back_as_it_was_written(world: World, alert: str, served: Served) -> None:
    browser, where = served(day(0, 11)), path(world, alert)
    shown = browser.get(where)
    for fields, told in (
        ({"text": "Only this", "reason": "we spoke"}, "which has to stay: 1 Street"),
        ({"text": "Only this", "reason": " "}, "Please say why"),
        ({"text": " ", "reason": "we spoke"}, "A mail needs a text"),
    ):
        back = says(browser, where, shown, **fields)
        assert (back.status, told in back.text, text_of(back)) == (422, True, fields["text"])
    assert "which has to stay" in says(browser, f"{where}/mail", shown, text="Only this").text
    assert world.engine.store.edits_of("acme", "hello") == []


def test_no_form_but_its_own_and_no_other_link_writes_a_mail(world: World, alert: str, served: Served) -> None:
    browser, where = served(day(0, 11)), path(world, alert)
    shown = browser.get(where)
    forged = {"draft": shown.form["draft"][:-1] + ("A" if shown.form["draft"][-1] != "A" else "B")}
    for fields in (forged, {"draft": ""}):
        assert says(browser, where, shown, reason="we spoke", **fields).status == 404
    assert says(browser, path(world, alert, "three"), shown, reason="we spoke").status == 404, "of another step"
    review = review_links(Settings(cs_engine_project=world.root), FixedClock(day(0, 11))).invite([alert, "two"], "alex@vendor.example")
    assert browser.get(urlsplit(review.url).path.replace("/r/", "/e/")).status == 404
    assert browser.get(where.replace("/e/", "/r/")).status == 404
    ended = says(browser, path(world, alert, hour=9), shown, text="An hour's work", reason="we spoke")
    assert (ended.status, "An hour's work" in ended.text, "Edit the next mail" in ended.text) == (410, True, True)
    assert world.engine.store.edits_of("acme", "hello") == []


def test_what_has_moved_on_meanwhile_is_said_and_what_was_written_is_given_back(world: World, alert: str, served: Served) -> None:
    browser, where = served(day(0, 11)), path(world, alert)
    shown = browser.get(where)
    for number in (1, 2, 3):
        world.tick(day(number))
    late = says(browser, where, shown, text=text_of(shown) + "Mine", reason="we spoke")
    assert (late.status, "Mine" in late.text) == (409, True)
    assert browser.get(where).status == 409
    assert browser.get(path(world, "msg_none")).status == 404
    assert world.engine.store.edits_of("acme", "hello") == []
