"""Milestones and their notices: one definition, one notice, and nothing about what was true before we came."""

from __future__ import annotations

import pytest

from cs_engine.channels.mailbox import mails
from tests.stories.world import World, day


def started(world: World) -> World:
    """A customer who has started before we came, one who will on day 1."""
    world.milestone("start", "uses > 0", notice="well_done")
    return world.customer().uses().customer("beta", "bob").uses("beta", day(0, 12))


def test_milestones_true_at_the_first_sync_are_history_and_send_nothing(world: World) -> None:
    tick = started(world).tick(day(0))
    assert (tick.sent, tick.json["milestones"]) == ([], {})
    for n in (1, 2, 30):
        assert not [line for line in world.tick(day(n)).sent if "Acme" in line]


def test_a_notice_is_a_mail_to_the_customer_and_a_line_to_the_csms_channel(world: World) -> None:
    started(world).tick(day(0))
    tick = world.tick(day(1))
    assert tick.json["milestones"] == {"start": 1}
    assert tick.sent == ["U-ALEX: Beta reached Start", "bob: Well done, Beta"]


def test_a_notice_comes_once(world: World) -> None:
    started(world).uses("beta", day(3), day(4), day(5)).tick(day(0))
    for n in (1, 2, 3, 4, 9, 20):
        world.tick(day(n))
    assert [mail.subject for mail in mails(world.root)].count("Well done, Beta") == 1


def test_the_line_of_an_account_without_csm_goes_to_the_teams_channel(world: World) -> None:
    world.milestone("start", "uses > 0", notice="well_done").customer(csm="").uses("acme", day(0, 12)).tick(day(0))
    assert world.tick(day(1)).sent == ["#cs: Acme reached Start", "ann: Well done, Acme"]


def test_a_milestone_without_notice_sends_nothing(world: World) -> None:
    world.milestone("start", "uses > 0").customer().uses("acme", day(0, 12)).tick(day(0))
    tick = world.tick(day(1))
    assert (tick.sent, tick.json["milestones"], tick.json["playbooks"]) == ([], {"start": 1}, [])


def test_what_is_true_when_a_milestone_is_added_later_is_history_too(world: World) -> None:
    world.customer().uses().tick(day(0))
    world.milestone("start", "uses > 0", notice="well_done")
    assert world.tick(day(1)).sent == []
    assert world.tick(day(2)).sent == []


def test_an_account_that_comes_later_is_congratulated(world: World) -> None:
    started(world).customer("cara", "cat", since=day(2)).uses("cara", day(2, 9)).tick(day(0))
    world.tick(day(1))
    assert world.tick(day(2, 12)).sent == ["U-ALEX: Cara reached Start", "cat: Well done, Cara"]


def test_a_notice_that_an_author_writes_stands_for_the_built_in_one(world: World) -> None:
    started(world).playbook("cheer", "- {id: cheer, notice: start}", enter="reached('start')", existing=None).tick(day(0))
    assert list(world.loaded.plans) == ["cheer"]
    assert world.tick(day(1)).sent == ["U-ALEX: Beta reached Start", "bob: Well done, Beta"]


def test_history_is_not_congratulated_by_an_authors_notice_either(world: World) -> None:
    steps = "- {id: wait, wait_until: reached('start')}\n- {id: cheer, notice: start}\n- {id: two, email: two}"
    started(world).playbook("cheer", steps)
    assert world.tick(day(0)).sent == ["ann: Two for Acme"]
    assert "cheer advanced history" in world.journal("cheer")
    assert world.tick(day(1)).sent == ["U-ALEX: Beta reached Start", "bob: Well done, Beta"]


def test_a_second_notice_of_the_same_milestone_is_an_error_and_neither_is_sent_twice(world: World) -> None:
    started(world)
    for name in ("cheer", "again"):
        world.playbook(name, "- {id: cheer, notice: start}", enter="reached('start')")
    assert any("start" in problem.message for problem in world.loaded.problems)
    world.tick(day(0))
    assert world.tick(day(1)).sent.count("bob: Well done, Beta") <= 1


def test_reached_stays_true_when_the_definition_changes(world: World) -> None:
    started(world).tick(day(0))
    world.milestone("start", "uses > 100", notice="well_done").playbook("more", "- {id: one, email: one}", enter="reached('start')")
    assert world.tick(day(0, 11)).sent == ["ann: One for Acme"]


def test_milestones_are_of_the_account_in_playbooks_over_contacts_too(world: World) -> None:
    started(world).contact("cat", "beta").playbook("more", "- {id: one, email: one}", subject="contact", enter="reached('start')")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    assert [line for line in world.tick(day(1)).sent if "One" in line] == ["bob: One for Beta", "cat: One for Beta"]


@pytest.mark.parametrize("who", ["champion", "operators"])
def test_a_notice_for_which_nobody_is_there_is_skipped_with_the_reason(world: World, who: str) -> None:
    world.milestone("start", "uses > 0", notice="well_done").account().uses("acme", day(0, 12))
    world.playbook("cheer", f"- {{id: cheer, notice: start, to: {who}}}", enter="reached('start')").tick(day(0))
    world.tick(day(1))
    assert "cheer finished done: nobody" in world.journal("cheer")
