"""The page on which one of us reads a mail before it goes: over a real connection, with links as Slack and the command give them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest

from cs_engine.clock import FixedClock
from cs_engine.settings import Settings
from cs_engine.web.house import house
from cs_engine.web.reviews import Reviews
from cs_engine.wiring import answer_links, preference_links, review_links
from tests.stories.world import World, day, opened
from tests.web.browser import Browser, Page
from tests.web.conftest import Served
from tests.web.slack import SECRET, buttons, call

STEP = "- {id: hi, email: one, approve: csm}\n- {id: then, email: two}"
TEAM = """\
    staff:
      - {{email: lead@vendor.example, name: Toni Lead, role: manager, slack: U-LEAD}}
      - {{email: alex@vendor.example, name: {{en: Alex Csm, ja: 青木}}, role: csm, slack: U-ALEX, manager: lead@vendor.example{more}}}
      - {{email: kim@vendor.example, name: Kim Sales, role: sales, slack: U-KIM}}
    """


@pytest.fixture
def waiting(world: World) -> str:
    """The id of a mail that waits for Alex's yes since Monday 10:00."""
    world.customer().playbook("p", STEP, title="Welcome", enter="uses >= 0")
    world.tick(day(0))
    return asked(world)


def asked(world: World) -> str:
    (found,) = world.engine.store.approvals_waiting()
    return found.message_id


def path(world: World, message: str, who: str = "alex@vendor.example", at: datetime | None = None, until: datetime | None = None) -> str:
    """Where the link leads that is made at that time."""
    links = review_links(Settings(cs_engine_project=world.root), FixedClock(at or day(0, 11)))
    return urlsplit(links.invite([message], who, until or day(2)).url).path


def says(browser: Browser, path: str, shown: Page, **fields: str) -> Page:
    """The form as it stands, with these fields as they say, as browsers send it."""
    form = {**shown.form, "text": text_of(shown), **fields}
    return browser.post(path, {name: value.replace("\n", "\r\n") for name, value in form.items()})


def text_of(shown: Page) -> str:
    (found,) = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", shown.html, re.DOTALL)
    return str(found)


def test_the_page_shows_what_will_arrive_to_whom_why_and_until_when_and_opening_it_changes_nothing(
    world: World, waiting: str, served: Served
) -> None:
    browser, where = served(day(0, 11)), path(world, waiting)
    page = browser.get(where)
    assert (page.status, page.lang, page.unbalanced, page.action) == (200, "en", [], where)
    for told in ("Alex Csm", "Ann", "Acme", "Welcome / hi", "uses: 0 (uses >= 0)", "4 March 2026 10:00 (UTC)", "2 March 2026 12:00 (UTC)"):
        assert told in page.text
    assert page.form["subject"] == "One for Acme"
    assert page.fields.keys() - page.labelled == set()
    frame = browser.get(f"{where}/mail")
    assert (frame.status, "Dear Ann" in frame.text) == (200, True)
    assert frame.html.replace("\r\n", "\n") == world.engine.store.approvals([waiting])[waiting].html.replace("\r\n", "\n")
    assert [browser.get(where, "HEAD").status, world.messages("p")] == [200, ["hi ann held (awaiting_approval)"]]


def test_a_yes_lets_go_what_was_shown_and_the_second_press_of_anybody_changes_nothing(world: World, waiting: str, served: Served) -> None:
    browser, where, kims = served(day(0, 11)), path(world, waiting), path(world, waiting, "kim@vendor.example")
    shown = browser.get(where)
    answered = says(browser, where, shown, answer="yes")
    assert "Alex Csm said yes on 2 March 2026 11:00 (UTC). It goes at the next run." in answered.text
    again = says(browser, kims, shown, answer="no", reason="not now")
    assert (again.status, "Alex Csm said yes" in again.text) == (409, True)
    assert "Alex Csm said yes" in browser.get(kims).text
    assert "Dear" not in browser.get(f"{kims}/mail").text
    assert world.tick(day(1)).sent == ["ann: One for Acme"]
    told = [line for line in world.journal("p") if line.split()[1] in ("approved", "refused")]
    assert told == ["hi approved alex@vendor.example"], "as it was made, for nothing was changed"


