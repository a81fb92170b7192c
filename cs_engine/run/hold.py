"""While a hold is on, or a pause, passages stand still: only goal, exit and while are looked at. What they waited for waits on
afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cs_engine.instants import to_micros
from cs_engine.journey.enrolment import Standing, Timer, released, step_of, stopped
from cs_engine.journey.orders import PAUSED, RESUMED, line_up
from cs_engine.journey.policy import DATE, HOLD, UNFIT
from cs_engine.playbook.plan import Plan, WaitDate
from cs_engine.ports import JournalLine
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.claimed import PlanRules

WAKING = (HOLD, PAUSED, DATE, UNFIT)
"""Why messages wait that a tick wakes when it finds that they need not."""


def hold(tick: TickContext, plan: Plan, members: Sequence[Standing]) -> list[Standing]:
    """Stops the timers of those whom a hold or a pause has reached since the last tick, starts those whose hold is over; all as they
    stand now.
    """
    conditions, paused = tick.engine.project.holds_of(plan), tick.paused(plan)
    if not conditions and paused is None and all(who.held_since is None for who in members):
        return list(members)
    rows = tick.rows_of(plan.subject, [who.subject_id for who in members])
    running = np.fromiter((who.held_since is None for who in members), np.bool_, len(members))
    now, lines = list(members), []
    held = np.zeros(len(members), dtype=bool)
    if paused is not None:
        held = (rows >= 0) & paused[rows]
        for i in np.flatnonzero(held & running).tolist():
            now[i] = stopped(members[i], tick.at)
            lines.append(_line(tick, plan, members[i], "held", PAUSED, ""))
    for condition in conditions:
        here = np.flatnonzero((rows >= 0) & ~held)
        here = here[tick.over(plan.subject, condition)[rows[here]]]
        held[here] = True
        fresh = here[running[here]]
        own = condition.grain is plan.subject and condition.names
        seen = tick.facts.seen(condition, rows[fresh]) if own else [""] * len(fresh)
        for i, values in zip(fresh.tolist(), seen, strict=True):
            now[i] = stopped(members[i], tick.at)
            lines.append(_line(tick, plan, members[i], "held", HOLD, values))
    for i in np.flatnonzero(~held & ~running).tolist():
        now[i] = released(members[i], tick.at)
        if isinstance(plan.step(step_of(members[i].step)), WaitDate):  # a date that passed meanwhile was not waited for
            now[i] = now[i]._replace(since=tick.at)
        lines.append(_line(tick, plan, members[i], "released", HOLD if conditions else PAUSED, ""))
    changed = [new for old, new in zip(members, now, strict=True) if old is not new]
    if changed:
        timers = [Timer(who.id, who.revision, who.since, who.step_ended_at, who.held_since) for who in changed]
        tick.engine.store.set_timers(timers, lines)
    return now


def wake(tick: TickContext) -> None:
    """Mail that no hold keeps any more may go, and what waited for data that are fit again; what waited for a date that has moved back or
    is gone is judged anew. What a pause kept gets a place in a line: resuming never fires a backlog.
    """
    store = tick.engine.store
    waiting = store.held_for(*WAKING)
    if not waiting:
        return
    rules, now = PlanRules(tick), to_micros(tick.clock.now())
    held, dates = rules.holds(waiting), rules.dates(waiting)
    paused = [tick.orders.pause(c.playbook, c.account_id) is not None for c in waiting]
    free = [c for c, is_held, is_paused in zip(waiting, held, paused, strict=True) if not is_held and not is_paused]
    unheld = [c.id for c in free if c.reason == HOLD or (c.reason == UNFIT and not tick.unfit)]
    come = [c.id for c, at in zip(waiting, dates, strict=True) if c.reason == DATE and (at is None or at <= now)]
    if unheld or come:
        store.wake([*unheld, *come], now)
    if resumed := [c for c in free if c.reason == PAUSED]:
        places = line_up([c.planned_at for c in resumed], tick.at)
        store.line_up([(c.id, until) for c, until in zip(resumed, places, strict=True)], RESUMED)


def _line(tick: TickContext, plan: Plan, who: Standing, event: str, reason: str, seen: str) -> JournalLine:
    return JournalLine(tick.at, plan.playbook, who.account_id, who.subject_id, who.id, who.step, event, reason, seen)
