"""The page that takes answers: what opening it does (nothing), what its button does, and what it tells nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cs_engine.clock import FixedClock, SystemClock
from cs_engine.run.delivery.links import LIVES, AnswerLinks
from cs_engine.signing import Signer
from tests.stories.world import Ticked, World, day
from tests.web.conftest import Served, links

KEYS = "a-first-key-of-some-length,an-older-key-of-some-length"


def survey(world: World, asks: str = "{score: nps, why: text}", **customer: str) -> Ticked:
    world.mail("asks", "A question", "Please tell us.\n\n{{ questions }}").mail("asks", "質問です", "{{ questions }}", locale="ja")
    world.customer(**customer).playbook(
        "nps", f"- {{id: survey, email: asks, ask: {asks}}}\n- {{id: w, wait: 30 days}}", enter="account.id = 'acme'"
    )
    return world.tick(day(0))


def answers(world: World) -> list[tuple[str, ...]]:
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        return [tuple(row) for row in tx.rows("SELECT step, field, value, by, by_kind FROM answers ORDER BY line")]


def test_opening_a_link_keeps_nothing_and_its_button_does(world: World, served: Served) -> None:
    path = links(survey(world))[9]
    browser = served()
    assert [browser.get(path, method).status for method in ("GET", "HEAD")] == [200, 200]
    page = browser.get(path)
    assert answers(world) == []
    assert page.form == {"score": "9", "why": ""}, "what was clicked is picked"
    thanks = browser.post(page.action, page.form)
    assert (thanks.status, "Thank you" in thanks.text) == (200, True)
    assert answers(world) == [("survey", "score", "9", "ann", "contact")]


def test_the_front_page_tells_who_runs_it_what_there_is_and_nothing_of_anybody(world: World, served: Served) -> None:
    survey(world)
    page = served(slack_signing_secret="a-secret").get("/")
    assert page.status == 200
    for said in ("/slack/interactivity", "button: on", "off, for SENDGRID_WEBHOOK_PUBLIC_KEY is not set", "/v1/batch", "/healthz"):
        assert said in page.text, said
    assert not [word for word in ("a-secret", "Acme", "acme", "nps", "ann") if word in page.text]
    assert (page.open, page.unbalanced) == ([], [])


def test_the_button_pressed_twice_is_one_answer_and_the_latest_counts(world: World, served: Served) -> None:
    path, browser = links(survey(world))[0], served()
    for score in ("9", "9", "2"):
        browser.post(path, {"score": score})
    assert [row[2] for row in answers(world)] == ["9", "2"]


def test_every_kind_of_question_can_be_answered_without_a_script(world: World, served: Served) -> None:
    asks = "{when: date, who: contact, go: yes_no, glad: csat, like: expectation, size: [small, large], why: text}"
    world.contact("bob", role="operator")
    path, browser = links(survey(world, asks))[-1], served()
    page = browser.get(path)
    assert page.fields == {
        "when": "date", "who": "select", "go": "radio", "glad": "radio", "like": "radio", "size": "radio", "why": "textarea",
    }  # fmt: skip
    assert page.labelled == set(page.fields), "each has a label"
    assert (page.open, page.unbalanced) == ([], [])
    given = {"when": "2026-04-01", "who": "bob", "go": "true", "glad": "5", "like": "3", "size": "large", "why": " It is\r\n<b>slow</b> "}
    assert "Thank you" in browser.post(page.action, given).text
    assert {row[1]: row[2] for row in answers(world)} == {**given, "why": "It is\n<b>slow</b>"}


@pytest.mark.parametrize(
    "given", [{"score": "11"}, {"score": "9'--"}, {"when": "soon"}, {"when": "0001-01-01"}, {"who": "eve"}, {"score": ""}]
)
def test_what_is_no_answer_is_told_and_nothing_is_kept(world: World, served: Served, given: dict[str, str]) -> None:
    world.account("bell").contact("eve", "bell")
    path = links(survey(world, "{score: nps, when: date, who: contact}"))[0]
    page = served().post(path, {"score": "", **given})
    assert page.status == 422
    assert 'role="alert"' in page.html
    assert ('aria-invalid="true"' in page.html or "aria-describedby" in page.html) == any(given.values())
    assert answers(world) == []


def test_a_japanese_contact_reads_japanese_whatever_the_browser_says(world: World, served: Served) -> None:
    page = served(language="en").get(links(survey(world, locale="ja"))[0])
    assert page.lang == "ja"
    assert "送信する" in page.text
    assert "薦める" in page.text
    assert "Send" not in page.text


def test_who_has_no_language_gets_that_of_the_browser(world: World, served: Served) -> None:
    path = links(survey(world))[0]
    assert (served(language="ja-JP,ja;q=0.9").get(path).lang, served().get(path).lang) == ("ja", "en")


def test_a_page_runs_nothing_loads_nothing_and_is_kept_by_nobody(world: World, served: Served) -> None:
    browser = served()
    for path in (links(survey(world))[0], "/a/nothing", "/nowhere"):
        page = browser.get(path)
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "unsafe" not in policy
        assert (page.headers["referrer-policy"], page.headers["cache-control"]) == ("no-referrer", "no-store")
        assert "<script" not in page.html
        assert "http" not in page.html
        assert "set-cookie" not in page.headers


def test_a_link_says_nothing_of_a_person(world: World) -> None:
    for path in links(survey(world)):
        assert not {"ann", "acme", "customer.example"} & set(path.lower().replace("~", "/").split("/"))
        assert "@" not in path


def test_a_forged_a_cut_and_an_old_link_answer_nothing(world: World, served: Served) -> None:
    path = links(survey(world))[9]
    now = served()
    forged = (path[:-1] + ("A" if path[-1] != "A" else "B"), path[:-4], path.replace("~9~", "~8~"), "/a/~~", "/a/%00", "/a/msg_x~1~2~3~4")
    for bad in forged:
        assert now.get(bad).status == 404, bad
        assert now.post(bad, {"score": "9"}).status == 404
    later = served(at=SystemClock().now() + LIVES + timedelta(days=2))
    assert later.get(path).status == 410
    assert later.post(path, {"score": "9"}).status == 410
    assert answers(world) == []


def test_too_much_is_refused(world: World, served: Served) -> None:
    path = links(survey(world))[0]
    assert served().post(path, {"why": "x" * 200_000}).status == 413
    assert served().post(path, {f"f{n}": "x" for n in range(60)}).status == 413
    assert answers(world) == []


def test_what_somebody_writes_stands_escaped_in_the_form_that_comes_back(world: World, served: Served) -> None:
    path = links(survey(world))[0]
    page = served().post(path, {"why": "</textarea><script>alert(1)</script>", "score": "99"})
    assert page.status == 422
    assert "<script>" not in page.html
    assert "alert(1)" in page.text


def test_keys_are_rotated_by_putting_a_new_one_in_front() -> None:
    clock = FixedClock(day(0))
    new, old = KEYS.split(",")
    token = AnswerLinks("", Signer([old], "answers"), clock).token("msg_1", "score", 3)
    both = AnswerLinks("", Signer([new, old], "answers"), clock).read(token)
    assert both is not None
    assert (both.message, both.field, both.position, both.expired) == ("msg_1", "score", 3, False)
    assert AnswerLinks("", Signer([new], "answers"), clock).read(token) is None
    assert AnswerLinks("", Signer([old], "something-else"), clock).read(token) is None


def test_a_link_lives_as_long_as_it_says() -> None:
    signer = Signer([KEYS], "answers")
    token = AnswerLinks("", signer, FixedClock(day(0))).token("msg_1")
    ends = [AnswerLinks("", signer, FixedClock(day(0) + LIVES + timedelta(days=more))).read(token) for more in (-1, 2)]
    assert [end.expired for end in ends if end is not None] == [False, True]


def test_the_web_says_that_it_is_there(served: Served) -> None:
    assert served().get("/healthz").text == "ok\n"
