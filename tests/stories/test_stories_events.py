"""Passages that begin with an event: which events count, what is kept of them, and who reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cs_engine.playbook.load import load
from tests.stories.test_stories_mail import last_mail
from tests.stories.world import World, day

ONE = "- {id: hello, email: one}"
INVITED = {"event": "invited"}


@pytest.fixture
def areas(world: World) -> World:
    """Events have an id and an area."""
    world.usage_columns += ("event_id", "area")
    sources = {kind: {"file": f"data/{kind}.csv"} for kind in ("accounts", "contacts")}
    return world.project(sources={**sources, "usage": {"file": "data/usage.csv", "id": "event_id"}})


# --- which events begin a passage ----------------------------------------------------------------------------------------


def test_an_event_begins_a_passage_in_the_tick_that_sees_it(world: World) -> None:
    world.customer().customer("bell", "bob").playbook("hello", ONE, enter=INVITED)
    world.tick(day(0))
    world.uses("acme", day(0, 11), event="invited").uses("bell", day(0, 11), event="used")
    tick = world.tick(day(0, 12))
    assert (tick.sent, tick.counts("hello", "matched", "entered")) == (["ann: One for Acme"], (1, 1))
    assert world.stands("hello", "bell") == []


def test_an_event_that_is_yet_to_come_begins_nothing(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=INVITED).uses("acme", day(3), event="invited")
    assert world.tick(day(0)).counts("hello", "entered") == (0,)
    assert world.tick(day(3)).counts("hello", "entered") == (1,)


def test_without_a_key_an_event_enters_once_per_subject_ever(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=INVITED).uses("acme", day(0, 9), event="invited")
    world.tick(day(0))
    world.tick(day(1))
    world.uses("acme", day(2), event="invited").tick(day(2))
    assert world.stands("hello") == ["done"]


def test_each_event_is_a_passage_of_its_own_under_its_id_even_at_once(world: World) -> None:
    keys = {"enter": INVITED, "once_per": "event.id"}
    world.customer().playbook("hello", "- {id: settle, wait: 5 days}\n" + ONE, **keys)
    world.uses("acme", day(0, 8), day(0, 9), event="invited")
    assert world.tick(day(0)).counts("hello", "matched", "entered") == (1, 2)
    world.uses("acme", day(1), event="invited")
    assert world.tick(day(2)).counts("hello", "entered") == (1,)
    assert world.stands("hello") == ["settle"] * 3
    assert world.tick(day(5)).sent == ["ann: One for Acme"] * 2


def test_an_event_keeps_its_id_from_sync_to_sync(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=INVITED, once_per="event.id").uses("acme", day(0, 9), event="invited")
    world.tick(day(0))
    world.events.reverse()
    world.uses("acme", day(0, 7)).tick(day(1))
    assert len(world.stands("hello")) == 1


def test_where_is_over_the_events_own_columns(areas: World) -> None:
    areas.customer().customer("bell", "bob").playbook("hello", ONE, enter={**INVITED, "where": "area = 'roles' and hour(at) < 12"})
    areas.uses("acme", day(0, 9), event="invited", event_id="e1", area="roles")
    areas.uses("bell", day(0, 9), event="invited", event_id="e2", area="billing")
    assert areas.tick(day(0)).sent == ["ann: One for Acme"]


def test_a_playbook_over_contacts_enters_who_did_it(world: World) -> None:
    world.customer().contact("bob", role="operator").playbook("hello", ONE, enter=INVITED, subject="contact")
    world.uses("acme", day(0, 9), event="invited", contact="bob")
    assert world.tick(day(0)).sent == ["bob: One for Acme"]


def test_an_event_counts_as_long_as_within_says_and_audience_may_come_true_late(world: World) -> None:
    keys = {"enter": {**INVITED, "within": "2 days"}, "audience": "account.plan = 'team'"}
    world.customer(plan="free").customer("bell", "bob", plan="free").playbook("hello", ONE, **keys)
    world.uses("acme", day(0, 10), event="invited").uses("bell", day(0, 9), event="invited")
    world.tick(day(2, 9.25))
    world.account("acme", plan="team").account("bell", plan="team")
    assert world.tick(day(2, 9.5)).sent == ["ann: One for Acme"]
    world.tick(day(3))
    assert world.stands("hello", "bell") == []


# --- found late, lost, doubled -------------------------------------------------------------------------------------------


def test_an_event_that_is_synced_late_enters_once(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=INVITED, once_per="event.id")
    for n in range(4):
        world.tick(day(n))
    world.uses("acme", day(1, 3), event="invited")
    assert world.tick(day(4)).sent == ["ann: One for Acme"]
    assert world.tick(day(5)).counts("hello", "entered") == (0,)


def test_an_event_that_is_synced_later_than_within_does_not_enter(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=INVITED)
    for n in range(11):
        world.tick(day(n))
    world.uses("acme", day(1), event="invited")
    assert world.tick(day(11)).counts("hello", "entered") == (0,)


def test_no_event_of_an_outage_is_lost_however_long_it_was(world: World) -> None:
    world.customer().playbook("hello", ONE, enter={**INVITED, "within": "1 day"})
    world.tick(day(0))
    world.uses("acme", day(3), event="invited")
    assert world.tick(day(20)).sent == ["ann: One for Acme"]


def test_a_tick_that_is_run_again_enters_nobody_twice(world: World) -> None:
    world.customer().playbook("hello", "- {id: settle, wait: 5 days}", enter=INVITED, once_per="event.id")
    world.uses("acme", day(0, 9), event="invited")
    world.tick(day(0))
    world.tick(day(0), "hello")
    assert len(world.stands("hello")) == 1


# --- existing, manual, reenter -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("existing", ["skip", None])
def test_what_happened_before_the_first_run_enters_nobody_without_a_yes(world: World, existing: str | None) -> None:
    world.customer().playbook("hello", ONE, enter=INVITED, existing=existing).uses("acme", day(0, 9), event="invited")
    world.tick(day(0))
    assert world.tick(day(1)).counts("hello", "entered") == (0,)
    # A later event is not held back by it.
    world.uses("acme", day(1, 11), event="invited")
    assert world.tick(day(2)).sent == ["ann: One for Acme"]


def test_with_a_yes_what_happened_within_enters(world: World) -> None:
    keys = {"enter": {**INVITED, "within": "10 days"}, "existing": "include"}
    world.customer(since=day(-30)).customer("bell", "bob", since=day(-30)).playbook("hello", ONE, **keys)
    world.uses("acme", day(-9), event="invited").uses("bell", day(-11), event="invited")
    assert world.tick(day(0)).sent == ["ann: One for Acme"]


def test_who_is_enrolled_by_hand_enters_without_an_event(world: World) -> None:
    world.mail("one", "Hello", "{{ event.event or 'nothing' }}").customer()
    world.playbook("over", "- {id: go, enrol: hello}").playbook("hello", ONE, enter=INVITED, priority=10)
    world.tick(day(0))
    world.tick(day(1))
    assert "nothing" in last_mail(world)


def test_reenter_takes_an_event_so_long_after_the_end(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=INVITED, reenter="after 3 days").uses("acme", day(0, 9), event="invited")
    world.tick(day(0))
    world.tick(day(1))  # the end
    world.uses("acme", day(2), event="invited")
    assert [world.tick(day(n)).counts("hello", "entered") for n in (2, 4, 6)] == [(0,), (0,), (0,)]
    world.uses("acme", day(7), event="invited")
    assert world.tick(day(7)).counts("hello", "entered") == (1,)
    assert world.stands("hello") == ["done", "hello"]


def test_goal_and_exit_keep_from_entering_with_an_event(areas: World) -> None:
    areas.customer().customer("bell", "bob").playbook("hello", ONE, enter=INVITED, exit="event.area = 'billing'", goal="uses >= 3")
    areas.uses("acme", day(0, 9), event="invited", event_id="e1", area="billing")
    areas.uses("bell", day(0, 9), event="invited", event_id="e2", area="roles")
    assert areas.tick(day(0)).sent == ["bob: One for Bell"]


# --- what is kept --------------------------------------------------------------------------------------------------------


def test_conditions_of_each_passage_read_its_own_event(areas: World) -> None:
    steps = """
        - id: way
          if: event.area = 'roles'
          then: [{id: roles, email: one}]
          else: [{id: other, email: two}]
        - {id: settle, wait: 30 days}
        """
    areas.customer().playbook("hello", steps, enter=INVITED, once_per="event.id", exit="event.area = 'roles' and uses >= 3")
    areas.uses("acme", day(0, 8), event="invited", event_id="e1", area="roles")
    areas.uses("acme", day(0, 9), event="invited", event_id="e2", area="billing")
    assert areas.tick(day(0)).sent == ["ann: One for Acme", "ann: Two for Acme"]
    areas.tick(day(1))
    # What was kept stays, whatever becomes of the source's rows.
    areas.events.clear()
    for n in range(3):
        areas.uses("acme", day(1, 11 + n), event_id=f"u{n}")
    areas.tick(day(2))
    assert sorted(areas.stands("hello")) == ["exit", "settle"]
    assert {p["began_with"]["event.area"]: p["state"] for p in areas.why("hello")["passages"]} == {"roles": "finished", "billing": "active"}


def test_a_mail_can_say_what_happened_and_when(areas: World) -> None:
    body = "{{ event.area }} by {{ event.contact }} on {{ event.at | date }}"
    areas.mail("one", "About {{ event.id }}", body).customer().playbook("hello", ONE, enter=INVITED)
    areas.uses("acme", day(0, 9), event="invited", contact="ann", event_id="e1", area="roles")
    assert areas.tick(day(0)).sent == ["ann: About e1"]
    assert "roles by ann on" in last_mail(areas)


def test_a_step_can_go_to_whoever_did_it(world: World) -> None:
    steps = "- {id: hello, email: one, to: contact.id = event.contact}\n- {id: rest, wait: 1 day}"
    world.customer().contact("bob", role="operator").customer("bell", "cat")
    world.playbook("hello", steps, enter=INVITED)
    world.uses("acme", day(0, 9), event="invited", contact="bob").uses("bell", day(0, 9), event="invited", contact="gone")
    assert world.tick(day(0)).sent == ["bob: One for Acme"]
    assert world.stands("hello", "bell") == ["rest"]


def test_a_date_can_count_from_the_event(world: World) -> None:
    steps = "- {id: hello, at: event.at + 2 days, email: one}"
    world.customer().playbook("hello", steps, enter=INVITED).uses("acme", day(0, 9), event="invited")
    assert [world.tick(day(n)).sent for n in (0, 1, 2)] == [[], [], ["ann: One for Acme"]]


def test_a_cta_closes_by_what_its_own_passage_knows(areas: World) -> None:
    steps = "- {id: ring, cta: call, close_when: event.area = 'roles' and uses >= 3}\n- {id: settle, wait: 30 days}"
    areas.customer().playbook("hello", steps, enter=INVITED).uses("acme", day(0, 9), event="invited", event_id="e1", area="roles")
    areas.tick(day(0))
    assert len(areas.engine.store.open_ctas()) == 1
    areas.uses("acme", day(0, 11), day(0, 12), event_id="e2").uses("acme", day(0, 13), event_id="e3").tick(day(1))
    assert areas.engine.store.open_ctas() == []


def test_why_and_the_journal_show_the_event(world: World) -> None:
    world.customer().customer("bell", "bob").playbook("hello", ONE, enter=INVITED).uses("acme", day(0, 9), event="invited")
    world.tick(day(0))
    (subject,) = world.why("hello")["subjects"]
    assert (subject["verdict"], subject["conditions"]["enter"]["text"]) == ("inside", "event invited")
    seen = world.why("hello")["journal"][0]["seen"]
    assert (seen["event.event"], seen["event.at"]) == ("invited", "2026-03-02T09:00:00.000000Z")
    assert world.why("hello", "bell")["subjects"][0]["verdict"] == "did not enter: enter not true"


def test_a_preview_shows_the_event_that_would_begin_it(areas: World) -> None:
    areas.mail("one", "About {{ event.id }}").customer().playbook("hello", ONE, enter=INVITED)
    areas.uses("acme", day(0, 9), event="invited", event_id="e1", area="roles")
    areas.tick(day(0), "nobody")
    assert areas.preview("hello", "hello", at=day(0))[0]["subject"] == "About e1"


def test_those_inside_keep_their_event_when_the_playbook_changes(areas: World) -> None:
    steps = "- {id: settle, wait: 2 days}\n- {id: hello, if: event.area = 'roles', email: %s}"
    areas.customer().playbook("hello", steps % "one", enter=INVITED)
    areas.uses("acme", day(0, 9), event="invited", event_id="e1", area="roles").tick(day(0))
    areas.playbook("hello", steps % "two", enter="uses > 100")
    areas.tick(day(1))
    assert areas.tick(day(2)).sent == ["ann: One for Acme"]


# --- bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [
        ({"enter": {"event": "invited", "from": "tickets"}}, "P123", 'there is no source of events "tickets"'),
        ({"enter": {"evnt": "invited"}}, "P103", 'unknown key "evnt"'),
        ({"enter": {"event": "invited", "within": "0 days"}}, "P113", "an event counts for no time at all"),
        ({"enter": {"event": "invited", "within": 7}}, "P101", "7 of what?"),
        ({"enter": {"event": "invited", "where": "aera = 'x'"}}, "X211", "nothing is called aera"),
        ({"enter": "uses > 1", "exit": "event.at < now()"}, "X212", "event.* is the event that a passage began with: here none does"),
        ({"enter": INVITED, "exit": "event.aera = 'x'"}, "X211", "nothing is called event.aera"),
        ({"enter": INVITED, "hold": "event.event = 'x'"}, "X212", "a hold is the subject's"),
        ({"enter": {"quiet_days > 7": None}}, "P101", "a condition is plain text, not a mapping"),
    ],
)
def test_what_is_wrong_with_an_event_entry_has_its_place(world: World, keys: dict[str, object], code: str, words: str) -> None:
    world.customer().playbook("hello", ONE, **keys)
    (problem,) = world.loaded.problems.errors()
    assert (problem.code, problem.place.file) == (code, "playbooks/hello.yaml")
    assert words in problem.message
    assert problem.place.line > 3


def test_events_that_stay_in_their_database_begin_nothing_and_check_says_so(world: World) -> None:
    world.customer().playbook("hello", ONE, enter=INVITED)
    project = load(world.root, replace(world.loaded.attributes, in_place=frozenset({"usage"})))
    (problem,) = project.problems.errors()
    assert (problem.code, problem.place.file, problem.place.line) == ("P123", "playbooks/hello.yaml", 4)
    assert problem.message == "events of usage stay in their database (`in_place`): nobody can enter with one"
    assert problem.mend == "leave `in_place` out of the source, or enter by a metric"


def test_a_template_that_names_an_event_needs_one(world: World) -> None:
    from cs_engine.run.desk.checks import template_problems

    world.mail("one", "{{ event.at | date }} {{ event.aera }}").customer()
    world.playbook("hello", ONE, enter=INVITED).playbook("over", ONE)
    found = sorted(p.message.split(" (")[0] for p in template_problems(world.loaded, []) if p.code == "T304")
    assert found == [*['unknown variable "event.aera"'] * 2, 'unknown variable "event.at"']
