"""Milestones with `confirm`: what usage claims counts once the customer has said yes, and a "not yet" is told to the CSM."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from cs_engine.clock import FixedClock
from cs_engine.errors import WrongUse
from cs_engine.run.desk.confirming import confirm
from cs_engine.run.desk.milestones import of_account, overall
from cs_engine.web.asked import Desk
from tests.stories.world import World, day, opened

ASKS = "Ask {{ milestone.title }} {{ milestone.guide }} {{ milestone.video }}\n\n{{ questions }}"
ALERT = 'text: "{{ account.name }} {{ milestone.word }}: {{ milestone.said }}"\n'


def asking(world: World, **keys: object) -> World:
    """A customer who starts on day 1, when Beta had started long before."""
    world.write("templates/slack/not_yet.yaml", ALERT).mail("asks", "Glad, {{ account.name }}?", ASKS)
    world.milestone("start", "uses > 0", notice="asks", **{"confirm": True, **keys})
    return world.customer("beta", "bob").uses("beta").customer().uses("acme", day(0, 12))


def says(world: World, at: datetime, account: str = "acme", playbook: str = "milestone-start", **given: str) -> None:
    mail = next(m for m in world.engine.store.messages_of(account, playbook) if m.kind == "notice" and m.recipient in ("ann", "bob", "con"))
    desk = Desk(world.loaded, world.engine.store, FixedClock(at))
    found = desk.asking(mail.id)
    assert found is not None
    assert desk.keep(found, given, found.message.recipient, found.message.recipient_kind) is None


def reached(world: World) -> list[str]:
    return world.engine.store.milestones().get("start", ([], []))[0]


def test_a_claim_counts_with_the_customers_yes_and_keeps_the_moment_at_which_it_came_true(world: World) -> None:
    asking(world).playbook("more", "- {id: one, email: one}", enter="reached('start')", existing="skip").tick(day(0))
    assert reached(world) == ["beta"], "history asks nobody, and counts"
    tick = world.tick(day(1))
    assert tick.sent == ["U-ALEX: Acme reached Start", "ann: Glad, Acme?"]
    assert tick.json["milestones"] == {}
    assert world.tick(day(2)).sent == [], "one ask, and nobody is pestered"
    assert reached(world) == ["beta"]
    says(world, day(2, 12), confirmed="true")
    tick = world.tick(day(3))
    assert tick.sent == ["ann: One for Acme"], "the question was the notice: there is no second one"
    assert tick.json["milestones"] == {"start": 1}
    assert world.tick(day(4)).json["milestones"] == {}
    (view,) = world.engine.store.milestones_of("acme")
    assert [view.reached_at, view.counts_at] == [int(at.timestamp() * 1e6) for at in (day(0, 12), day(2, 12))]


def test_a_goal_is_met_in_the_tick_after_the_yes_and_not_by_usage(world: World) -> None:
    asking(world).playbook("guide", "- {id: w, wait: 30 days}", goal="reached('start')").tick(day(0))
    world.tick(day(1))
    assert world.stands("guide") == ["w"]
    says(world, day(1, 12), confirmed="true")
    world.tick(day(2))
    assert world.stands("guide") == ["goal"]


def test_the_mail_has_two_links_and_the_words_of_the_milestone(world: World) -> None:
    asking(world, guide="https://docs.example/start", video="https://video.example/start").tick(day(0))
    mail = next(file for file in world.tick(day(1)).files if file.kind == "email")
    text = opened(mail).get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert "Ask Start https://docs.example/start https://video.example/start" in " ".join(text.split())
    assert text.count("/a/") == 2
    assert ">Yes</a>" in text
    assert ">Not yet</a>" in text
    assert "What is missing" not in text, "it stands on the page alone"


def test_not_yet_is_told_to_the_csm_once_with_what_they_wrote_and_a_later_yes_closes_it(world: World) -> None:
    asking(world).tick(day(0))
    world.tick(day(1))
    says(world, day(1, 12), confirmed="false", missing="An export to <Excel>")
    assert world.tick(day(2)).sent == ["U-ALEX: Acme not_yet: An export to &lt;Excel&gt;"]
    assert reached(world) == ["beta"]
    says(world, day(2, 12), confirmed="false", missing="Still the export")
    assert world.tick(day(3)).sent == []
    says(world, day(3, 12), confirmed="true")
    assert world.tick(day(4)).sent == ["U-ALEX: Acme not_yet: Still the export"], "the alert, as closed"
    assert world.stands("unconfirmed-start") == ["goal"]
    assert reached(world) == ["acme", "beta"]
    says(world, day(4, 12), confirmed="false")
    world.tick(day(5))
    assert reached(world) == ["acme", "beta"], "what counts does so for good"


def test_where_nobody_can_be_asked_the_csm_is_told(world: World) -> None:
    asking(world).gone("ann").tick(day(0))
    world.tick(day(1))
    assert world.tick(day(2)).sent == ["U-ALEX: Acme nobody:"]
    assert world.tick(day(3)).sent == []


def test_a_question_that_is_skipped_at_the_claim_has_asked_nobody_either_and_one_that_waits_may_yet(world: World) -> None:
    asking(world).customer("cara", "con").uses("cara", day(0, 12)).suppress("ann@customer.example").tick(day(0))
    sent = [world.tick(day(1, hour)).sent for hour in (3, 4, 5, 6, 10)]
    assert sent[0] == ["U-ALEX: Acme reached Start", "U-ALEX: Cara reached Start"]
    assert sent[1:] == [[], ["U-ALEX: Acme nobody:"], [], ["con: Glad, Cara?"]], "at night the question waits"


def test_one_of_us_confirms_for_the_customer(world: World) -> None:
    asking(world).tick(day(0))
    world.tick(day(1))
    with pytest.raises(WrongUse, match="counts already"):
        confirm(world.engine, "beta", "start", "they said so")
    with pytest.raises(WrongUse, match="no milestone"):
        confirm(world.engine, "acme", "strat", "they said so")
    confirm(world.engine, "acme", "start", "on the phone", "alex@vendor.example")
    assert reached(world) == ["acme", "beta"]
    (line,) = [line for line in world.engine.store.journal("acme", "") if line.event == "confirmed"]
    assert (line.step, line.reason) == ("start", "alex@vendor.example: on the phone")
    tick = world.tick(day(2))
    assert (tick.sent, tick.json["milestones"]) == ([], {"start": 1})


def test_an_authors_notice_asks_and_waits_for_what_is_claimed(world: World) -> None:
    steps = """\
        - {id: usage, wait_until: claimed('start')}
        - {id: ask, notice: start}
        - {id: word, wait_until: answer('ask.confirmed') is not null}
        - {id: sorry, if: not answer('ask.confirmed'), email: two}
        """
    asking(world).playbook("cheer", steps, enter="not reached('start')").tick(day(0))
    assert sorted(world.loaded.plans) == ["cheer", "unconfirmed-start"]
    assert world.tick(day(1)).sent == ["U-ALEX: Acme reached Start", "ann: Glad, Acme?"]
    says(world, day(1, 12), playbook="cheer", confirmed="false")
    assert world.tick(day(2)).sent == ["U-ALEX: Acme not_yet:", "ann: Two for Acme"]


def test_who_waits_is_shown_and_is_no_success(world: World) -> None:
    asking(world).tick(day(0))
    world.tick(day(1))
    world.tick(day(2))
    (row,) = of_account(world.engine, "acme")["milestones"]
    assert row["waiting"] == {"since": "2026-03-03T10:00Z", "came_true_at": "2026-03-02T12:00Z", "word": "asked"}
    assert row["reached_at"] is None
    assert of_account(world.engine, "acme")["time_to_value"]["days"] is None
    (row,) = overall(world.engine)["milestones"]
    assert (row["reached"], row["waiting"]) == (1, 1)
    (subject,) = world.playbook("p", "- {id: one, email: one}", enter="reached('start')").why("p")["subjects"]
    assert subject["waiting_for_word"] == {"start": "2026-03-03T10:00:00Z"}


def test_confirm_that_is_taken_out_counts_what_waits_and_put_in_asks_of_what_comes(world: World) -> None:
    asking(world, confirm=False).tick(day(0))
    asking(world).customer("cara", "cat").tick(day(0, 11))
    world.tick(day(1))
    assert reached(world) == ["beta"]
    asking(world, confirm=False).playbook("more", "- {id: one, email: one}", enter="reached('start')").tick(day(2))
    assert reached(world) == ["acme", "beta"]
    assert world.stands("more") == ["one"]


def test_another_milestone_may_ask_for_what_is_claimed_and_for_what_counts(world: World) -> None:
    asking(world).playbook("p", "- {id: one, email: one}", enter="reached('after')", existing="skip")
    first = {"id": "start", "title": "Start", "when": "uses > 0", "notice": "asks", "confirm": True}
    others = [{"id": "after", "title": "After", "when": "reached('start')"}, {"id": "with", "title": "With", "when": "claimed('start')"}]
    world.write("playbooks/journey.yaml", json.dumps({"phases": [{"phase": "start", "milestones": [first, *others]}]}))
    world.tick(day(0))
    assert world.tick(day(1)).json["milestones"] == {"with": 1}
    says(world, day(1, 12), confirmed="true")
    assert world.tick(day(2)).json["milestones"] == {"after": 1, "start": 1}
    assert world.stands("p") == ["one"]
    assert {view.milestone: view.reached_at for view in world.engine.store.milestones_of("acme")} == dict.fromkeys(
        ("start", "after", "with"), int(day(0, 12).timestamp() * 1e6)
    )


def test_passages_without_effect_ask_nobody_and_nobody_is_told_of_that(world: World) -> None:
    asks = "- {id: ask, notice: start}"
    asking(world).playbook("cheer", asks, enter="claimed('start') and not reached('start')", mode="shadow").tick(day(0))
    assert [world.tick(day(n)).sent for n in (1, 2, 3)] == [[], [], []]
    (row,) = of_account(world.engine, "acme")["milestones"]
    assert row["waiting"]["word"] == ""


def test_claims_are_the_accounts_in_playbooks_over_contacts_too(world: World) -> None:
    asking(world).playbook("more", "- {id: one, email: one}", subject="contact", enter="claimed('start') and not reached('start')")
    world.tick(day(0))
    assert "ann: One for Acme" in world.tick(day(1)).sent
