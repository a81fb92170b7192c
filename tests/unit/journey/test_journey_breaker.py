"""The breaker: opened by failures that outweigh answers, tried by one, closed by an answer, tolerant of clocks that jump."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cs_engine.journey import breaker as moves
from cs_engine.journey.breaker import FAILURES, LONGEST_REST, PROBE, REST, WINDOW, Breaker, State

NOW = 1_345_000_000_000_000
DAY = timedelta(days=1) // timedelta(microseconds=1)
FRESH = Breaker("sendgrid")
OPEN = moves.learned(FRESH, FAILURES, 0, "503", NOW)


def test_a_5xx_storm_opens_it() -> None:
    almost = moves.learned(FRESH, FAILURES - 1, 0, "503", NOW)
    assert almost.state is State.CLOSED
    storm = moves.learned(almost, 1, 0, "502", NOW + 1)
    assert (storm.state, storm.since, storm.until, storm.reason) == (State.OPEN, NOW + 1, NOW + 1 + REST, "502")


def test_few_failures_among_many_answers_do_not() -> None:
    assert moves.learned(FRESH, 100, 101, "503", NOW).state is State.CLOSED
    assert moves.learned(FRESH, 100, 100, "503", NOW).state is State.OPEN


def test_what_failed_before_the_window_does_not_count() -> None:
    before = moves.learned(FRESH, FAILURES - 1, 0, "503", NOW)
    assert moves.learned(before, 1, 0, "503", NOW + WINDOW).state is State.CLOSED


def test_while_all_is_well_nothing_is_written() -> None:
    assert moves.learned(FRESH, 0, 500, "", NOW) is FRESH
    assert moves.learned(FRESH, 0, 0, "", NOW) is FRESH


def test_it_rests_and_then_one_tries() -> None:
    assert not moves.may_be_tried(OPEN, NOW + REST - 1)
    assert moves.may_be_tried(OPEN, NOW + REST)
    half = moves.probing(OPEN, NOW + REST)
    assert half.state is State.HALF_OPEN
    assert not moves.may_be_tried(half, NOW + REST + 1), "one, not two"
    assert moves.may_be_tried(half, NOW + REST + PROBE), "unless the one that tried has died"


def test_a_probe_that_is_answered_closes_it() -> None:
    closed = moves.learned(moves.probing(OPEN, NOW + REST), 0, 1, "", NOW + REST)
    assert closed == FRESH._replace(since=NOW + REST, began=NOW + REST)


def test_a_probe_that_fails_opens_it_for_twice_as_long_and_it_is_down_since_it_first_was() -> None:
    standing, at, rests = OPEN, NOW, []
    for _ in range(6):
        at = standing.until
        standing = moves.learned(moves.probing(standing, at), 1, 0, "timeout", at)
        rests.append(standing.until - at)
    assert rests == [2 * REST, 4 * REST, 8 * REST, LONGEST_REST, LONGEST_REST, LONGEST_REST]
    assert standing.since == NOW


@pytest.mark.parametrize("jump", [-DAY, DAY])
def test_a_clock_that_jumps_a_day_makes_no_rest_of_a_day(jump: int) -> None:
    assert moves.may_be_tried(OPEN, NOW + jump)
    counted = moves.learned(FRESH, FAILURES - 1, 0, "503", NOW)
    assert moves.learned(counted, 1, 0, "503", NOW + jump).failed == 1, "another window"
