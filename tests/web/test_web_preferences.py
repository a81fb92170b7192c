"""The pages on which people unsubscribe and choose: opening one changes nothing, a button or RFC 8058's POST does, for good."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from cs_engine.clock import FixedClock, SystemClock
from cs_engine.doctor import _channels
from cs_engine.run.delivery.links import PREFERENCES_LIVE, PreferenceLinks
from cs_engine.settings import Settings
from cs_engine.signing import Signer
from tests.stories.world import Ticked, World, day, opened
from tests.web.browser import Browser, Page
from tests.web.conftest import Served

BASE = "https://cs.vendor.example"
ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
STEPS = "- {id: one, email: one}\n- {id: rest, wait: 2 days}\n- {id: two, email: two}"
HASH = "ab" * 32


@pytest.fixture(autouse=True)
def reached_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_ENGINE_BASE_URL", BASE)


def link(ticked: Ticked) -> str:
    """The path of the first mail's List-Unsubscribe."""
    header = str(opened(ticked.files[0])["List-Unsubscribe"])
    found = re.fullmatch(rf"<{re.escape(BASE)}(/u/[\w~-]+)>", header)
    assert found is not None, header
    return found[1]


def mailed(world: World, **contact: Any) -> str:
    """Ann has a mail about tips; the path in its header."""
    world.customer().contact("ann", **contact).playbook("hello", STEPS)
    return link(world.tick(day(0)))


def words_of(world: World) -> list[tuple[str, bool, str]]:
    store = world.engine.store
    return [(word.topic, word.wanted, word.source) for word in store.consents(store.preferring())]


def choose(path: str) -> str:
    return path.replace("/u/", "/p/", 1)


def saved(browser: Browser, path: str, *topics: str, shown: tuple[str, ...] = ("tips", "milestones")) -> Page:
    return browser.post(choose(path), [*(("topic", topic) for topic in topics), *(("shown", topic) for topic in shown)])


def test_a_mail_says_how_to_unsubscribe_with_one_click_and_where_to_choose(world: World) -> None:
    path = mailed(world)
    (file,) = world.tick(day(3)).files
    message = opened(file)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        part = message.get_body((kind,))
        assert part is not None
        assert f"{BASE}/u/" in part.get_content(), kind
    assert "ann" not in path
    assert "customer" not in path


def test_transactional_mail_has_no_such_link(world: World) -> None:
    (file,) = world.customer().playbook("bill", "- {id: one, email: one}", topic="transactional").tick(day(0)).files
    assert opened(file)["List-Unsubscribe"] is None
    assert opened(file)["List-Unsubscribe-Post"] is None


def test_without_an_address_of_our_pages_it_is_as_project_yaml_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CS_ENGINE_BASE_URL")
    (file,) = world.customer().playbook("hello", STEPS).tick(day(0)).files
    assert opened(file)["List-Unsubscribe"] == "<mailto:out@vendor.example>"
    assert opened(file)["List-Unsubscribe-Post"] is None


