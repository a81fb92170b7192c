"""Passages that begin when something changes: a segment entered or left, an attribute, a metric or the health band."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day

ONE = "- {id: hello, email: one}"
HEALTH = """\
components: {use: {metric: uses, weight: 1, points: [[0, 0], [4, 100]]}}
bands: {green: 50, red: 0}
"""


def used(world: World, times: int, n: float, account: str = "acme") -> World:
    return world.uses(account, *(day(n, 1 + hour) for hour in range(times)))


def test_coming_into_a_segment_begins_a_passage_and_being_in_it_does_not(world: World) -> None:
    world.customer().customer("bell", "bob").playbook("hello", ONE, enter={"segment": "busy"})
    used(world, 3, 0, "bell").tick(day(0))
    used(world, 3, 1)
    tick = world.tick(day(1))
    assert (tick.sent, tick.counts("hello", "matched", "entered")) == (["ann: One for Acme"], (1, 1))
    world.tick(day(2))
    assert (world.stands("hello"), world.stands("hello", "bell")) == (["done"], [])


def test_leaving_a_segment_begins_a_passage(world: World) -> None:
    world.write("playbooks/segments.yaml", "busy: {when: uses_7d >= 3}\n")
    world.customer().playbook("hello", ONE, enter={"leaves": "busy"}).playbook("over", ONE, enter={"segment": "busy"})
    used(world, 3, 0).tick(day(0))
    assert [world.tick(day(n)).sent for n in (6, 7, 8)] == [[], ["ann: One for Acme"], []]
    assert world.stands("over") == []


def test_who_is_seen_for_the_first_time_has_not_changed(world: World) -> None:
    world.customer().playbook("hello", ONE, enter={"segment": "busy"})
    world.tick(day(0))
    world.customer("bell", "bob", since=day(1, 0))
    used(world, 3, 1, "bell")
    assert world.tick(day(1)).counts("hello", "entered") == (0,)


@pytest.mark.parametrize(
    ("entry", "plans", "entered"),
    [
        ({"changed": "account.plan"}, ["free", "free", "team", "team", "free"], [0, 1, 0, 0]),
        ({"changed": "account.plan", "to": "team"}, ["free", "pro", "team"], [0, 1]),
        ({"changed": "account.plan", "from": "free", "to": ["team", "pro"]}, ["lite", "pro", "free", "team"], [0, 0, 1]),
        ({"changed": "account.plan", "to": "team"}, ["", "team"], [1]),
    ],
)
def test_a_changed_attribute_begins_a_passage(world: World, entry: dict[str, object], plans: list[str], entered: list[int]) -> None:
    world.customer(plan=plans[0]).playbook("hello", ONE, enter=entry)
    world.tick(day(0))
    found = [world.account(plan=plan).tick(day(n)).counts("hello", "entered")[0] for n, plan in enumerate(plans[1:], start=1)]
    assert found == entered


def test_numbers_are_compared_as_numbers(world: World) -> None:
    world.customer(seats=5).playbook("hello", ONE, enter={"changed": "account.seats", "from": 5, "to": 8.0})
    world.tick(day(0))
    assert world.account(seats=8).tick(day(1)).counts("hello", "entered") == (1,)


def test_the_health_band_that_changes_begins_a_passage(world: World) -> None:
    world.write("playbooks/health.yaml", HEALTH).customer().playbook("hello", ONE, enter={"changed": "health_band", "to": "green"})
    world.tick(day(0))
    used(world, 3, 1)
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_each_change_can_be_a_passage_of_its_own_and_tells_what_it_was(world: World) -> None:
    keys = {"enter": {"changed": "account.plan"}, "once_per": "event.id"}
    world.mail("one", "From {{ event.was }} to {{ event.became }}").customer(plan="free")
    world.playbook("hello", ONE + "\n- {id: rest, wait: 9 days}\n- {id: two, if: event.became = 'team', email: two}", **keys)
    world.tick(day(0))
    assert world.account(plan="team").tick(day(1)).sent == ["ann: From free to team"]
    assert world.account(plan="free").tick(day(2)).sent == ["ann: From team to free"]
    assert len(world.stands("hello")) == 2
    seen = [line["seen"] for line in world.why("hello")["journal"] if line["event"] == "entered"]
    assert [(one["event.was"], one["event.became"]) for one in seen] == [("free", "team"), ("team", "free")]


def test_a_change_between_two_runs_of_the_playbook_is_not_lost(world: World) -> None:
    world.customer(plan="free").playbook("hello", ONE, enter={"changed": "account.plan", "to": "team"}, schedule="every day")
    world.playbook("over", ONE, enter="manual")
    world.tick(day(0))
    world.account(plan="team").tick(day(0, 12))
    world.account(plan="free").tick(day(0, 14))
    assert world.tick(day(1)).sent == ["ann: One for Acme"]


def test_a_tick_that_is_run_again_sees_no_change_twice(world: World) -> None:
    world.customer(plan="free").playbook("hello", "- {id: rest, wait: 9 days}", enter={"changed": "account.plan"}, once_per="event.id")
    world.tick(day(0))
    world.account(plan="team").tick(day(1))
    world.tick(day(1), "hello")
    assert world.stands("hello") == ["rest"]


def test_nobody_comes_into_a_segment_by_its_definitions_being_edited(world: World) -> None:
    world.customer().playbook("hello", ONE, enter={"segment": "busy"})
    used(world, 2, 0).tick(day(0))
    world.write("playbooks/segments.yaml", "busy: {when: uses >= 2}\n")
    assert [world.tick(day(n)).counts("hello", "entered") for n in (1, 2)] == [(0,), (0,)]


def test_contacts_have_changes_of_their_own(world: World) -> None:
    world.customer().contact("bob", role="operator").playbook(
        "hello", ONE, subject="contact", enter={"changed": "contact.role", "to": "champion"}
    )
    world.tick(day(0))
    assert world.contact("bob", role="champion").tick(day(1)).sent == ["bob: One for Acme"]


@pytest.mark.parametrize(
    ("enter", "code", "words"),
    [
        ({"segment": "bussy"}, "P124", 'there is no segment "bussy"'),
        ({"leaves": "bussy"}, "P124", 'there is no segment "bussy"'),
        ({"changed": "account.paln"}, "X211", "nothing is called account.paln"),
        ({"changed": "account.plan", "to": {"a": 1}}, "P101", "this is text, a number, true or false, or a list of them"),
        ({"changed": "account.plan", "until": "x"}, "P103", 'unknown key "until"'),
    ],
)
def test_what_is_wrong_with_an_entry_by_change_has_its_place(world: World, enter: dict[str, object], code: str, words: str) -> None:
    world.customer().playbook("hello", ONE, enter=enter)
    (problem,) = world.loaded.problems.errors()
    assert (problem.code, problem.place.line) == (code, 4)
    assert words in problem.message
