"""Whatever is asked of the web: it sends nobody elsewhere, runs nobody's script, and says nothing of its inside."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day
from tests.web.browser import Browser
from tests.web.conftest import Served, links
from tests.web.test_web_answers import survey

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HOSTILE = [
    "//evil.example",
    "https://evil.example",
    "https:evil.example",
    "/\\evil.example",
    "javascript:alert(1)",
    "%2f%2fevil.example",
    "..%2f..%2fetc%2fpasswd",
    "x%0d%0aLocation:%20https://evil.example",
    "<script>alert(1)</script>",
    "%00",
    "a" * 5_000,
    "%f0%9f%92%a9~%ff",
]
PLACES = [
    "/{0}",
    "/a/{0}",
    "/a/{0}/thanks",
    "/u/{0}",
    "/p/{0}",
    "/r/{0}",
    "/r/{0}/mail",
    "/healthz?next={0}",
    "/a/x?next={0}&redirect={0}&url={0}",
    "/slack/{0}",
]


@pytest.fixture
def browser(world: World, served: Served) -> Browser:
    world.customer("acc1", "ann").playbook("hello", "- {id: one, email: one}")
    world.tick(day(0))
    world.close()
    return served(day(0))


def test_nobody_is_sent_elsewhere_and_nothing_is_echoed(browser: Browser) -> None:
    for place in PLACES:
        for word in HOSTILE:
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
                page = browser.get(place.format(word), method)
                assert page.status in {200, 303, 400, 401, 403, 404, 405, 410, 413, 414, 415, 422, 431}, (method, place, word, page.status)
                where = page.headers.get("location", "")
                assert not where or (where.startswith("/") and not where.startswith(("//", "/\\"))), (place, word, where)
                assert "<script>alert" not in page.text
                assert "Traceback" not in page.text


def test_an_answer_returns_to_our_own_page_whatever_the_query_says(world: World, served: Served) -> None:
    path = links(survey(world))[0]
    browser = served()
    for place in (f"{path}?next=https://evil.example", f"{path}?redirect=//evil.example"):
        page = browser.send(place, b"score=9&next=//evil.example&url=https://evil.example", FORM)
        assert (page.status, "evil" in page.headers["location"]) == (303, False)
