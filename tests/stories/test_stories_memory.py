"""What a passage compares with how it was: at_entry(…); and what happened at all: happened('…')."""

from __future__ import annotations

import pytest

from tests.stories.world import World, day

WAIT = "- {id: settle, wait: 30 days}"

# --- at_entry ------------------------------------------------------------------------------------------------------------


def test_at_entry_is_the_value_when_the_passage_began_and_stays(world: World) -> None:
    steps = "- {id: more, wait_until: uses >= at_entry(uses) + 2}\n- {id: hello, email: one}"
    world.customer().uses("acme", day(0, 8), day(0, 9)).playbook("hello", steps)
    world.tick(day(0))
    world.uses("acme", day(0, 11)).tick(day(1))
    assert world.stands("hello") == ["more"]
    world.uses("acme", day(1, 11))
    assert world.tick(day(2)).sent == ["ann: One for Acme"]
    assert world.journal("hello", at=day(2))[0] == "more advanced met"


def test_at_entry_keeps_text_times_blanks_and_whole_expressions(world: World) -> None:
    world.customer(plan="free", seats="", renewal_at="2026-06-01T00:00:00Z").customer("bell", "bob", plan="free", seats="4")
    exits = (
        "account.plan <> at_entry(account.plan) or account.renewal_at > at_entry(account.renewal_at) or uses > at_entry(account.seats / 2)"
    )
    world.playbook("hello", WAIT, exit=exits)
    world.tick(day(0))
    world.uses("acme", *[day(0, 11)] * 3).tick(day(1))
    assert world.stands("hello") == ["settle"]  # a blank is not less than three
    world.uses("bell", *[day(1, 11)] * 3).tick(day(2))
    assert world.stands("hello", "bell") == ["exit"]
    world.account(renewal_at="2027-06-01T00:00:00Z").tick(day(3))
    assert world.stands("hello") == ["exit"]
    assert world.why("hello")["passages"][0]["began_with"]["at_entry:account.plan"] == "free"


def test_each_passage_has_its_own_at_entry(world: World) -> None:
    keys = {"enter": {"event": "invited"}, "once_per": "event.id", "goal": "uses >= at_entry(uses) + 3"}
    world.customer().playbook("hello", WAIT, **keys).uses("acme", day(0, 9), event="invited")
    world.tick(day(0))
    world.uses("acme", day(0, 11), event="invited").tick(day(1))
    world.uses("acme", day(1, 11), day(1, 12)).tick(day(2))
    assert sorted(world.stands("hello")) == ["goal", "settle"]


def test_nobody_leaves_by_at_entry_in_the_tick_in_which_they_enter(world: World) -> None:
    world.customer().uses().playbook("hello", WAIT, exit="uses < at_entry(uses)", **{"while": "uses >= at_entry(uses)"})
    assert world.tick(day(0)).counts("hello", "entered") == (1,)
    world.customer("bell", "bob").playbook("over", WAIT, exit="uses = at_entry(uses)")
    assert world.tick(day(1)).counts("over", "matched", "entered") == (2, 0)


def test_contacts_keep_their_own_numbers_and_their_accounts(world: World) -> None:
    world.customer().contact("bob", role="operator").uses("acme", day(0, 9), contact="ann")
    world.playbook("hello", WAIT, subject="contact", goal="uses > at_entry(uses) and account.uses > at_entry(account.uses)")
    world.tick(day(0))
    world.uses("acme", day(0, 11), contact="bob").tick(day(1))
    assert {p["subject"]: p["finished"] for p in world.why("hello")["passages"]} == {"ann": "", "bob": "goal"}


# --- happened ------------------------------------------------------------------------------------------------------------


def test_happened_is_true_from_the_first_such_event_on(world: World) -> None:
    world.customer().playbook("hello", WAIT, goal="happened('invited')")
    world.uses("acme", day(0, 9)).tick(day(0))
    assert world.stands("hello") == ["settle"]
    world.uses("acme", day(1, 9), event="invited").tick(day(2))
    assert world.stands("hello") == ["goal"]
    assert world.why("hello")["subjects"][0]["conditions"]["goal"]["values"] == {"happened('invited')": 1}


def test_happened_takes_a_condition_over_the_events_own_columns(world: World) -> None:
    world.customer().playbook("hello", WAIT, goal="happened('invited', contact = 'bob' and days_since(at) <= 3)")
    world.uses("acme", day(0, 9), event="invited", contact="ann").uses("acme", day(0, 9), contact="bob").tick(day(0))
    assert world.stands("hello") == ["settle"]
    world.uses("acme", day(0, 11), event="invited", contact="bob").tick(day(1))
    assert world.stands("hello") == ["goal"]


def test_happened_of_a_contact_is_its_own_and_segments_may_ask_it(world: World) -> None:
    world.write("playbooks/segments.yaml", "inviting: {when: happened('invited')}\n")
    world.customer().contact("bob", role="operator").uses("acme", day(0, 9), event="invited", contact="bob")
    world.playbook("hello", "- {id: hello, email: one}", subject="contact", enter="happened('invited') and in_segment('inviting')")
    assert world.tick(day(0)).sent == ["bob: One for Acme"]