def test_what_is_written_is_previewed_and_goes_whole_however_long(world: World, waiting: str, served: Served) -> None:
    browser, where = served(day(0, 11)), path(world, waiting)
    shown = browser.get(where)
    text = text_of(shown).replace("Dear", "Hello <script>alert(1)</script> 山田様\n" + "長い文章です。" * 1_000 + "\n\nDear")
    preview = says(browser, f"{where}/mail", shown, text=text)
    assert (preview.status, "Hello <script>alert(1)</script> 山田様" in preview.text, "<script" in preview.html) == (200, True, False)
    assert world.engine.store.approvals([waiting])[waiting].subject == "One for Acme", "a preview keeps nothing"
    assert "said yes" in says(browser, where, shown, text=text, subject="My own\nwords", answer="yes").text
    sent = world.tick(day(1))
    assert sent.sent == ["ann: My own words"]
    part = opened(sent.files[0]).get_body(("plain",))
    assert part is not None
    assert "長い文章です。" * 1_000 in part.get_content()
    assert [line for line in world.journal("p") if "edited" in line] == ["hi approved alex@vendor.example (edited)"]


def test_who_changes_the_subject_alone_keeps_the_mail_as_it_was_made(world: World, waiting: str, served: Served) -> None:
    browser, where, made = served(day(0, 11)), path(world, waiting), world.engine.store.approvals([waiting])[waiting]
    assert "said yes" in says(browser, where, browser.get(where), subject="Another", answer="yes").text
    kept = world.engine.store.approvals([waiting])[waiting]
    assert (kept.subject, kept.text, kept.html) == ("Another", made.text, made.html)


def test_a_text_that_lacks_what_has_to_stay_comes_back_as_it_was_written(world: World, waiting: str, served: Served) -> None:
    browser, where = served(day(0, 11)), path(world, waiting)
    shown = browser.get(where)
    for text, told in (("My words", "which has to stay: 1 Street"), (" ", "A mail needs a text"), ("x" * 100_001, "A mail needs a text")):
        assert told in says(browser, f"{where}/mail", shown, text=text).text
        back = says(browser, where, shown, text=text, subject="Mine", answer="yes")
        assert (back.status, told in back.text, text_of(back), back.form["subject"]) == (422, True, text, "Mine")
    assert says(browser, where, shown, text="x" * 1_300_000, answer="yes").status == 413
    assert says(browser, where, shown).status == 422, "no button was pressed"
    assert world.messages("p") == ["hi ann held (awaiting_approval)"]


def test_a_no_wants_its_reason_and_skips_the_mail(world: World, waiting: str, served: Served) -> None:
    browser, where = served(day(0, 11)), path(world, waiting)
    shown = browser.get(where)
    assert says(browser, where, shown, answer="no", reason=" ").status == 422
    answered = says(browser, where, shown, answer="no", reason="they called us")
    assert "Alex Csm said no on 2 March 2026 11:00 (UTC). Reason: they called us" in answered.text
    world.tick(day(1))
    assert (world.messages("p"), "hi refused they called us" in world.journal("p")) == (["hi ann skipped (refused)"], True)


def test_each_reads_it_in_their_language_and_zone(world: World, served: Served) -> None:
    world.write("playbooks/team.yaml", TEAM.format(more=", locale: ja, timezone: Asia/Tokyo"))
    world.customer(name="<b>Acme</b>").playbook("p", STEP)
    world.tick(day(0))
    browser, where = served(day(0, 11)), path(world, asked(world))
    page = browser.get(where)
    assert ("<b>Acme</b>" in page.text, "<b>Acme" in page.html) == (True, False)
    assert (page.lang, "メールの承認" in page.text, "青木さんとして" in page.text) == ("ja", True, True)
    assert "2026年3月4日 19:00 (Asia/Tokyo)" in page.text
    assert "青木さんが 2026年3月2日 20:00 (Asia/Tokyo) に承認しました。" in says(browser, where, page, answer="yes").text


