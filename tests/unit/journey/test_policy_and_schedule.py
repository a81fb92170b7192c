"""Quiet hours, the claim's rules and schedules, over midnight and summer time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cs_engine.instants import from_micros, to_micros
from cs_engine.journey.hours import QuietHours, Window
from cs_engine.journey.message import State
from cs_engine.journey.policy import Request, Rules, judge
from cs_engine.journey.schedule import next_due
from cs_engine.playbook.plan import Schedule

NIGHT = QuietHours(time(20), time(8))
RULES = Rules("UTC", Window(NIGHT), lambda locale: locale or "en", lambda _channel, _template, locale: locale != "fr")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("now", "zone", "opens"),
    [
        ("2026-03-02T19:59+00:00", "UTC", None),
        ("2026-03-02T20:00+00:00", "UTC", "2026-03-03T08:00+00:00"),
        ("2026-03-02T07:59+00:00", "UTC", "2026-03-02T08:00+00:00"),
        ("2026-03-02T08:00+00:00", "UTC", None),
        ("2026-03-02T17:00+00:00", "Asia/Tokyo", "2026-03-02T23:00+00:00"),
        # Berlin's clocks go from 02:00 to 03:00 on 2026-03-29, and back on 2026-10-25: eight o'clock is eight o'clock.
        ("2026-03-28T22:00+00:00", "Europe/Berlin", "2026-03-29T06:00+00:00"),
        ("2026-10-24T22:00+00:00", "Europe/Berlin", "2026-10-25T07:00+00:00"),
    ],
)
def test_quiet_hours_end_at_eight_in_the_recipients_zone(now: str, zone: str, opens: str | None) -> None:
    assert NIGHT.until(at(now), ZoneInfo(zone)) == (at(opens) if opens else None)


def test_quiet_hours_that_end_in_a_gap_of_summer_time_end_after_it() -> None:
    until = QuietHours(time(20), time(2, 30)).until(at("2026-03-28T23:00+00:00"), ZoneInfo("Europe/Berlin"))
    assert until == at("2026-03-29T01:30+00:00")  # 02:30 is not there: 03:30 summer time is 01:30 UTC


def request(**changes: object) -> Request:
    base = {
        "id": "m", "state": State.PLANNED, "channel": "email", "topic": "onboarding", "template": "t", "recipient_kind": "contact",
        "known": True, "address": True, "suppressed": False, "zone": "", "locale": "en",
    }  # fmt: skip
    return Request(**{**base, **changes})  # type: ignore[arg-type]


NOON, NIGHTFALL = at("2026-03-02T12:00+00:00"), at("2026-03-02T22:00+00:00")


@pytest.mark.parametrize(
    ("changes", "now", "state", "reason"),
    [
        ({"known": False}, NOON, State.SKIPPED, "recipient_gone"),
        ({"address": False}, NOON, State.SKIPPED, "no_address"),
        ({"suppressed": True}, NIGHTFALL, State.SKIPPED, "suppressed"),
        ({"suppressed": True, "recipient_kind": "staff"}, NOON, State.SKIPPED, "suppressed"),
        ({"locale": "fr"}, NOON, State.HELD, "no_translation"),
        ({"unfit": True, "known": False}, NOON, State.HELD, "unfit_data"),
        ({"unfit": True, "expires_at": to_micros(NOON)}, NOON, State.SKIPPED, "expired"),
        ({}, NIGHTFALL, State.HELD, "quiet_hours"),
    ],
)
def test_the_claim_keeps_what_may_not_go(changes: dict[str, object], now: datetime, state: State, reason: str) -> None:
    (move,) = judge([request(**changes)], RULES, now)
    assert move is not None
    assert (move.state, move.reason) == (state, reason)


@pytest.mark.parametrize(
    "changes", [{"channel": "slack", "recipient_kind": "staff"}, {"recipient_kind": "staff"}, {"topic": "transactional"}]
)
def test_alerts_staff_and_transactional_mail_know_no_quiet_hours(changes: dict[str, object]) -> None:
    assert judge([request(**changes)], RULES, NIGHTFALL) == [None]


@pytest.mark.parametrize("changes", [{"channel": "slack", "recipient_kind": "staff"}, {"topic": "transactional"}])
def test_what_is_no_mail_of_a_topic_does_not_wait_for_fit_data(changes: dict[str, object]) -> None:
    assert judge([request(unfit=True, **changes)], RULES, NOON) == [None]


def test_a_zone_that_does_not_exist_is_the_projects() -> None:
    (move,) = judge([request(zone="Mars/Olympus")], RULES, NIGHTFALL)
    assert move is not None
    assert move.until is not None
    assert from_micros(move.until) == at("2026-03-03T08:00+00:00")
    assert move.until == to_micros(at("2026-03-03T08:00+00:00"))


@pytest.mark.parametrize(
    ("schedule", "now", "zone", "due"),
    [
        (Schedule("", every_minutes=15), "2026-03-02T10:07+00:00", "UTC", "2026-03-02T10:15+00:00"),
        (Schedule("", every_minutes=15), "2026-03-02T10:15+00:00", "UTC", "2026-03-02T10:30+00:00"),
        (Schedule("", every_minutes=1440), "2026-03-02T10:15+00:00", "Asia/Tokyo", "2026-03-02T15:00+00:00"),
        (Schedule("", every_minutes=420), "2026-03-02T22:15+00:00", "UTC", "2026-03-03T00:00+00:00"),
        (Schedule("", cron="0 9 * * 1-5"), "2026-03-06T10:00+00:00", "Europe/Berlin", "2026-03-09T08:00+00:00"),
        # The day has 23 hours in Berlin: nine o'clock comes an hour earlier in UTC.
        (Schedule("", cron="0 9 * * *"), "2026-03-28T08:00+00:00", "Europe/Berlin", "2026-03-29T07:00+00:00"),
        # Half past two is not there on that day: at once after the gap. It comes twice on 25 October: the first of the two, once.
        (Schedule("", cron="30 2 * * *"), "2026-03-28T02:00+00:00", "Europe/Berlin", "2026-03-29T01:00+00:00"),
        (Schedule("", cron="30 2 * * *"), "2026-10-24T02:00+00:00", "Europe/Berlin", "2026-10-25T00:30+00:00"),
        (Schedule("", cron="30 2 * * *"), "2026-10-25T00:30+00:00", "Europe/Berlin", "2026-10-26T01:30+00:00"),
        # Havana's midnight is not there on 8 March, and comes twice on 1 November.
        (Schedule("", every_minutes=1440), "2026-03-07T12:00+00:00", "America/Havana", "2026-03-08T05:00+00:00"),
        (Schedule("", every_minutes=1440), "2026-11-01T04:00+00:00", "America/Havana", "2026-11-02T05:00+00:00"),
    ],
)
def test_next_due(schedule: Schedule, now: str, zone: str, due: str) -> None:
    found = next_due(schedule, at(now), ZoneInfo(zone))
    assert found == at(due)
    assert found.tzinfo is UTC


ZONES = (
    "UTC", "Europe/Berlin", "America/New_York", "America/Havana", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut",
)  # fmt: skip
MOMENTS = st.integers(0, 16 * 366 * 24 * 60).map(lambda minutes: datetime(2010, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))


@settings(max_examples=300)
@given(MOMENTS, st.sampled_from(ZONES), st.sampled_from([5, 15, 60, 420, 1440]))
@example(datetime(2010, 11, 7, 2, 45, tzinfo=UTC), "America/St_Johns", 15)  # midnight has been, and comes again
def test_what_is_due_next_lies_ahead_and_no_farther_than_its_span(now: datetime, zone: str, minutes: int) -> None:
    due = next_due(Schedule("", every_minutes=minutes), now, ZoneInfo(zone))
    assert now < due <= now + timedelta(minutes=minutes) + timedelta(hours=1) * (minutes == 1440)


@given(MOMENTS, st.sampled_from(ZONES), st.sampled_from([Schedule("", every_minutes=1440), Schedule("", cron="30 2 * * *")]))
def test_what_runs_daily_runs_once_on_every_local_day(now: datetime, zone: str, schedule: Schedule) -> None:
    """Through gaps and folds of summer time: no day without, and none with two."""
    days, at = [], now
    for _ in range(10):
        at = next_due(schedule, at, ZoneInfo(zone))
        days.append(at.astimezone(ZoneInfo(zone)).date())
    assert days == [days[0] + timedelta(days=n) for n in range(10)]