PAID = {"goal": "happened('paid', at > event.at)", "enter": {"event": "failed"}}


def test_happened_after_the_event_that_the_passage_began_with(world: World) -> None:
    world.customer().customer("bell", "bob").playbook("hello", WAIT, **PAID)
    world.uses("acme", day(0, 8), event="paid").uses("acme", day(0, 9), event="failed").uses("bell", day(0, 9), event="failed")
    world.tick(day(0))
    assert world.stands("hello") == ["settle"], "what was paid before is another payment"
    world.uses("acme", day(0, 12), event="paid").tick(day(1))
    assert (world.stands("hello"), world.stands("hello", "bell")) == (["goal"], ["settle"])
    seen = [line.seen for line in world.engine.store.journal("acme", "hello") if line.event == "finished"]
    assert seen == ['{"event.at":"2026-03-02T09:00:00.000000Z","last happened(\'paid\')":"2026-03-02T12:00:00Z"}']


def test_each_passage_has_its_own_event_to_be_after(world: World) -> None:
    world.customer().playbook("hello", WAIT, **PAID, once_per="event.id")
    world.uses("acme", day(0, 8), day(0, 9), event="failed").tick(day(0))
    world.uses("acme", day(0, 11), event="paid").uses("acme", day(0, 12), event="failed").tick(day(1))
    assert sorted(world.stands("hello")) == ["goal", "goal", "settle"]


ASKED = {
    "at > event.at": True,
    "event.at < at": True,
    "at >= event.at + 3 hours": True,
    "at > event.at + 3 hours": False,
    "(contact = 'bob' and at > event.at)": False,
    "contact = 'ann' and at > event.at": True,
    "at < event.at": False,
    "event.at > at": False,
    "at > account.signed_up_at": True,
    "at < account.signed_up_at": False,
    "at > coalesce(account.renewal_at, event.at)": True,
    "at > account.renewal_at": False,
    "hour(at) = 12 and at > event.at": True,
    "hour(at) = 13 and at > event.at": False,
}


def test_the_time_beside_at_may_be_any_of_the_passage_or_its_subject(world: World) -> None:
    for number, asked in enumerate(ASKED):
        world.playbook(f"p{number}", WAIT, enter={"event": "failed"}, goal=f"happened('paid', {asked})")
    world.customer().uses("acme", day(0, 9), event="failed").tick(day(0))
    world.uses("acme", day(0, 12), event="paid", contact="ann").tick(day(1))
    assert {asked: world.stands(f"p{number}") == ["goal"] for number, asked in enumerate(ASKED)} == ASKED


def test_what_is_learned_late_counts_from_then_on(world: World) -> None:
    world.customer().playbook("hello", WAIT, **PAID).uses("acme", day(0, 9), event="failed").tick(day(0))
    world.uses("acme", day(3), event="paid")
    assert [world.tick(day(at)).of("hello").get("finished") for at in (1, 3)] == [{}, {"goal": 1}], "not before it happened"


# --- bad input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [
        ({"enter": "uses > at_entry(uses)"}, "X220", "at_entry() is known once a passage has begun"),
        ({"audience": "uses > at_entry(uses)"}, "X220", "at_entry() is known once a passage has begun"),
        ({"goal": "at_entry(3) > uses"}, "X220", "at_entry() takes what changes"),
        ({"goal": "at_entry(at_entry(uses)) > uses"}, "X220", "at_entry() takes what changes"),
        ({"goal": "at_entry(usse) > uses"}, "X211", "nothing is called usse"),
        ({"goal": "at_entry() > uses"}, "X217", "at_entry() takes one value"),
        ({"goal": "happened(invited)"}, "X207", "happened() takes the name of an event in single quotes"),
        ({"goal": "happened('invited', aera = 'x')"}, "X211", "nothing is called aera"),
        ({"goal": "happened('invited', contact)"}, "X213", "a condition is needed, contact is text"),
        ({"goal": "happened('invited', at > account.signed_up_at and at < account.renewal_at)"}, "X220", "after one time, or before one"),
        ({"goal": "happened('invited', at > account.plan)"}, "X213", "account.plan is text"),
        ({"goal": "happened('invited', at > event.at)"}, "X212", "the columns of events alone"),
        ({"goal": "happened('invited', at = account.signed_up_at)"}, "X212", "the columns of events alone"),
    ],
)
def test_what_is_wrong_has_its_place(world: World, keys: dict[str, object], code: str, words: str) -> None:
    world.customer().playbook("hello", WAIT, **keys)
    (problem,) = world.loaded.problems.errors()
    assert (problem.code, problem.place.line) == (code, 4)
    assert words in problem.message


def test_metrics_know_no_passage(world: World) -> None:
    world.write("playbooks/segments.yaml", "growing: {when: uses > at_entry(uses)}\n")
    (problem,) = world.loaded.problems.errors()
    assert (problem.code, problem.place.file) == ("X220", "playbooks/segments.yaml")
