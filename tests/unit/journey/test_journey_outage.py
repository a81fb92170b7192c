"""After an outage: what counts as one, and that the line has a place for everybody and a burst for nobody."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from itertools import accumulate
from operator import sub

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_engine.instants import Micros, to_micros
from cs_engine.journey.outage import APART, DAY, Mail, is_outage, places

HOUR = DAY // 24
NOW = 1000 * DAY


MONDAY = to_micros(datetime(2026, 3, 2, 9, tzinfo=UTC))


def before(now: Micros, gaps: list[Micros]) -> list[Micros]:
    return list(accumulate(gaps, sub, initial=now))


@pytest.mark.parametrize(
    ("late", "gaps", "out"),
    [
        (3 * DAY, [HOUR // 4] * 20, True),
        (DAY, [HOUR // 4] * 20, False),
        (3 * DAY, [HOUR // 4] * 2, False),
        (3 * DAY, [DAY] * 20, True),
        (2 * DAY, [DAY] * 20, False),
        (3 * DAY, [DAY] * 4 + [3 * DAY] + [DAY] * 4 + [3 * DAY] + [DAY] * 4, False),
        (3 * DAY, [HOUR, 3 * DAY, *[HOUR] * 18], True),
        (3 * DAY, [*[HOUR] * 20, 9 * DAY, 9 * DAY], True),
    ],
)
def test_an_outage_is_longer_than_a_day_and_than_what_is_usual(late: Micros, gaps: list[Micros], out: bool) -> None:
    assert is_outage(MONDAY, MONDAY + late, before(MONDAY, gaps), UTC) is out


@pytest.mark.parametrize(
    ("last", "late", "ticks", "out"),
    [
        (4, 3, [DAY] * 4, False),  # by hand each working day of a first week, and then on Monday
        (4, 3, [DAY] * 3, False),
        (4, 4, [DAY] * 4, False),  # and on Tuesday: one working day was left out
        (4, 5.1, [DAY] * 4, True),
        (4, 3, [HOUR // 4] * 20, False),  # by day, on a first Friday
        (4, 3, [HOUR] * 8 + [16 * HOUR] + [HOUR] * 8 + [16 * HOUR] + [HOUR] * 8, False),
        (4, 4.5, [HOUR] * 8 + [16 * HOUR] + [HOUR] * 8 + [16 * HOUR] + [HOUR] * 8, True),
        (4, 3, [HOUR // 4] * 200, True),  # by day and night
        (4, 3, [HOUR // 4] * 80 + [9 * HOUR] + [HOUR // 4] * 80, True),
        (4, 3, [HOUR // 4] * 2000, True),  # and over a weekend before
        (4, 3, [DAY] * 20, True),
        (1, 3, [DAY], False),
        (1, 3.1, [HOUR] * 4, True),  # no weekend lies between
        (4, 5, [DAY] * 4, False),  # Monday and Tuesday are off too
    ],
)
def test_a_weekend_is_no_outage_of_an_engine_that_nobody_has_seen_run_on_one(
    last: int, late: float, ticks: list[Micros], out: bool
) -> None:
    """`last`: the day of the week of its last tick, 0 is Monday; then it runs again so many days later."""
    since = MONDAY + last * DAY
    holidays = {date(2026, 3, 9), date(2026, 3, 10)} if late == int(late) == 5 else set()
    assert is_outage(since, since + int(late * DAY), before(since, ticks), UTC, holidays.__contains__) is out


mails = st.lists(st.builds(lambda a, c, s: Mail(f"a{a}", f"a{a}c{c}", f"p/{s}", a), *(st.integers(0, 2),) * 3), max_size=40)


def day_of(at: Micros) -> int:
    return (at - NOW) // DAY


@given(mails)
def test_a_contact_gets_one_mail_a_day_and_an_account_hears_of_one_step_a_day(given: list[Mail]) -> None:
    found = list(zip(given, places(given, NOW, None), strict=True))
    assert max(Counter((mail.contact, at) for mail, at in found).values(), default=0) <= 1
    for account in {mail.account for mail in given}:
        steps = [{mail.step for mail, at in found if mail.account == account and day_of(at) == day} for day in range(40)]
        assert all(len(names) <= 1 for names in steps)
        used = [bool(names) for names in steps]
        assert used == sorted(used, reverse=True), "no day is left out"


@given(mails, st.integers(0, 23))
def test_those_of_one_day_go_one_by_one_while_their_window_is_open(given: list[Mail], since: int) -> None:
    """Open from 8 to 20: whoever the night overtakes goes on in the morning."""

    def opens(at: Micros, _position: int) -> Micros:
        hour = at % DAY // HOUR
        return at if 8 <= hour < 20 else at - at % DAY + 8 * HOUR + (DAY if hour >= 20 else 0)

    now = NOW + since * HOUR
    line = places(given, now, opens)
    assert all(at == opens(at, 0) >= now for at in line)
    for clock in {mail.clock for mail in given}:
        mine = [at for mail, at in zip(given, line, strict=True) if mail.clock == clock]
        assert not mine or min(mine) == opens(now, 0), "the first is not kept"
        assert max(Counter(at // APART for at in mine).values(), default=0) <= len({at // DAY for at in mine})


def test_what_a_day_would_not_hold_goes_closer() -> None:
    many = [Mail(f"a{n}", f"c{n}", "p/s", "") for n in range(10_000)]
    line = places(many, NOW, lambda at, _position: at)
    assert (line[0], len(set(line))) == (NOW, len(many))
    assert NOW + DAY * 0.99 < line[-1] < NOW + DAY