def test_an_alert_is_read_and_answered_and_cannot_be_written(world: World, served: Served) -> None:
    world.customer().playbook("p", "- {id: ring, cta: call, approve: csm.manager}", enter="uses >= 0")
    world.tick(day(0))
    browser, where = served(day(0, 11)), path(world, asked(world), "lead@vendor.example")
    page = browser.get(where)
    assert ("An alert waits" in page.text, "Call Acme" in page.text, "text" in page.form) == (True, True, False)
    assert page.text.count("uses >= 0") == 1, "why is told once, and no marks of Slack's stand for signs"
    assert browser.post(f"{where}/mail", {"text": "mine"}).status == 200
    assert "said yes" in browser.post(where, {"answer": "yes", "text": "mine"}).text
    assert world.tick(day(1)).sent == ["U-ALEX: Call Acme"]


# --- links that open nothing


def test_a_link_ends_within_the_hour_or_at_the_deadline_and_gives_back_what_was_written(world: World, waiting: str, served: Served) -> None:
    where, short = path(world, waiting), path(world, waiting, until=day(0, 11.5))
    late = path(world, waiting, until=day(0, 9))
    soon, after = served(day(0, 11) + timedelta(minutes=45)), served(day(0, 12.1))
    assert [soon.get(one).status for one in (where, short, late)] == [200, 410, 200], "a late yes is a yes"
    page = after.post(where, {"answer": "yes", "text": "An hour's <b>work</b>"})
    assert (page.status, "An hour's <b>work</b>" in page.text, f"cs-engine approve {waiting} --link" in page.text) == (410, True, True)
    assert world.messages("p") == ["hi ann held (awaiting_approval)"]


def test_no_other_link_opens_it_and_it_opens_no_other_page(world: World, waiting: str, served: Served) -> None:
    settings, clock = Settings(cs_engine_project=world.root), FixedClock(day(0, 11))
    browser, good = served(day(0, 11)), path(world, waiting).removeprefix("/r/")
    theirs = [
        answer_links(settings, clock).token(waiting),
        preference_links(settings, clock).token("ab" * 32, waiting),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good.replace(waiting, "msg_another"),
        "x",
    ]
    for token in theirs:
        for place in (f"/r/{token}", f"/r/{token}/mail"):
            assert [browser.get(place).status, browser.post(place, {"answer": "yes"}).status] == [404, 404]
    assert [browser.get(f"/{page}/{good}").status for page in ("a", "u", "p")] == [404, 404, 404]
    assert browser.get(path(world, "msg_nobody_was_asked")).status == 404
    assert world.messages("p") == ["hi ann held (awaiting_approval)"]


def test_who_has_left_or_is_away_answers_nothing(world: World, waiting: str, served: Served) -> None:
    gone = path(world, waiting, "old@vendor.example")
    world.write("playbooks/team.yaml", TEAM.format(more=", away: [2026-03-02], substitute: kim@vendor.example"))
    browser, away = served(day(0, 11)), path(world, waiting)
    for where, told in ((gone, "not in team.yaml now"), (away, "Kim Sales answers for you")):
        for page in (browser.get(where), browser.get(f"{where}/mail"), browser.post(where, {"answer": "yes"})):
            assert (page.status, told in page.text, "Dear" in page.text) == (403, True, False)
    assert browser.get(path(world, waiting, "kim@vendor.example")).status == 200
    assert world.messages("p") == ["hi ann held (awaiting_approval)"]


def test_what_cannot_go_any_more_says_so(world: World, served: Served) -> None:
    world.customer().playbook("p", STEP, goal="uses > 0")
    world.tick(day(0))
    where = path(world, asked(world), at=day(1))
    world.uses("acme", day(0, 13)).tick(day(1))
    browser = served(day(1))
    assert "It cannot go any more" in browser.get(where).text
    assert browser.post(where, {"answer": "yes"}).status == 409


