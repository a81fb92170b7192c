"""When a milestone was reached: as of when it became true, with what its condition named then, and never later than known."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from cs_engine.instants import from_micros
from tests.stories.world import World, day

MICROSECOND = timedelta(microseconds=1)


def reached(world: World, account: str = "acme") -> tuple[datetime, dict[str, Any]] | None:
    """(when, what its condition named then) of the journey's only milestone."""
    found = world.engine.store.milestones_of(account)
    return (from_micros(found[0].reached_at), json.loads(found[0].seen)) if found else None


def test_it_is_the_event_that_made_it_true(world: World) -> None:
    world.milestone("start", "uses >= 3").customer().uses("acme", day(1, 9), day(2, 9), day(2, 11), day(3, 9)).tick(day(0))
    world.tick(day(5))
    assert reached(world) == (day(2, 11), {"uses": 3})
    (view,) = world.engine.store.milestones_of("acme")
    assert (from_micros(view.known_at), view.history) == (day(5), False)


def test_history_is_back_dated_too(world: World) -> None:
    """Over all that there is at the first sync."""
    world.milestone("start", "uses >= 2 and days_since(account.signed_up_at) >= 2")
    world.customer(since=day(-400, 8)).uses("acme", day(-400, 9), day(-399, 9), day(-90, 9)).tick(day(0))
    assert reached(world) == (day(-398, 0), {"uses": 2, "account.signed_up_at": "2025-01-26T08:00:00Z"}), "by time alone: at midnight"
    assert world.engine.store.milestones_of("acme")[0].history


def test_what_was_true_for_a_while_counts_from_then(world: World) -> None:
    """Windows slide: true in the first month, true again now."""
    uses = [*(day(n, 9) for n in range(3)), *(day(n, 9) for n in range(50, 53))]
    world.milestone("start", "uses_7d >= 3").customer().uses("acme", *uses).tick(day(55))
    assert reached(world) == (day(2, 9), {"uses_7d": 3})


@pytest.mark.parametrize(
    ("when", "at"),
    [
        ("quiet_days >= 3", day(5, 0)),
        ("people >= 2", day(2, 10)),
        ("weeks >= 2", day(8, 0)),
        ("days >= 3", day(8, 9)),
        ("spent > 5", day(2, 10)),
        ("best >= 4", day(2, 10)),
        ("before >= 1", day(8, 0)),
        ("happened('paid')", day(2, 10)),
        ("happened('paid', hour(at) > 10)", None),
        ("in_segment('busy') and not reached('start')", None),
        ("uses / nullif(account.seats, 0) >= 0.6", day(2, 10)),
        ("now() >= account.signed_up_at + 30 hours", day(2, 0) - MICROSECOND),
        ("first_paid is not null", day(2, 10)),
    ],
)
def test_whatever_it_hangs_on(world: World, when: str, at: datetime | None) -> None:
    """Each kind of metric: by an event, or by a day that has come. In a zone in which days begin at midnight UTC."""
    world.write(
        "playbooks/metrics.yaml",
        """\
        uses: {count: "*"}
        uses_7d: {count: "*", in: 7 days}
        quiet_days: {days_since_last: "*"}
        people: {count_distinct: contact}
        weeks: {active_weeks: "*", in: 3 weeks}
        days: {active_days: "*"}
        spent: {sum: amount}
        best: {max: amount}
        before: {count: "*", in: 7 days, ago: 7 days}
        first_paid: {first_time: "*", where: event = 'paid'}
        """,
    )
    world.usage_columns = (*world.usage_columns, "amount")
    world.milestone("start", when).customer().contact("bea")
    world.uses("acme", day(1, 9), day(1, 10), contact="ann", amount="1").uses("acme", day(2, 10), contact="bea", event="paid", amount="4")
    world.uses("acme", day(8, 9), contact="ann", amount="0").tick(day(20))
    found = reached(world)
    assert (found and found[0]) == at


def test_a_window_of_hours_is_found_too(world: World) -> None:
    world.write("playbooks/metrics.yaml", 'uses: {count: "*"}\njust_now: {count: "*", in: 2 hours}\n').delete("playbooks/segments.yaml")
    world.milestone("start", "just_now >= 2").customer().uses("acme", day(1, 9), day(1, 10)).tick(day(1, 10.5))
    assert reached(world) == (day(1, 10), {"just_now": 2})


def test_it_is_never_later_than_known_where_nobody_can_tell(world: World) -> None:
    """What we count ourselves has no past."""
    world.milestone("start", "emails_30d = 0 and uses >= 1").customer().uses("acme", day(0, 9)).tick(day(3))
    assert reached(world) == (day(3), {"emails_30d": 0, "uses": 1})


def test_what_a_column_of_the_account_made_true_is_reached_when_it_was_seen(world: World) -> None:
    """The file says how columns are, not since when: what would have been true all along was not."""
    world.milestone("start", "account.plan = 'enterprise' and uses >= 1").customer().uses("acme", day(0, 9)).tick(day(1))
    world.account(plan="enterprise").tick(day(2))
    assert reached(world) == (day(2), {"account.plan": "enterprise", "uses": 1})