def test_a_mail_program_unsubscribes_with_one_post_without_cookies_or_redirect(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    page = browser.send(path, ONE_CLICK, FORM)
    assert page.status == 200, "RFC 8058 forbids a redirect"
    assert "set-cookie" not in page.headers
    assert words_of(world) == [("tips", False, "one_click")]
    assert browser.send(path, ONE_CLICK, FORM).status == 200, "twice is fine"
    assert len(words_of(world)) == 1
    world.tick(day(1))
    world.tick(day(3))
    assert "two ann skipped (unsubscribed)" in world.messages("hello")


def test_one_click_may_come_as_multipart(world: World, served: Served) -> None:
    path = mailed(world)
    body = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    assert served().send(path, body, {"Content-Type": "multipart/form-data; boundary=x"}).status == 200
    assert words_of(world) == [("tips", False, "one_click")]


def test_scanners_open_every_link_and_nothing_changes(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    for method in ("GET", "HEAD", "GET"):
        for opened_path in (path, choose(path), f"{path}/done", f"{path}?stop=all", f"{choose(path)}?all=off&shown=tips"):
            assert browser.get(opened_path, method).status == 200
    for method in ("PUT", "DELETE", "PATCH"):
        assert browser.get(path, method).status == 405
    assert words_of(world) == []


def test_the_confirm_page_names_the_topic_and_its_button_stops_it(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    page = browser.get(path)
    assert "Stop e-mails about “Tips”?" in page.text
    assert (page.action, page.buttons) == (path, [("stop", "topic"), ("stop", "all")])
    done = browser.post(path, {"stop": "topic"})
    assert "We will send you no more e-mails about “Tips”." in done.text
    assert words_of(world) == [("tips", False, "page")]


def test_its_other_button_stops_all(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    assert "We will send you no more e-mails." in browser.post(path, {"stop": "all"}).text
    assert words_of(world) == [("", False, "page")]
    page = browser.get(choose(path))
    assert page.boxes == {"tips": False, "milestones": False}
    assert page.buttons == [("", ""), ("again", "on")], "nothing is left to unsubscribe from"


def test_topics_are_chosen_one_by_one_and_taken_back(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    page = browser.get(choose(path))
    assert page.boxes == {"tips": True, "milestones": True}
    page = saved(browser, path, "milestones")
    assert page.boxes == {"tips": False, "milestones": True}
    assert "Your choice has been saved" in page.text
    page = browser.post(choose(path), {"all": "off"})
    assert page.boxes == {"tips": False, "milestones": False}
    page = saved(browser, path, "tips")
    assert page.boxes == {"tips": True, "milestones": False}
    assert words_of(world) == [("tips", False, "page"), ("", False, "page"), ("tips", True, "page")]
    world.tick(day(1))
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]


def test_who_comes_back_gets_what_they_had_before_with_one_button(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    saved(browser, path, "tips")
    stopped = browser.post(path, {"stop": "all"})
    assert (stopped.action, stopped.buttons) == (choose(path), [("again", "on")])
    page = browser.get(choose(path))
    assert page.buttons == [("", ""), ("again", "on")]
    assert "press “Get again what I had before”" in page.text
    page = browser.post(choose(path), {"again": "on"})
    assert page.boxes == {"tips": True, "milestones": False}, "they had refused milestones before"
    assert "You get again what you had before you unsubscribed" in page.text
    world.tick(day(1))
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]


def test_who_had_nothing_left_before_comes_back_to_everything(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    saved(browser, path)
    browser.post(choose(path), {"all": "off"})
    assert browser.post(choose(path), {"again": "on"}).boxes == {"tips": True, "milestones": True}
    assert browser.post(choose(path), {"again": "on"}).boxes == {"tips": True, "milestones": True}, "twice is fine"


def test_links_of_a_preview_say_that_they_are_and_do_nothing(world: World, served: Served) -> None:
    mailed(world)
    (shown,) = world.preview("hello", "two")
    (path, *_) = re.findall(rf"{re.escape(BASE)}(/u/[\w~-]+)", shown["text"])
    titles, browser = {"en": "This link is a preview’s", "ja": "プレビュー用のリンクです"}, served()
    for language, title in titles.items():
        for one in (path, choose(path), f"{path}/done"):
            page = served(language=language).get(one)
            assert (page.status, page.lang) == (200, language)
            assert title in page.text
    assert browser.send(path, ONE_CLICK, FORM).status == 200
    assert titles["en"] in browser.post(choose(path), {"all": "off"}).text
    assert words_of(world) == []
    hashed, message, last, signature = link_parts(path)
    assert (hashed, message) == ("", "preview")
    assert browser.get(f"/u/{'A' * 43}~preview~{last}~{signature}").status == 404, "signed as a preview's alone"


def link_parts(path: str) -> list[str]:
    return path.removeprefix("/u/").split("~")


def test_what_is_saved_unchanged_is_no_word(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    saved(browser, path, "tips", "milestones")
    assert words_of(world) == []


def test_topics_that_were_not_shown_are_neither_wanted_nor_refused(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    saved(browser, path, shown=("tips", "transactional", "no such", "https://evil.example"))
    assert words_of(world) == [("tips", False, "page")]


def test_a_project_without_topics_offers_all_or_nothing(world: World, served: Served) -> None:
    path = mailed(world)
    world.project(topics={})
    browser = served()
    assert browser.get(choose(path)).boxes == {"": True}
    page = browser.post(choose(path), [("shown", "")])
    assert page.boxes == {"": False}
    assert browser.post(choose(path), [("shown", ""), ("topic", "")]).boxes == {"": True}
    assert words_of(world) == [("", False, "page"), ("", True, "page")]


def test_what_playbooks_send_beside_the_named_topics_can_be_refused_too(world: World, served: Served) -> None:
    world.playbook("other", "- {id: one, email: two}", topic="general")
    path, browser = mailed(world), served()
    page = browser.get(choose(path))
    assert page.boxes == {"tips": True, "milestones": True, "general": True}
    assert "Other news from us" in page.text
    assert saved(browser, path, "tips", "milestones", shown=("tips", "milestones", "general")).boxes["general"] is False


def test_the_pages_speak_the_contacts_language_and_say_nothing_of_a_person(world: World, served: Served) -> None:
    world.project(topics={"tips": {"title": {"en": "Tips", "ja": "活用のヒント"}}})
    world.mail("one", "こんにちは", locale="ja").mail("two", "こんにちは", locale="ja")
    path, browser = mailed(world, locale="ja"), served(language="en")
    for page, said in (
        (browser.get(path), "「活用のヒント」のメールの配信を停止しますか？"),
        (browser.get(choose(path)), "メール配信の設定"),
        (browser.get(f"{choose(path)}?again=1"), "停止前に受け取っていたメールの配信を再開しました"),
    ):
        assert page.lang == "ja"
        assert said in page.text
        assert page.unbalanced == []
        assert not re.search(r"ann|doe|customer\.example|acme", page.html, re.IGNORECASE)
        assert "<script" not in page.html
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["x-robots-tag"] == "noindex, nofollow"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_titles_of_topics_stand_escaped(world: World, served: Served) -> None:
    evil = "<script>alert(1)</script>"
    world.project(topics={"tips": {"title": evil}}, company={"name": f"Vendor {evil}", "postal_address": "1 Street"})
    path, browser = mailed(world), served()
    for page in (browser.get(path), browser.get(choose(path)), browser.post(path, {"stop": "topic"})):
        assert "<script" not in page.html
        assert evil in page.text


def test_forged_links_and_those_that_have_expired_are_a_plain_page_and_change_nothing(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    hashed, message, last, signature = path.removeprefix("/u/").split("~")
    forged = (
        path[:-1] + ("A" if path[-1] != "A" else "B"), path[:-4], f"/u/{hashed}~{message}~{int(last) + 1}~{signature}",
        f"/u/{'A' * 43}~{message}~{last}~{signature}", "/u/~~~", "/u/%00", "/u/x",
    )  # fmt: skip
    for bad in forged:
        for one in (bad, choose(bad), f"{bad}/done"):
            assert browser.get(one).status == 404, one
        assert browser.send(bad, ONE_CLICK, FORM).status == 404
        assert browser.post(choose(bad), {"all": "off"}).status == 404
    later = served(at=SystemClock().now() + PREFERENCES_LIVE + timedelta(days=2))
    assert later.get(path).status == 410
    assert later.send(path, ONE_CLICK, FORM).status == 410
    assert words_of(world) == []
    assert browser.send(path, b"x" * 50_000, FORM).status == 413
    assert browser.post(choose(path), [("shown", "x")] * 600).status == 413
    assert words_of(world) == []


def test_no_page_leads_anywhere_else(world: World, served: Served) -> None:
    path, browser = mailed(world), served()
    for target in ("https://evil.example", "//evil.example", "/a/x"):
        for answer in (
            browser.send(f"{path}?next={target}", f"stop=all&next={target}".encode(), FORM),
            browser.send(f"{choose(path)}?next={target}", f"all=off&next={target}".encode(), FORM),
        ):
            assert answer.status == 303
            assert answer.headers["location"] in {f"{path}/done?all=1", f"{choose(path)}?saved=1"}


def test_a_link_works_after_its_contact_is_gone_and_after_the_keys_have_changed(
    world: World, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = "old-key-0123456789abcdef", "new-key-0123456789abcdef"
    monkeypatch.setenv("CS_ENGINE_SECRET_KEYS", old)
    path = mailed(world)
    monkeypatch.setenv("CS_ENGINE_SECRET_KEYS", f"{new},{old}")
    world.uses()  # another sync, under the new key
    world.tick(day(1))
    assert served().send(path, ONE_CLICK, FORM).status == 200
    assert set(words_of(world)) == {("tips", False, "one_click")}
    world.tick(day(3))
    assert "two ann skipped (unsubscribed)" in world.messages("hello")
    world.gone("ann")
    world.tick(day(3))
    assert served().get(choose(path)).boxes["tips"] is False


def test_who_has_another_address_now_speaks_with_an_old_link_for_the_old_one(world: World, served: Served) -> None:
    path = mailed(world)
    world.contact("ann", email="ann@new.example").tick(day(1))
    assert served().send(path, ONE_CLICK, FORM).status == 200
    world.tick(day(3))
    assert "two ann accepted" in world.messages("hello")


def links_at(at: datetime, keys: list[str], base: str = BASE) -> PreferenceLinks:
    return PreferenceLinks(base, Signer(keys, "preferences"), FixedClock(at))


def test_a_link_lives_four_hundred_days_and_as_long_as_its_key() -> None:
    token = links_at(day(0), ["old"]).token(HASH, "msg_1")
    ends = [links_at(day(days), ["new", "old"]).read(token) for days in (0, 399, 402)]
    assert [(end.email_hash, end.message, end.expired) for end in ends if end is not None] == [
        (HASH, "msg_1", expired) for expired in (False, False, True)
    ]  # fmt: skip
    assert links_at(day(0), ["new"]).read(token) is None
    assert PreferenceLinks(BASE, Signer(["old"], "answers"), FixedClock(day(0))).read(token) is None


def test_one_click_is_promised_over_https_alone() -> None:
    assert [links_at(day(0), ["k"], base).one_click for base in (BASE, "http://127.0.0.1:8321")] == [True, False]


def test_the_doctor_warns_of_mail_that_nobody_can_unsubscribe_from_with_one_click(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def states() -> list[str]:
        return [f.state for f in _channels(Settings(cs_engine_project=world.root))]

    assert states() == ["ok"]
    for name, value in {"CS_ENGINE_EMAIL": "sendgrid", "SENDGRID_API_KEY": "SG.key"}.items():
        monkeypatch.setenv(name, value)
    assert states() == ["ok"]
    monkeypatch.setenv("CS_ENGINE_BASE_URL", "http://cs.vendor.example")
    assert states() == ["ok", "warning"]
    monkeypatch.setenv("CS_ENGINE_BASE_URL", "cs.vendor.example")
    assert states() == ["ok", "wrong"], "such a link leads nowhere"
