"""An outage causes no burst, whatever the project declares: what has become due meanwhile goes one after the other."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tests.stories.world import World, day

HOUR = timedelta(hours=1)
USUALLY = 4
"""Ticks before the outage: so many tell how often the engine runs."""


def down_since(world: World) -> World:
    """The engine ran by the hour on day 0 until 13:00, and then no more."""
    for hour in range(USUALLY):
        world.tick(day(0, 10 + hour))
    return world


def test_a_contact_gets_one_mail_a_day_and_the_most_urgent_first(world: World) -> None:
    """Three playbooks come due in three days of standstill. Transactional mail and alerts to staff go at once."""
    world.customer()
    for name, template, priority in (("low", "one", 10), ("middle", "two", 50), ("high", "three", 90)):
        world.playbook(name, f"- {{id: settle, wait: {priority // 40 + 1} days}}\n- {{id: mail, email: {template}}}", priority=priority)
    world.playbook("bill", "- {id: settle, wait: 2 days}\n- {id: due, email: help}", topic="transactional", priority=1)
    world.playbook("calls", "- {id: settle, wait: 2 days}\n- {id: ring, cta: call}")
    down_since(world)
    assert world.tick(day(4)).sent == ["U-ALEX: Call Acme", "ann: Help for Acme", "ann: Three for Acme"]
    assert world.messages("low") == ["mail ann held (after_outage)"]
    assert world.journal("low")[-1] == "mail held after_outage"
    assert (world.held_until("middle"), world.held_until("low")) == ([day(5)], [day(6)])
    later = [world.tick(at).sent for at in (day(5, 9), day(5), day(6))]
    assert later == [[], ["ann: Two for Acme"], ["ann: One for Acme"]]


def test_all_contacts_of_an_account_get_a_step_on_the_same_day(world: World) -> None:
    world.customer().contact("bob", role="operator")
    world.playbook("first", "- {id: settle, wait: 1 days}\n- {id: mail, email: one, to: everyone}", priority=90)
    world.playbook("second", "- {id: settle, wait: 1 days}\n- {id: mail, email: two, to: everyone}")
    down_since(world)
    days = [Counter(line.split(": ")[1] for tick in world.span(day(n), day(n, 11), HOUR) for line in tick.sent) for n in (4, 5)]
    assert days == [{"One for Acme": 2}, {"Two for Acme": 2}]


def test_what_goes_on_one_day_goes_one_by_one_in_its_open_hours(world: World) -> None:
    """Thirty accounts, five minutes apart; those whom the night overtakes go on in the morning."""
    for n in range(30):
        world.customer(f"a{n:02}", f"c{n:02}")
    down_since(world.playbook("hello", "- {id: settle, wait: 1 days}\n- {id: mail, email: one}"))
    spans = [*world.span(day(4, 19), day(4, 21), HOUR), *world.span(day(5, 7), day(5, 11), HOUR)]
    assert [len(tick.sent) for tick in spans] == [12, 0, 0, 0, 12, 6, 0, 0]


def test_spread_takes_the_place_of_our_own_spreading(world: World) -> None:
    world.project(spread="5 per hour", quiet_hours=None)
    for n in range(12):
        world.customer(f"a{n:02}", f"c{n:02}")
    down_since(world.playbook("hello", "- {id: settle, wait: 1 days}\n- {id: mail, email: one}"))
    assert [len(world.tick(day(4) + n * HOUR).sent) for n in range(4)] == [5, 5, 2, 0]


def test_an_engine_that_runs_seldom_is_not_out(world: World) -> None:
    """Once a week, though the playbooks may run every fifteen minutes: that is how it is used."""
    for n in range(5):
        world.customer(f"a{n}", f"c{n}")
    world.playbook("hello", "- {id: settle, wait: 20 days}\n- {id: mail, email: one}")
    assert [len(world.tick(day(7 * week)).sent) for week in range(5)] == [0, 0, 0, 5, 0]


def test_a_weekend_off_is_no_outage(world: World) -> None:
    for n in range(5):
        world.customer(f"a{n}", f"c{n}")
    world.playbook("hello", "- {id: settle, wait: 15 days}\n- {id: mail, email: one}")
    assert [len(world.tick(day(number)).sent) for number in (0, 1, 4, 7, 8, 11, 14, 18)] == [0, 0, 0, 0, 0, 0, 0, 5]


def test_newcomers_of_a_playbook_that_was_broken_for_days_get_no_burst(world: World) -> None:
    """The others ran all the while, and their mail goes as always."""
    world.customer("a", "c").playbook("hello", "- {id: mail, email: one}")
    down_since(world)
    world.playbook("hello", "- {id: mail, email: one}", goal="nonsense >").tick(day(1))
    for n in range(4):
        world.customer(f"a{n}", f"c{n}")
    world.playbook("hello", "- {id: mail, email: one}").playbook("other", "- {id: mail, email: two}", audience="account.id <> 'a'")
    tick = world.tick(day(4))
    assert Counter(line.split(": ")[1].split()[0] for line in tick.sent) == {"Two": 4, "One": 1}


def test_what_expires_before_its_place_has_come_is_skipped_then(world: World) -> None:
    world.customer()
    world.playbook("first", "- {id: settle, wait: 1 days}\n- {id: mail, email: one}", priority=90)
    world.playbook("second", "- {id: settle, wait: 1 days}\n- {id: mail, email: two, expires: 4 hours}\n- {id: ring, cta: call}")
    assert down_since(world).tick(day(4)).sent == ["ann: One for Acme"]
    assert world.held_until("second") == [day(4, 14)]
    assert world.tick(day(4, 14)).delivery == {"skipped": 1}
