"""The page on which a customer confirms a milestone: a link says nothing, its button does."""

from __future__ import annotations

from dataclasses import replace

from tests.stories.world import World, day
from tests.web.conftest import Served, links


def test_opening_the_link_keeps_nothing_and_the_button_confirms(world: World, served: Served) -> None:
    world.write("templates/slack/not_yet.yaml", 'text: "Not yet"\n').mail("asks", "Are you glad?", "{{ questions }}")
    world.milestone("start", "uses > 0", notice="asks", confirm=True).customer(locale="ja").uses("acme", day(0, 12))
    world.mail("asks", "いかがですか", "{{ questions }}", "ja").tick(day(0))
    tick = world.tick(day(1))
    mail = next(file for file in tick.files if file.kind == "email")
    yes, not_yet = links(replace(tick, files=[mail]))
    browser = served(at=day(2, 12))
    page = browser.get(yes)
    assert page.fields == {"confirmed": "radio", "missing": "textarea"}
    assert "まだです" in page.text
    browser.get(not_yet)
    world.tick(day(2))
    assert world.engine.store.milestones() == {}, "whoever opens links says nothing"
    assert browser.post(page.action, {"confirmed": "true", "missing": ""}).status == 200
    assert world.tick(day(3)).json["milestones"] == {"start": 1}
