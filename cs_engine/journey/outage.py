"""After an outage: who is late, and when each mail goes that waited meanwhile, so that nobody gets a burst. Pure.

The rule, which nothing has to be declared for: an account hears of one step a day and a contact gets one mail a day, the most urgent first;
and what may go on one day goes one by one, five minutes apart, or closer where a day of open hours would not hold all of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

from cs_engine.instants import Micros, from_micros, to_micros

AFTER_OUTAGE = "after_outage"
"""Why a mail waits that has a place in the line."""

DAY: Micros = timedelta(days=1) // timedelta(microseconds=1)
APART: Micros = timedelta(minutes=5) // timedelta(microseconds=1)
LEAST_GAPS = 3
"""Between so many ticks it is known how often an engine runs; before that nothing is an outage."""
REMEMBERED = 20
"""So many gaps tell it: a month of working days."""
LOOKED_AT = 3_000
"""Of so many ticks it is asked whether the engine rests: a month of every 15 minutes."""
NIGHT: Micros = timedelta(hours=6) // timedelta(microseconds=1)
"""An engine that runs by day alone stands still for longer."""
_WEEKEND = (5, 6)


class Mail(NamedTuple):
    """A mail to a customer that could go now."""

    account: str
    contact: str
    step: str
    """Playbook and step."""
    clock: Hashable
    """What its open hours hang on: mails that share it share a line."""


def is_outage(due: Micros, now: Micros, ticks: Sequence[Micros], zone: tzinfo, off: Callable[[date], bool] | None = None) -> bool:
    """Whether a playbook that was due then has missed its turns, and is not just run seldom.

    `ticks`: the nows of those before, the latest first. It runs more than a day late, and more than twice what is usual between ticks here:
    the second longest gap, for weekends come again and outages, one hopes, do not. Saturdays, Sundays and what is `off` do not count where
    nobody has seen the engine run on them: it may be one that rests then.
    """
    gaps = [later - earlier for later, earlier in pairwise(ticks)]
    known, late = sorted(gaps[:REMEMBERED], reverse=True), now - due
    if late <= DAY or len(known) < LEAST_GAPS:
        return False
    if not _never_rests(ticks, zone):
        late -= _time_off(due, now, zone, off)
    return late > DAY and late > 2 * known[1]


def _never_rests(ticks: Sequence[Micros], zone: tzinfo) -> bool:
    """Whether the engine is known to run on weekends, or by day and night."""
    if any(_day(at, zone).weekday() in _WEEKEND for at in ticks):
        return True
    gaps = sorted((later - earlier for later, earlier in pairwise(ticks)), reverse=True)
    return ticks[0] - ticks[-1] >= DAY and gaps[1] < NIGHT  # one night may have been an outage


def _time_off(since: Micros, until: Micros, zone: tzinfo, off: Callable[[date], bool] | None) -> Micros:
    """How much of that time lies on days off."""
    day, found = _day(since, zone), 0
    while (begins := to_micros(datetime.combine(day, time(), zone))) < until:
        ends = to_micros(datetime.combine(day + timedelta(days=1), time(), zone))
        if day.weekday() in _WEEKEND or (off is not None and off(day)):
            found += min(until, ends) - max(since, begins)
        day += timedelta(days=1)
    return found


def _day(at: Micros, zone: tzinfo) -> date:
    return from_micros(at).astimezone(zone).date()


def places(mails: Sequence[Mail], now: Micros, opens: Callable[[Micros, int], Micros] | None) -> list[Micros]:
    """When each goes, in the order given, which is that of urgency; `now` for those that need not wait.

    `opens`: (instant, position) -> from when on that mail may go; None where something else spreads those of one day.
    """
    days = _days(mails)
    lines = [(day, mail.clock) for day, mail in zip(days, mails, strict=True)]
    lengths, cursors, found = Counter(lines), dict[Hashable, Micros](), []
    for position, line in enumerate(lines):
        begins = now + line[0] * DAY
        if opens is None:
            found.append(begins)
            continue
        at = opens(cursors.get(line, begins), position)
        cursors[line] = at + min(APART, DAY // lengths[line])
        found.append(at)
    return found


def _days(mails: Sequence[Mail]) -> list[int]:
    """On which day from now each goes: those of a step together, but no two to one contact."""
    of_account: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
    times: Counter[tuple[str, str]] = Counter()
    days = []
    for mail in mails:
        again = times[mail.contact, mail.step]
        times[mail.contact, mail.step] += 1
        turns = of_account[mail.account]
        days.append(turns.setdefault((mail.step, again), len(turns)))
    return days
