"""What is told at once and what waits for the day's digest; when that goes."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from cs_engine.journey.message import State
from cs_engine.journey.workload import Fresh, allot, next_digest, week_of


def fresh(id: str, priority: str = "normal", *, due: int | None = None, minutes: int = 15, staff: str = "a", told: str = "") -> Fresh:
    return Fresh(f"msg_{id}", State.PLANNED, "p", "d", "s", id, staff, priority, due, 0, minutes, told)


def test_what_fits_into_the_week_is_told_at_once_the_most_urgent_first() -> None:
    given = [fresh("late", due=9), fresh("soon", due=1), fresh("never"), fresh("high", "high", due=99)]
    assert allot(given, {"a": 45}, {"a": 0}) == {"high": "own", "soon": "own", "late": "own", "never": "digest"}
    assert allot(given, {"a": 45}, {"a": 15}) == {"high": "own", "soon": "own", "late": "digest", "never": "digest"}


def test_high_ones_go_at_once_and_count_and_low_ones_never_do() -> None:
    given = [fresh("high", "high", minutes=60), fresh("normal"), fresh("low", "low")]
    assert allot(given, {"a": 60}, {"a": 60}) == {"high": "own", "normal": "digest", "low": "digest"}
    assert allot(given, {}, {}) == {"high": "own", "normal": "own", "low": "digest"}


def test_everybody_has_a_budget_of_their_own_and_a_channel_none() -> None:
    given = [fresh("one"), fresh("other", staff="b"), fresh("nobodys", "low", staff="")]
    assert allot(given, {"a": 0, "b": 15}, {}) == {"one": "digest", "other": "own", "nobodys": "own"}


def test_what_was_decided_stays_but_for_what_has_become_urgent() -> None:
    given = [fresh("was-own", told="own"), fresh("was-digest", told="digest"), fresh("now-high", "high", told="digest")]
    assert allot(given, {"a": 0}, {}) == {"was-own": "own", "was-digest": "digest", "now-high": "own"}


def test_two_messages_of_one_cta_count_once() -> None:
    assert allot([fresh("one"), fresh("one"), fresh("two")], {"a": 30}, {}) == {"one": "own", "two": "own"}


TOKYO = ZoneInfo("Asia/Tokyo")


def test_a_digest_goes_at_its_hour_on_a_working_day_where_they_are() -> None:
    def works(day: date) -> bool:
        return day.weekday() < 5 and day != date(2026, 3, 9)

    friday = datetime(2026, 3, 6, tzinfo=UTC)
    assert next_digest(friday, time(9), TOKYO, works) == friday, "9:00 in Tokyo, to the second"
    assert next_digest(friday.replace(second=1), time(9), TOKYO, works) == datetime(2026, 3, 10, tzinfo=UTC)
    assert next_digest(friday, time(9), ZoneInfo("UTC"), works) == datetime(2026, 3, 6, 9, tzinfo=UTC)


def test_an_hour_that_no_day_has_because_nobody_ever_works_does_not_hang() -> None:
    assert next_digest(datetime(2026, 3, 6, tzinfo=UTC), time(9), TOKYO, lambda _day: False).year == 2027


def test_a_week_begins_on_monday_where_they_are() -> None:
    sunday = datetime(2026, 3, 8, 16, tzinfo=UTC)
    assert week_of(sunday, TOKYO) == datetime(2026, 3, 9, tzinfo=TOKYO)
    assert week_of(sunday, ZoneInfo("UTC")) == datetime(2026, 3, 2, tzinfo=UTC)
