"""How much one of us is asked to do: which CTAs are told at once, and which in the day's digest; and when that is. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cs_engine.instants import Micros
from cs_engine.journey.cta import DIGEST, OWN, by_urgency
from cs_engine.journey.message import State

_LONGEST = 400
"""Days without a working day among them that are looked through."""


class Fresh(NamedTuple):
    """A message that is to tell of a CTA, no post of which stands."""

    message_id: str
    state: State
    playbook: str
    digest: str
    step: str
    id: str
    """The CTA's."""
    staff: str
    """Whose it is; '' when it goes to a channel."""
    priority: str
    due_at: Micros | None
    fired_at: Micros
    minutes: int
    told: str
    """own | digest, when that was decided before; '' else."""


def allot(fresh: Iterable[Fresh], budgets: Mapping[str, int], spent: Mapping[str, int]) -> dict[str, str]:
    """CTA -> own | digest. In the order of urgency: `high` is told at once whatever is left, `low` never; the rest for as long as it
    fits into the minutes that its owner has this week (`budgets`, less what is `spent`; nobody's budget is none).
    """
    used, found = dict(spent), dict[str, str]()
    for cta in sorted(fresh, key=by_urgency):
        if cta.id in found:
            continue
        found[cta.id] = how = _how(cta, used.get(cta.staff, 0), budgets.get(cta.staff))
        if how == OWN and not cta.told:
            used[cta.staff] = used.get(cta.staff, 0) + cta.minutes
    return found


def _how(cta: Fresh, used: int, budget: int | None) -> str:
    if not cta.staff or cta.priority == "high":
        return OWN
    if cta.told:
        return cta.told
    return DIGEST if cta.priority == "low" or (budget is not None and used + cta.minutes > budget) else OWN


def week_of(now: datetime, zone: ZoneInfo) -> datetime:
    """When the week began that it is there: Monday, 0:00."""
    here = now.astimezone(zone)
    return datetime.combine(here.date() - timedelta(days=here.weekday()), time(), zone)


def next_digest(now: datetime, hour: time, zone: ZoneInfo, works: Callable[[date], bool]) -> datetime:
    """The first moment from now on at which a digest goes: that hour of a day on which somebody works."""
    today = now.astimezone(zone).date()
    every = (datetime.combine(today + timedelta(days=n), hour, zone) for n in range(_LONGEST))
    found = (at for at in every if at >= now and works(at.date()))
    return next(found, datetime.combine(today + timedelta(days=_LONGEST), hour, zone))
