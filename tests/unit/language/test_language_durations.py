"""Durations: what is one, what to write instead, and how days pass in a zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_engine.instants import from_micros
from cs_engine.language import durations
from cs_engine.language.expression import Duration, Type
from cs_engine.language.problems import Place, Problems
from cs_engine.playbook.calendars import SHIPPED, Calendars
from cs_engine.playbook.config import CalendarSpec
from cs_engine.sources.facts.days import Days
from tests.unit.language.facts_scope import facts, scalar

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize("text", ["3 days", "1 day", "2 business days", "1 business day", "4 hours", "52 weeks", "30 minutes", "0 days"])
def test_a_duration_reads_back_as_written(text: str) -> None:
    duration = durations.parse(text)
    assert duration is not None
    assert str(duration) == text


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("3d", "write 3 days"),
        ("3 day", "write 3 days"),
        ("3 Days", "write 3 days"),
        ("three days", "write 3 days"),
        ("a week", "write 1 week"),
        ("3日", "write 3 days"),
        ("３日間", "write 3 days"),
        ("三日", "write 3 days"),
        ("2営業日", "write 2 business days"),
        ("2 working days", "write 2 business days"),
        ("4時間", "write 4 hours"),
        ("PT4H", "write 4 hours"),
        ("30 min", "write 30 minutes"),
        ("3", "write a unit: 3 days, or 3 hours"),
        ("3 months", "months differ in length: write 90 days"),
        ("1 year", "write 52 weeks or 365 days"),
        ("99999 weeks", "that is more than a hundred years"),
        ("1.5 days", "write a whole number and a unit: 3 days, 2 business days, 4 hours, 52 weeks, 30 minutes"),
        ("soon", "write a whole number and a unit: 3 days, 2 business days, 4 hours, 52 weeks, 30 minutes"),
    ],
)
def test_what_is_none_gets_a_mend(text: str, mend: str) -> None:
    problems = Problems()
    assert durations.check(text, Place("p.yaml", 3, 7, len(text)), problems) is None
    assert [(p.code, p.place.line, p.mend) for p in problems] == [("X290", 3, mend)]


def test_a_bare_number_of_yaml_gets_its_mend_too() -> None:
    problems = Problems()
    assert durations.check(3, Place("p.yaml"), problems) is None
    assert problems.found[0].mend == "write a unit: 3 days, or 3 hours"


def local(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("start", "duration", "times", "end"),
    [
        ("2026-03-07T09:00", "1 day", 1, "2026-03-08T13:00+00:00"),  # 23 hours long
        ("2026-10-31T09:00", "1 day", 1, "2026-11-01T14:00+00:00"),  # 25 hours long
        ("2026-03-07T02:30", "1 day", 1, "2026-03-08T07:30+00:00"),  # 02:30 is skipped: 03:30
        ("2026-10-31T01:30", "1 day", 1, "2026-11-01T05:30+00:00"),  # 01:30 comes twice: the first
        ("2026-03-07T09:00", "24 hours", 1, "2026-03-08T14:00+00:00"),
        ("2026-03-08T09:00", "1 week", -1, "2026-03-01T14:00+00:00"),
        ("2026-03-06T09:00", "1 business day", 1, "2026-03-09T13:00+00:00"),  # Friday -> Monday
        ("2026-03-07T09:00", "1 business day", 1, "2026-03-09T13:00+00:00"),  # Saturday -> Monday
        ("2026-03-08T09:00", "1 business day", -1, "2026-03-06T14:00+00:00"),  # Sunday -> Friday
        ("2026-03-09T09:00", "1 business day", -1, "2026-03-06T14:00+00:00"),
        ("2026-03-04T09:00", "5 business days", 1, "2026-03-11T13:00+00:00"),
    ],
)
def test_days_keep_the_time_of_day_and_hours_are_hours(start: str, duration: str, times: int, end: str) -> None:
    length = durations.parse(duration)
    assert length is not None
    moved = durations.add(local(start), length, NEW_YORK, times)
    assert moved == datetime.fromisoformat(end)
    assert moved.tzinfo is UTC


def test_minutes_and_hours_are_micros_and_days_are_none() -> None:
    assert durations.micros(Duration(90, "minutes")) == 5_400_000_000
    assert durations.micros(Duration(2, "hours")) == 7_200_000_000
    assert durations.micros(Duration(1, "days")) is None


@given(day=st.integers(0, 400), amount=st.integers(1, 60))
def test_business_days_count_mondays_to_fridays(day: int, amount: int) -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    for sign in (1, -1):
        end = durations.add(start, Duration(amount, "business days"), ZoneInfo("UTC"), sign)
        passed, at = 0, start
        while passed < amount:
            at += timedelta(days=sign)
            passed += at.isoweekday() <= 5
        assert end == at


def test_sql_moves_an_instant_as_python_does() -> None:
    # Any hour of two years, and often one near the days on which clocks change.
    hours = st.integers(0, 24 * 800) | st.integers(24 * 64, 24 * 68) | st.integers(24 * 302, 24 * 306)
    lengths = st.builds(Duration, st.integers(0, 3) | st.integers(0, 40), st.sampled_from(durations.UNITS))
    with facts("America/New_York") as connection:

        @settings(max_examples=400, deadline=None)
        @given(hours, lengths, st.sampled_from([1, -1]))
        def same(hour: int, length: Duration, sign: int) -> None:
            start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
            sql = durations.shifted_sql(f"TIMESTAMPTZ '{start.isoformat(sep=' ')}'", length, sign)
            row = connection.execute(f"SELECT epoch_us({sql})").fetchone()
            assert row is not None
            assert row[0] == durations.add(start, length, NEW_YORK, sign).timestamp() * 1_000_000

        same()


def test_sql_moves_an_instant_over_the_calendars_days_as_python_does() -> None:
    """Weekends and Japan's holidays with the turn of the year and Obon; before the first year and after the last weekends alone."""
    calendars = Calendars({**SHIPPED, "office": CalendarSpec.model_validate({"with": ["jp", "obon"], "bridge_days": True})})
    zone = ZoneInfo("Asia/Tokyo")
    days = Days(calendars, "office", date(2026, 3, 2))
    with facts("Asia/Tokyo") as told, facts("Asia/Tokyo") as connection:
        days.tell(told, f"'{durations.BUSINESS_DAYS}'")
        days.repeat(connection)

        @settings(max_examples=300, deadline=None)
        @given(st.integers(0, 24 * 800), st.integers(0, 30), st.sampled_from([1, -1]))
        def same(hour: int, amount: int, sign: int) -> None:
            start, length = datetime(2025, 12, 1, tzinfo=UTC) + timedelta(hours=hour), Duration(amount, "business days")
            assert moved(start, length, sign) == durations.add(start, length, zone, sign, lambda day: calendars.has("office", day))

        def moved(start: datetime, length: Duration, sign: int) -> datetime:
            sql = durations.shifted_sql(f"TIMESTAMPTZ '{start.isoformat(sep=' ')}'", length, sign)
            row = connection.execute(f"SELECT epoch_us({sql})").fetchone()
            assert row is not None
            return from_micros(row[0])

        same()
        for year in (1950, 1969, 1970, 2036, 2037, 2050):
            start, length = datetime(year, 6, 6, tzinfo=UTC), Duration(3, "business days")  # June has no holidays
            assert [moved(start, length, sign) for sign in (1, -1)] == [durations.add(start, length, zone, sign) for sign in (1, -1)]


@pytest.mark.parametrize("unit", ["dayz", "fortnights", "quarter"])
def test_an_unknown_unit_beside_a_time_says_which_there_are(unit: str) -> None:
    (problem,) = scalar(f"account.renewal_at - 90 {unit}", Type.INSTANT)[1]
    assert (problem.code, problem.message) == ("X290", f"'90 {unit}' is no length of time")
    assert "3 days, 2 business days, 4 hours, 52 weeks, 30 minutes" in problem.mend
