"""The window of customer mail: quiet hours, days of the week and calendars together, in any zone, around summer time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_engine.journey.hours import EVERY_DAY, QuietHours, Window

NIGHT = QuietHours(time(20), time(8))
WEEKDAYS = frozenset(range(1, 6))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "zone", "opens", "reason"),
    [
        ("2026-03-06T19:59", "UTC", None, ""),  # a Friday
        ("2026-03-06T20:00", "UTC", "2026-03-09T08:00", "quiet_hours"),  # not Saturday morning
        ("2026-03-07T12:00", "UTC", "2026-03-09T08:00", "send_days"),
        ("2026-03-08T23:59", "UTC", "2026-03-09T08:00", "send_days"),
        ("2026-03-09T00:00", "UTC", "2026-03-09T08:00", "quiet_hours"),
        # Half an hour: in Kolkata it is Monday, 08:00, at 02:30 UTC.
        ("2026-03-06T14:30", "Asia/Kolkata", "2026-03-09T02:30", "quiet_hours"),
        ("2026-03-09T02:29", "Asia/Kolkata", "2026-03-09T02:30", "quiet_hours"),
        ("2026-03-09T02:30", "Asia/Kolkata", None, ""),
        # East and west of the date line it is another day at the same instant.
        ("2026-03-06T20:00", "Pacific/Pago_Pago", None, ""),  # Friday, 09:00
        ("2026-03-06T20:00", "Pacific/Kiritimati", "2026-03-08T18:00", "send_days"),  # Saturday, 10:00
        ("2026-03-09T10:00", "Pacific/Pago_Pago", "2026-03-09T19:00", "send_days"),  # Sunday, 23:00
        # The night between Saturday and Sunday has an hour less in Berlin, and in October one more.
        ("2026-03-28T12:00", "Europe/Berlin", "2026-03-30T06:00", "send_days"),
        ("2026-10-24T12:00", "Europe/Berlin", "2026-10-26T07:00", "send_days"),
    ],
)
def test_mail_waits_until_hours_and_days_both_allow_it(now: str, zone: str, opens: str | None, reason: str) -> None:
    wait = Window(NIGHT, WEEKDAYS).wait(at(now + "+00:00"), ZoneInfo(zone), "")
    assert wait == (None if opens is None else (at(opens + "+00:00"), reason))


def test_a_day_that_begins_in_a_gap_begins_after_it() -> None:
    """Cairo's clocks go from 00:00 to 01:00 on Friday, 24 April 2026: the day begins at 22:00 UTC, its first hour missing."""
    thursday = Window(days=frozenset({5})).wait(at("2026-04-23T12:00+00:00"), ZoneInfo("Africa/Cairo"), "")
    assert thursday == (at("2026-04-23T22:00+00:00"), "send_days")


def test_a_day_that_a_zone_left_out_is_passed_by() -> None:
    """Samoa had no Friday, 30 December 2011."""
    wait = Window(days=frozenset({5})).wait(at("2011-12-29T20:00+00:00"), ZoneInfo("Pacific/Apia"), "")
    assert wait == (at("2012-01-05T10:00+00:00"), "send_days")  # the next Friday, midnight in Apia, is at UTC+14


def test_what_has_opened_does_not_close_because_the_clock_is_turned_back() -> None:
    """In Berlin 02:00 to 03:00 comes twice on 25 October 2026: quiet until 02:30 ends at the first of the two."""
    early = QuietHours(time(20), time(2, 30))
    berlin = ZoneInfo("Europe/Berlin")
    assert early.until(at("2026-10-25T00:15+00:00"), berlin) == at("2026-10-25T00:30+00:00")
    assert early.until(at("2026-10-25T01:10+00:00"), berlin) is None  # 02:10 for the second time


def test_a_calendar_closes_whole_days_for_those_who_keep_it() -> None:
    closed = {date(2026, 3, 5), date(2026, 3, 6)}
    window = Window(NIGHT, WEEKDAYS, lambda day, locale: "spring" if locale == "ja" and day in closed else "")
    tokyo = ZoneInfo("Asia/Tokyo")
    assert window.wait(at("2026-03-05T03:00+00:00"), tokyo, "ja") == (at("2026-03-08T23:00+00:00"), "no_send: spring")
    assert window.wait(at("2026-03-05T03:00+00:00"), tokyo, "en") is None


def test_a_year_without_a_day_is_looked_at_again_later() -> None:
    wait = Window(off=lambda _day, _locale: "never").wait(at("2026-03-05T03:00+00:00"), ZoneInfo("UTC"), "")
    assert wait is not None
    assert wait[0] > at("2027-03-05T00:00+00:00")


zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Pago_Pago", "Pacific/Apia", "Africa/Cairo",
     "America/Havana", "America/St_Johns", "Pacific/Chatham"]
)  # fmt: skip
clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


@given(
    st.integers(0, 16 * 366 * 24 * 60).map(lambda minutes: datetime(2011, 12, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
    zones,
    clocks,
    clocks,
    st.sets(st.integers(1, 7), min_size=1),
)
def test_the_opening_is_open_and_comes_after_a_closed_now(now: datetime, zone: str, start: time, end: time, days: set[int]) -> None:
    """Whatever is held until an instant may go then: nobody is judged for ever, or held for no time at all."""
    window = Window(QuietHours(start, end), frozenset(days) or EVERY_DAY)
    wait = window.wait(now, ZoneInfo(zone), "")
    if wait is not None:
        assert wait[0] > now
        assert window.wait(wait[0], ZoneInfo(zone), "") is None
        # Nothing that is open lies before it, by the quarter of an hour.
        for quarter in range(1, 30):
            earlier = now + timedelta(minutes=15 * quarter)
            assert earlier >= wait[0] or window.wait(earlier, ZoneInfo(zone), "") is not None