def test_the_page_frames_the_mail_in_a_sandbox_and_nobody_keeps_or_frames_it(world: World, waiting: str, served: Served) -> None:
    browser, where = served(day(0, 11)), path(world, waiting)
    page, mail, preview = browser.get(where), browser.get(f"{where}/mail"), browser.post(f"{where}/mail", {"text": "1"})
    for one in (page, mail, preview):
        assert (one.headers["referrer-policy"], one.headers["cache-control"]) == ("no-referrer", "no-store")
        assert "script-src" not in one.headers["content-security-policy"]
    rules = {part.split()[0]: part.split()[1:] for part in page.headers["content-security-policy"].split("; ")}
    assert rules["frame-ancestors"] == ["'none'"]
    assert (rules["default-src"], rules["frame-src"], rules["form-action"]) == (["'none'"], ["'self'"], ["'self'"])
    assert 'sandbox=""' in page.html
    for one in (mail, preview):
        rules = {part.split()[0]: part.split()[1:] for part in one.headers["content-security-policy"].split("; ")}
        assert (rules["sandbox"], rules["default-src"], rules["form-action"]) == ([], ["'none'"], ["'none'"])
        assert (rules["frame-ancestors"], one.headers["x-frame-options"]) == (["'self'"], "SAMEORIGIN")


# --- how people come by a link


def test_slack_offers_the_browser_where_an_address_is_set_and_nowhere_else(
    world: World, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.customer().playbook("p", STEP)
    assert list(buttons(world.tick(day(0)))) == ["cs_approve", "cs_refuse"]
    monkeypatch.setenv("CS_ENGINE_BASE_URL", "https://cs.vendor.example/")
    world.customer("two", "bo").playbook("p", STEP)
    ticked = world.tick(day(0, 11))
    shown = buttons(ticked)
    assert list(shown) == ["cs_approve", "cs_refuse", "cs_open"]
    assert [one["text"]["text"] for one in shown.values()] == ["Send it", "Do not send", "Open in browser"]
    assert "To edit it: open it in your browser, or" in ticked.files[0].path.read_text()
    browser = served(slack_signing_secret=SECRET, cs_engine_base_url="https://cs.vendor.example")
    action = {"action_id": "cs_open", "value": shown["cs_open"]["value"]}
    for user in ("U-ALEX", "U-STRANGER"):
        page = call(browser, {"type": "block_actions", "user": {"id": user}, "actions": [action]})
        assert (page.status, page.html) == (200, ""), "what stands in the channel is left as it was"
    assert world.messages("p") == ["hi ann held (awaiting_approval)"]


def test_who_presses_a_button_is_told_alone_what_became_of_it_or_gets_a_link_of_their_own(world: World, waiting: str) -> None:
    world.write("playbooks/team.yaml", TEAM.format(more=", away: [2026-03-03], substitute: kim@vendor.example"))

    def told(by: str | None, message: str = waiting, *, yes: bool | None = None, at: float = 0, url: str = "https://cs.example/") -> str:
        with house(Settings(cs_engine_project=world.root, cs_engine_base_url=url), FixedClock(day(at, 11))) as found:
            return Reviews(found).invite(message, by) if yes is None else Reviews(found).press(message, by, yes=yes)

    kims, alexs = told("kim@vendor.example"), told("alex@vendor.example")
    assert re.match(r"<https://cs\.example/r/[\w~-]+\|Open it in your browser> until 12:00 UTC\.", kims)
    assert ("@" in alexs, alexs == kims) == (False, False)
    assert told("kim@vendor.example", url="").startswith("CS_ENGINE_BASE_URL is not set")
    assert told("alex@vendor.example", at=1) == "By team.yaml you are away today, and Kim Sales answers for you."
    for yes in (None, True, False):
        assert told(None, yes=yes) == "Only people of team.yaml say yes or no."
        assert told("kim@vendor.example", "msg_nobody_was_asked", yes=yes) == "No mail waits there any more."
    assert told("kim@vendor.example", yes=True) == "It goes at the next run."
    assert {told("alex@vendor.example", yes=yes) for yes in (None, True, False)} == {"Kim Sales has said yes to it before you."}
    assert [line for line in world.journal("p") if line.split()[1] in ("approved", "refused")] == ["hi approved kim@vendor.example"]
