"""Passages that begin with an event: who enters with which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cs_engine.instants import Micros, from_micros
from cs_engine.journey.decide import Ints
from cs_engine.journey.enrolment import Passage
from cs_engine.journey.mode import SHADOW_KEY
from cs_engine.language import durations
from cs_engine.playbook.plan import ChangeEntry, EventEntry, Plan
from cs_engine.ports import Mask, Occurrences
from cs_engine.run.context import TickContext
from cs_engine.run.modes import history_until
from cs_engine.run.own import Own
from cs_engine.run.watching import changes_of


class Candidates(NamedTuple):
    """Aligned: events of subjects, and the subjects that somebody enrolled, who have none. Earliest first."""

    rows: Ints
    at: list[Micros]
    kept: list[str]
    """JSON; '' without an event."""


class Entering(NamedTuple):
    """Those who begin a passage: aligned."""

    rows: Ints
    keys: list[str]
    numbers: list[int]
    kept: list[str]
    own: Own | None = None
    """What their passages know; None for a plan that asks for nothing of it."""

    def only(self, which: Ints) -> Entering:
        """Those at these positions."""
        rows, keys, numbers, kept, own = self
        at = which.tolist()
        chosen = [keys[i] for i in at], [numbers[i] for i in at], [kept[i] for i in at]
        return Entering(rows[which], *chosen, own.only(which) if own is not None else None)

    def batch(self, start: int, end: int) -> Entering:
        """Some of them."""
        return self if start == 0 and end >= len(self.rows) else self.only(np.arange(start, min(end, len(self.rows))))


def found(tick: TickContext, plan: Plan, entry: EventEntry | ChangeEntry, requested: Mask) -> Candidates:
    """Every event that may begin a passage now. It counts for so long as the entry says, or since the playbook's last run where that
    is longer ago; and if `existing` is not `include`, only if it happened after the first.
    """
    events = occurrences_of(tick, plan, entry)
    asked = np.flatnonzero(requested)
    rows = np.concatenate([events.row, asked]).astype(np.int64)
    at = np.concatenate([events.at, np.full(len(asked), tick.at)])
    order = np.argsort(at, kind="stable")
    kept = [*events.kept, *[""] * len(asked)]
    return Candidates(rows[order], at[order].tolist(), [kept[i] for i in order.tolist()])


def occurrences_of(tick: TickContext, plan: Plan, entry: EventEntry | ChangeEntry) -> Occurrences:
    """The events of all subjects that count now."""
    state = tick.engine.store.playbooks().get(plan.playbook)
    last = tick.now if state is None else min(tick.now, from_micros(state.next_due_at))
    since = durations.add(last, entry.within, tick.zone, -1)
    if plan.existing != "include":
        first = tick.now if state is None else from_micros(state.first_run_at)
        since = max(since, first)
        if (shadow := history_until(tick, plan)) is not None:
            since = max(since, from_micros(shadow))
    if isinstance(entry, ChangeEntry):
        return changes_of(tick, plan, entry, since)
    return tick.facts.occurrences(entry, plan.subject, since)


def entering(tick: TickContext, plan: Plan, passages: Sequence[Passage], given: Candidates, own: Own, free: Mask) -> Entering:
    """Of the `free` candidates those that begin a passage: one ever under a key, but for `reenter`, where the event has to have happened
    so long after the end of the last. At a time one a subject, unless each event is a key of its own.
    """
    keys = own.texts(plan.once_per) if plan.once_per is not None else [""] * len(given.rows)
    if plan.shadow:  # marked, so that they stand in no real one's way
        keys = [f"{SHADOW_KEY}{key}" for key in keys]
    ids, parallel = tick.facts.ids(plan.subject), plan.parallel
    busy = set() if parallel else {p.subject_id for p in passages if p.active}
    last = {(p.subject_id, p.key): p.number for p in passages}
    again = _again(tick, plan, passages)
    chosen, numbers = [], []
    for i in np.flatnonzero(free).tolist():
        subject = ids[given.rows[i]]
        who = (subject, keys[i])
        if subject in busy or (who in last and given.at[i] < again.get(who, given.at[i] + 1)):
            continue
        chosen.append(i)
        numbers.append(last.get(who, 0) + 1)
        last[who] = numbers[-1]
        again.pop(who, None)
        if not parallel:
            busy.add(subject)
    which = np.array(chosen, np.int64)
    return Entering(given.rows[which], [keys[i] for i in chosen], numbers, [given.kept[i] for i in chosen], own.only(which))


def _again(tick: TickContext, plan: Plan, passages: Sequence[Passage]) -> dict[tuple[str, str], Micros]:
    """Subject and key -> from when on an event begins another passage."""
    ended = [p for p in passages if not p.active]
    moved = {(p.subject_id, p.key): p.changed_at for p in ended if p.moved}
    if plan.reenter is None or not ended:
        return moved
    opens = tick.view(plan).after(np.array([p.changed_at for p in ended], dtype=np.int64), plan.reenter).tolist()
    return {(p.subject_id, p.key): at for p, at in zip(ended, opens, strict=True)} | moved
