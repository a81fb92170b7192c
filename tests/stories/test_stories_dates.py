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


# --- at ----------------------------------------------------------------------------------------------------------------

RENEWAL = "- {id: note, at: account.renewal_at - 90 days, email: one}\n- {id: end, wait: 9 days}"


def renews(world: World, on: float) -> World:
    return world.customer(renewal_at=day(on, 0).isoformat())


def test_a_step_with_a_date_waits_for_it(world: World) -> None:
    renews(world, 93).playbook("hello", RENEWAL)
    assert world.tick(day(0)).sent == []
    assert world.stands("hello") == ["note.at"]
    assert world.why("hello")["passages"][0]["next"] == "goes on at the first tick from 2026-03-05T00:00:00Z (account.renewal_at - 90 days)"
    assert world.tick(day(2, 23)).sent == []
    assert world.tick(day(3)).sent == ["ann: One for Acme"]
    assert world.journal("hello", at=day(3))[0] == "note.at advanced due"


def test_the_date_is_read_anew_in_every_tick(world: World) -> None:
    renews(world, 93).playbook("hello", RENEWAL)
    world.tick(day(0))
    renews(world, 120)
    assert world.tick(day(3)).sent == []
    renews(world, 94)
    assert world.tick(day(4)).sent == ["ann: One for Acme"]


def planned_for_the_morning(world: World, steps: str = RENEWAL) -> World:
    """The date has come, and the mail waits for quiet hours to end."""
    renews(world, 92.5).playbook("hello", steps)
    assert world.tick(day(2, 22)).sent == []
    assert world.messages("hello") == ["note ann held (quiet_hours)"]
    return world


def test_a_mail_that_still_waits_when_its_date_moves_later_waits_for_the_new_date(world: World) -> None:
    planned_for_the_morning(world)
    renews(world, 95.5)
    assert world.tick(day(3)).sent == []
    assert world.messages("hello") == ["note ann held (at)"]
    assert world.held_until("hello") == [day(5, 12)]
    assert world.tick(day(5)).sent == []
    assert world.tick(day(5, 12)).sent == ["ann: One for Acme"]


def test_a_mail_that_waits_for_its_new_date_goes_when_that_moves_back(world: World) -> None:
    planned_for_the_morning(world)
    renews(world, 120).tick(day(3))
    renews(world, 93)
    assert world.tick(day(4)).sent == ["ann: One for Acme"]


def test_a_mail_whose_date_moves_earlier_waits_for_what_it_waited_for(world: World) -> None:
    planned_for_the_morning(world)
    renews(world, 40)
    assert world.tick(day(3, 1)).sent == []
    assert world.tick(day(3)).sent == ["ann: One for Acme"]


@pytest.mark.parametrize("moved_first", [False, True])
def test_a_mail_that_still_waits_when_its_date_is_taken_away_is_skipped(world: World, moved_first: bool) -> None:
    planned_for_the_morning(world)
    if moved_first:
        renews(world, 120).tick(day(3))
    world.account(renewal_at="").account("bell", renewal_at=day(99).isoformat())
    assert world.tick(day(4)).sent == []
    assert world.messages("hello") == ["note ann skipped (no_date)"]
    world.tick(day(4, 12))
    assert world.stands("hello") == ["end"]


def test_what_waits_for_a_new_date_keeps_from_then_on_as_long_as_it_would_have(world: World) -> None:
    planned_for_the_morning(world, RENEWAL.replace("email: one", "email: one, expires: 1 day"))
    renews(world, 97)
    world.tick(day(3))
    assert world.tick(day(7)).sent == ["ann: One for Acme"]


def test_a_date_that_counts_from_its_event_is_known_at_the_claim(world: World) -> None:
    world.customer().uses("acme", day(0, 9), event="booked")
    world.playbook("hello", "- {id: note, at: event.at + 61 hours, email: one}", enter={"event": "booked"})
    world.tick(day(0))
    assert world.tick(day(2, 22)).sent == []
    assert world.messages("hello") == ["note ann held (quiet_hours)"]
    assert world.tick(day(3)).sent == ["ann: One for Acme"]


def test_repeats_follow_the_first_wherever_the_date_has_moved_since(world: World) -> None:
    steps = RENEWAL.replace("email: one", "email: one, repeat: {every: 1 day, times: 2}")
    renews(world, 90).playbook("hello", steps)
    assert world.tick(day(0)).sent == ["ann: One for Acme"]
    renews(world, 455)
    assert [world.tick(day(n)).sent for n in (1, 2)] == [["ann: One for Acme"], []]


def test_who_has_no_date_passes_the_step_by_and_the_journal_says_so(world: World) -> None:
    world.customer().playbook("hello", RENEWAL)
    world.tick(day(0))
    assert world.stands("hello") == ["end"]
    assert world.journal("hello")[-1] == "note.at advanced no_date"


def test_a_date_that_is_taken_away_while_one_waits_is_none(world: World) -> None:
    renews(world, 93).account("bell", renewal_at=day(93, 0).isoformat()).playbook("hello", RENEWAL)
    world.tick(day(0))
    world.account(renewal_at="").tick(day(1))
    assert world.journal("hello", at=day(1)) == ["note.at advanced no_date"]
    # What comes next counts from there.
    world.tick(day(9))
    assert world.stands("hello") == ["end"]


def test_a_date_before_the_day_of_entry_is_skipped(world: World) -> None:
    renews(world, 89).playbook("hello", RENEWAL)
    assert world.tick(day(0)).sent == []
    assert world.journal("hello")[-1] == "note.at advanced late"


