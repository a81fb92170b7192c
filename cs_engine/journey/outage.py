"""After an outage: who is late, and when each mail goes that waited meanwhile, so that nobody gets a burst. Pure.

The rule, which nothing has to be declared for: an account hears of one step a day and a contact gets one mail a day, the most urgent first;
and what may go on one day goes one by one, five minutes apart, or closer where a day of open hours would not hold all of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from datetime import timedelta
from typing import NamedTuple

from cs_engine.instants import Micros

AFTER_OUTAGE = "after_outage"
"""Why a mail waits that has a place in the line."""

DAY: Micros = timedelta(days=1) // timedelta(microseconds=1)
APART: Micros = timedelta(minutes=5) // timedelta(microseconds=1)
LEAST_GAPS = 3
"""Between so many ticks it is known how often an engine runs; before that nothing is an outage."""
REMEMBERED = 20
"""So many gaps tell it: a month of working days."""


class Mail(NamedTuple):
    """A mail to a customer that could go now."""

    account: str
    contact: str
    step: str
    """Playbook and step."""
    clock: Hashable
    """What its open hours hang on: mails that share it share a line."""


def is_outage(late: Micros, gaps: Sequence[Micros]) -> bool:
    """Whether a playbook that runs so much later than it was due has missed its turns, and is not just run seldom.

    `gaps`: between the ticks before, the latest first. More than a day, and more than twice what is usual here: the second longest gap,
    for weekends come again and outages, one hopes, do not.
    """
    known = sorted(gaps[:REMEMBERED], reverse=True)
    return late > DAY and len(known) >= LEAST_GAPS and late > 2 * known[1]


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
