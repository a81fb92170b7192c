"""When a message may go: expires, at and if_late."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day

# --- expires -----------------------------------------------------------------------------------------------------------


def test_what_could_not_go_within_expires_is_skipped_and_the_journey_goes_on(world: World) -> None:
    steps = "- {id: hello, email: one, expires: 3 hours}\n- {id: next, email: two, to: everyone}"
    world.customer().playbook("hello", steps)
    assert world.tick(day(0, 22)).sent == []  # quiet until 8:00
    assert world.held_until("hello") == [day(1, 1)]  # not until 8:00: it expires at 1:00
    assert world.tick(day(1, 1)).delivery == {"skipped": 1}
    assert world.messages("hello") == ["hello ann skipped (expired)"]
    assert world.tick(day(1)).sent == ["ann: Two for Acme"]


def test_expires_counts_from_when_the_message_was_planned(world: World) -> None:
    world.customer().playbook("hello", "- {id: settle, wait: 5 days}\n- {id: hello, email: one, expires: 1 day}")
    world.tick(day(0))
    assert world.tick(day(5, 22)).sent == []
    assert world.tick(day(6)).sent == ["ann: One for Acme"]


def test_a_cta_expires_too(world: World) -> None:
    world.customer().playbook("hello", "- {id: ring, cta: call, expires: 1 hour}\n- {id: settle, wait: 9 days}")
    world.tick(day(0))
    assert world.messages("hello") == ["ring alex accepted"]


@pytest.mark.parametrize("span", ["0 days", "soon"])
def test_an_expiry_that_is_none_is_an_error(world: World, span: str) -> None:
    world.customer().playbook("hello", f"- {{id: hello, email: one, expires: {span}}}")
    assert [p.code for p in world.loaded.problems.errors()] in (["P113"], ["X290"])
