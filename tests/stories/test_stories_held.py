"""`held(condition, '14 days')`: true without a break for that long, as the ticks have seen it."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day

ONE = "- {id: hello, email: one}"
FREE = "held(account.plan = 'free', '3 days')"


def plans(world: World, said: list[str], start: int = 0) -> list[int]:
    """A tick a day, each with that plan; whose numbers are the days on which somebody entered."""
    return [n for n, plan in enumerate(said, start) if world.account(plan=plan).tick(day(n)).counts("hello", "entered") == (1,)]


def test_the_count_begins_with_the_first_tick_that_sees_it_true(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=FREE)
    assert plans(world, ["free", "free", "free", "free", "free"]) == [3]


def test_a_tick_in_which_it_is_false_or_blank_begins_it_anew(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=FREE)
    assert plans(world, ["free", "free", "team", "free", "free", "", "free", "free", "free", "free"]) == [9]


def test_a_day_without_a_tick_breaks_nothing(world: World) -> None:
    world.customer(plan="free").playbook("hello", ONE, enter=FREE)
    assert [world.tick(day(n)).sent for n in (0, 4)] == [[], ["ann: One for Acme"]]


def test_hours_count_to_the_minute_and_business_days_leave_out_weekends(world: World) -> None:
    world.customer(plan="free").playbook("hello", ONE, enter="held(account.plan = 'free', '4 hours')")
    world.playbook("over", ONE, enter="held(account.plan = 'free', '2 business days')")
    world.tick(day(3))  # a Thursday
    assert [world.tick(day(3, hour)).counts("hello", "entered") for hour in (13.9, 14)] == [(0,), (1,)]
    assert [world.tick(day(n)).counts("over", "entered") for n in (4, 6, 7)] == [(0,), (0,), (1,)]


def test_a_tick_that_is_run_again_changes_nothing(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=FREE)
    for n, plan in enumerate(["free", "free", "team", "free"]):
        world.account(plan=plan).tick(day(n))
        world.tick(day(n), "hello")
    since = {"held_since:account.plan = 'free'": "2026-03-05T10:00:00Z"}
    assert since.items() <= world.why("hello")["subjects"][0]["conditions"]["enter"]["values"].items()
    assert plans(world, ["free", "free", "free"], 4) == [6]


def test_a_tick_that_is_run_again_on_other_data_decides_by_those(world: World) -> None:
    world.customer(plan="free").playbook("hello", ONE, enter=FREE)
    world.tick(day(0))
    world.account(plan="team").tick(day(2))
    world.account(plan="free").tick(day(2), "hello")  # what the CRM said was wrong
    assert plans(world, ["free", "free"], 3) == [3]


def test_contacts_have_a_count_of_their_own(world: World) -> None:
    world.customer().contact("bob", role="operator")
    world.playbook("hello", ONE, subject="contact", enter="held(contact.role = 'champion', '2 days')")
    world.tick(day(0))
    world.contact("bob", role="champion").tick(day(1))
    assert [world.tick(day(n)).sent for n in (2, 3)] == [["ann: One for Acme"], ["bob: One for Acme"]]


def test_it_is_asked_wherever_a_passage_asks(world: World) -> None:
    steps = """
    - {id: calm, wait_until: "held(uses_7d = 0, '2 days')"}
    - {id: hello, email: one, if: "held(account.plan = 'team', '1 day')"}
    - {id: rest, wait: 90 days}
    """
    world.customer().uses("acme", day(0, 9)).playbook("hello", steps, exit="held(account.plan = 'free', '3 days')")
    world.customer("bell", "bob").playbook("over", ONE, subject="contact", audience="held(account.uses = 0, '1 day')")
    assert [world.tick(day(n)).sent for n in (0, 1)] == [[], ["bob: One for Bell"]]
    assert world.stands("hello", "bell") == ["calm"]
    assert world.tick(day(2)).sent == ["bob: One for Bell"]
    assert [world.tick(day(n)).sent for n in (7, 8, 9)] == [[], [], ["ann: One for Acme"]]
    assert [world.account(plan="free").tick(day(n)).of("hello").get("finished", {}) for n in (10, 12, 13)] == [{}, {}, {"exit": 1}]


def test_what_it_asks_of_is_as_this_tick_sees_it(world: World) -> None:
    """It ends in the tick that sees it false, not in the one after."""
    world.customer().playbook("hello", ONE, enter="held(account.plan = 'free', '3 days')")
    world.playbook("over", ONE, enter="not held(account.plan = 'free', '3 days') and account.seats = 9")
    plans(world, ["free", "free", "free"])
    tick = world.account(plan="team", seats=9).tick(day(3))
    assert (tick.counts("hello", "entered"), tick.counts("over", "entered")) == ((0,), (1,))


@pytest.mark.parametrize(
    ("file", "was", "became"),
    [
        ("playbooks/segments.yaml", "busy: {when: few >= 0}\n", "busy: {when: few > -1}\n"),
        ("playbooks/metrics.yaml", 'uses: {count: "*"}\nfew: uses\n', 'uses: {count: "*"}\nfew: uses + 1\n'),
        ("playbooks/metrics.yaml", 'few: {count: "*", in: 7 days}\n', 'few: {count: "*", in: 8 days}\n'),
    ],
)
def test_with_another_definition_it_begins_anew(world: World, file: str, was: str, became: str) -> None:
    world.write("playbooks/metrics.yaml", 'few: {count: "*"}\n').write("playbooks/segments.yaml", "busy: {when: few >= 0}\n")
    world.write(file, was).customer().playbook("hello", ONE, enter="held(in_segment('busy'), '3 days')")
    assert [world.tick(day(n)).sent for n in (0, 2)] == [[], []]
    world.write(file, became)
    assert [world.tick(day(n)).sent for n in (3, 5, 6)] == [[], [], ["ann: One for Acme"]]


def test_what_nobody_asked_for_a_while_begins_anew(world: World) -> None:
    world.customer(plan="free").playbook("hello", ONE, enter=FREE).playbook("over", ONE, enter="manual")
    world.tick(day(0))
    world.delete("playbooks/hello.yaml").tick(day(1))
    world.playbook("hello", ONE, enter=FREE)
    assert [world.tick(day(n)).counts("hello", "entered") for n in (2, 4, 5)] == [(0,), (0,), (1,)]


def test_why_says_since_when_it_has_held_as_it_was_then(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=f"{FREE} and uses > 0")
    plans(world, ["free", "free", "team", "free"])
    now, then = (world.why("hello", at=at)["subjects"][0]["conditions"]["enter"]["parts"][0] for at in (None, day(1)))
    name = "held_since:account.plan = 'free'"
    assert (now["text"], now["values"][name][:10], then["values"][name][:10]) == (FREE, "2026-03-05", "2026-03-02")


def test_a_hold_of_the_project_can_ask_it(world: World) -> None:
    world.project(hold={"all": "held(account.plan = 'free', '2 days')"})
    world.customer(plan="free").playbook("hello", "- {id: rest, wait: 3 days}\n- {id: hello, email: one}")
    world.span(day(0), day(5))
    assert world.messages("hello") == []
    world.account(plan="team")
    assert [tick.sent for tick in world.span(day(6), day(12)) if tick.sent] == [["ann: One for Acme"]]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("playbooks/segments.yaml", "busy: {when: \"held(uses >= 3, '2 days')\"}\n"),
        ("playbooks/metrics.yaml", 'uses: {count: "*"}\nlong: "held(uses >= 3, \'2 days\')"\n'),
    ],
)
def test_definitions_cannot_ask_it(world: World, file: str, text: str) -> None:
    world.write(file, text).customer().playbook("hello", ONE)
    problems = world.loaded.problems.errors()
    assert {(p.code, p.place.file) for p in problems} == {("X221", file)}
    assert "in_segment('…')" in problems[0].mend