def remembering(world: World, **sources: object) -> World:
    """Where the project says that what syncs have seen of columns is to be believed."""
    files = {name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts", "usage")}
    return world.project(sources={**files, **(sources or {"history": "9000 days"})})


def test_where_it_is_known_how_columns_were_it_was_reached_as_they_changed(world: World) -> None:
    """On the team plan from day 2 to day 4, and again from day 6 on: when it was read, and not when a tick came by."""
    remembering(world).milestone("start", "account.plan = 'team' and uses >= 1").customer(plan="free").uses("acme", day(0, 9))
    world.synced(day(1)).tick(day(1))
    for plan, at in (("team", day(2, 5)), ("free", day(4)), ("team", day(6))):
        world.account(plan=plan).synced(at)
    world.tick(day(7))
    assert reached(world) == (day(2, 5), {"account.plan": "team", "uses": 1})


def test_with_a_column_that_was_otherwise_an_event_counts_once_both_are_true(world: World) -> None:
    """Two uses while on the free plan, the third on the team plan. Nobody had seen it false since then, and none need have."""
    remembering(world).milestone("start", "account.plan = 'team' and uses >= 2 and account.seats >= 5").customer(plan="free", seats="4")
    world.uses("acme", day(0, 9), day(1, 9), day(3, 9)).synced(day(0)).account(plan="team").synced(day(2)).tick(day(2))
    world.account(seats="5").synced(day(4)).tick(day(5))
    assert reached(world) == (day(4), {"account.plan": "team", "account.seats": 5, "uses": 3})


def test_a_source_that_tells_when_it_learned_of_a_row_back_dates_by_it(world: World) -> None:
    """Whatever else the project keeps; by a row that was learned of on day 3 and read on day 9, too, as with late events."""
    crm = {"file": "data/crm.csv", "account": "account_id", "learned_at": "known"}
    remembering(world, attributes={"crm": crm}).milestone("start", "account.tier = 'gold'").customer()
    world.write("data/crm.csv", "account_id,tier,known\nacme,silver,2026-03-03T10:00:00Z\n").tick(day(5))
    world.write("data/crm.csv", "account_id,tier,known\nacme,silver,2026-03-03T10:00:00Z\nacme,gold,2026-03-05T10:00:00Z\n").tick(day(9))
    assert reached(world) == (day(3, 10), {"account.tier": "gold"})


def test_days_that_go_by_and_a_column_that_was_otherwise_go_together(world: World) -> None:
    """A week quiet, while it was an enterprise: that came true when it became one, a day after the week was over."""
    remembering(world).milestone("start", "quiet_days >= 7 and account.plan = 'enterprise'").customer(plan="free").uses("acme", day(0, 9))
    world.synced(day(1)).account(plan="enterprise").synced(day(8, 12)).account(plan="free").synced(day(9)).tick(day(9))
    assert reached(world) is None
    world.account(plan="enterprise").synced(day(20)).tick(day(21))
    assert reached(world) == (day(8, 12), {"account.plan": "enterprise", "quiet_days": 8})


def test_with_a_column_of_the_account_an_event_is_still_found(world: World) -> None:
    world.milestone("start", "account.plan = 'team' and uses >= 2").customer().uses("acme", day(0, 9), day(1, 14)).tick(day(1))
    world.tick(day(2))
    assert reached(world) == (day(1, 14), {"account.plan": "team", "uses": 2})


def test_an_event_that_is_learned_of_late_counts_from_when_it_was(world: World) -> None:
    world.milestone("start", "uses >= 1").customer().tick(day(1))
    world.tick(day(2))
    world.uses("acme", day(0, 12)).tick(day(3))
    assert reached(world) == (day(0, 12), {"uses": 1})


def test_a_milestone_over_another_is_reached_with_it(world: World) -> None:
    start, more = ("start", "uses >= 1"), ("more", "reached('start') and uses >= 2")
    milestones = [{"id": id, "title": id, "when": when} for id, when in (start, more)]
    journey = {"phases": [{"phase": "p", "milestones": milestones}]}
    world.write("playbooks/journey.yaml", json.dumps(journey)).customer().uses("acme", day(1, 9), day(2, 9)).tick(day(4))
    found = [(m.milestone, from_micros(m.reached_at)) for m in world.engine.store.milestones_of("acme")]
    assert found == [("start", day(1, 9)), ("more", day(2, 9))]


def test_of_the_past_why_knows_what_was_known_then(world: World) -> None:
    """Reached on day 1, seen on day 3: on day 2 the playbook had not heard of it."""
    world.milestone("start", "uses >= 1").customer().playbook("more", "- {id: one, email: one}", enter="reached('start')").tick(day(0))
    world.tick(day(2))
    world.uses("acme", day(1, 9)).tick(day(3))
    assert world.engine.store.milestones(known_by=world.engine.store.ticks_before(10**18, 3)[1]) == {}
    assert reached(world) == (day(1, 9), {"uses": 1})


def test_many_accounts_at_once_each_have_their_own(world: World) -> None:
    world.milestone("start", "uses >= 2")
    for n in range(30):
        world.customer(f"a{n}", f"c{n}").uses(f"a{n}", day(0, 9), day(n, 10) + timedelta(minutes=n))
    world.tick(day(40))
    assert [reached(world, f"a{n}") for n in range(30)] == [(day(n, 10) + timedelta(minutes=n), {"uses": 2}) for n in range(30)]


def test_who_signed_up_later_has_nothing_from_before(world: World) -> None:
    """An event of before the sign-up counts from the sign-up on."""
    world.milestone("start", "uses >= 1").customer(since=day(2, 8)).uses("acme", day(0, 9)).tick(day(5))
    assert reached(world) == (day(2, 8), {"uses": 1})