def test_a_date_on_the_day_of_entry_is_not_late(world: World) -> None:
    renews(world, 90).playbook("hello", RENEWAL)
    assert world.tick(day(0)).sent == ["ann: One for Acme"]


def test_if_late_now_does_it_at_once(world: World) -> None:
    renews(world, 20).playbook("hello", RENEWAL.replace("email: one", "email: one, if_late: now"))
    assert world.tick(day(0)).sent == ["ann: One for Acme"]


@pytest.mark.parametrize(("if_late", "sent"), [("", ["ann: Two for Acme"]), (", if_late: skip", [])])
def test_a_date_missed_on_the_way_is_made_up_for_unless_told_to_skip(world: World, if_late: str, sent: list[str]) -> None:
    steps = f"- {{id: settle, wait: 5 days}}\n- {{id: note, at: account.renewal_at - 90 days, email: two{if_late}}}"
    renews(world, 92).playbook("hello", steps)
    world.tick(day(0))
    assert world.tick(day(5)).sent == sent


LATE = [("", ["ann: One for Acme"]), ("skip", []), ("now", ["ann: One for Acme"])]
"""What becomes of a date that went by while nobody could send: it is made up for, unless told to skip."""


def dated(world: World, if_late: str, **keys: object) -> World:
    """Acme waits for Thursday, 5 March."""
    said = f", if_late: {if_late}" if if_late else ""
    return renews(world, 93).playbook("hello", RENEWAL.replace("email: one", f"email: one{said}"), **keys)


@pytest.mark.parametrize(("if_late", "sent"), LATE)
def test_a_date_that_went_by_in_an_outage(world: World, if_late: str, sent: list[str]) -> None:
    dated(world, if_late)
    for hour in range(4):
        world.tick(day(0, 10 + hour))
    assert world.tick(day(5)).sent == sent


@pytest.mark.parametrize(("if_late", "sent"), LATE)
def test_a_date_that_went_by_in_a_hold(world: World, if_late: str, sent: list[str]) -> None:
    dated(world, if_late, hold="account.plan = 'frozen'").tick(day(0))
    world.account(plan="frozen").tick(day(2))
    assert world.account(plan="team").tick(day(4)).sent == sent


def test_days_without_ticks_make_no_date_late_where_they_are_usual(world: World) -> None:
    """As weekends are."""
    renews(world, 98).playbook("hello", RENEWAL.replace("email: one", "email: one, if_late: skip"))
    for number in (0, 3, 4, 7):
        world.tick(day(number))
    assert world.tick(day(10)).sent == ["ann: One for Acme"]


def test_what_fell_on_the_weekend_of_a_first_week_goes_on_monday(world: World) -> None:
    """Nobody has seen the engine run on a Saturday: it did not fail, it rested."""
    renews(world, 95).playbook("hello", RENEWAL.replace("email: one", "email: one, if_late: skip"))
    assert [world.tick(day(number)).sent for number in (0, 1, 2, 3, 4, 7)] == [[]] * 5 + [["ann: One for Acme"]]


def test_business_days_count_back_over_the_weekend(world: World) -> None:
    # Monday, 9 March, less two business days: Thursday.
    renews(world, 7).playbook("hello", RENEWAL.replace("90 days", "2 business days"))
    assert world.tick(day(2)).sent == []
    assert world.tick(day(3)).sent == ["ann: One for Acme"]


def test_business_days_before_a_date_leave_out_the_days_of_the_projects_calendar(world: World) -> None:
    # Friday is off: two business days before Monday it is Wednesday; mail of the agenda is out before a long weekend.
    world.project(business_calendar="company", calendars={"company": {"days": ["2026-03-06"]}})
    renews(world, 7).playbook("hello", RENEWAL.replace("90 days", "2 business days"))
    assert world.tick(day(1)).sent == []
    said = "goes on at the first tick from 2026-03-04T00:00:00Z (account.renewal_at - 2 business days)"
    assert world.why("hello")["passages"][0]["next"] == said
    assert world.tick(day(2)).sent == ["ann: One for Acme"]


def test_a_condition_counts_business_days_on_by_the_projects_calendar(world: World) -> None:
    """Signed up on a Monday; Wednesday is off: three business days later it is Friday."""
    world.project(business_calendar="company", calendars={"company": {"days": ["2026-03-04"]}}).customer()
    world.playbook("hello", "- {id: one, email: one}", enter="now() >= account.signed_up_at + 3 business days")
    assert [world.tick(day(n)).sent for n in range(5)] == [[], [], [], [], ["ann: One for Acme"]]


def test_if_is_asked_when_the_date_has_come(world: World) -> None:
    renews(world, 93).playbook("hello", RENEWAL.replace("email: one", "if: uses > 0, email: one"))
    world.tick(day(0))
    world.uses("acme", day(2))
    assert world.tick(day(3)).sent == ["ann: One for Acme"]


def test_a_block_may_have_a_date(world: World) -> None:
    renews(world, 93).playbook("hello", "- {at: account.renewal_at - 90 days, if: uses > 0, then: [stop], else: [{id: b, email: two}]}")
    world.tick(day(0))
    assert world.stands("hello") == ["if-1.at"]
    assert world.tick(day(3)).sent == ["ann: Two for Acme"]


def test_if_late_without_at_and_an_at_that_is_no_time_are_errors(world: World) -> None:
    world.customer().playbook("hello", "- {id: a, email: one, if_late: now}\n- {id: b, email: one, at: account.plan}")
    assert [p.code for p in world.loaded.problems.errors()] == ["P110", "X213"]
