"""The end of a tick: what project.yaml does not want to be kept any longer goes. Once a day, set-wise."""

from __future__ import annotations

from datetime import timedelta

from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.language import durations
from cs_engine.playbook.plan import ChangeEntry
from cs_engine.run.context import TickContext

_AT_ONCE = 100_000
"""Lines of the journal that one transaction deletes."""
_EVENTS_AT_ONCE = 20_000
"""Of a mail provider: their rows are large, and its web waits for who deletes them."""
_MOST = 20
"""Transactions a day: what is too much for them goes on the next days."""


def forgets(tick: TickContext) -> bool:
    """Whether this tick is the one of its day that clears up."""
    kept = tick.engine.project.config.retention
    declared = (kept.journal, kept.changes, kept.collected, kept.messages)
    if all(span is None for span in declared) and tick.engine.project.health is None:
        return False
    before = tick.engine.store.ticks_before(tick.at, 1)
    return bool(before) and from_micros(before[0]).astimezone(tick.zone).date() < tick.now.astimezone(tick.zone).date()


def forget(tick: TickContext) -> None:
    """Deletes what is too old: of passages that have ended, never of active ones; and no change that a playbook may yet begin with."""
    kept, store = tick.engine.project.config.retention, tick.engine.store
    if kept.journal is not None:
        for _ in range(_MOST):
            if store.forget_journal(_before(tick, kept.journal), _AT_ONCE) < _AT_ONCE:
                break
    if kept.changes is not None:
        store.forget_changes(_before(tick, kept.changes), _needed(tick))
    if kept.collected is not None:
        for _ in range(_MOST):
            if store.forget_collected(_before(tick, kept.collected), _AT_ONCE) < _AT_ONCE:
                break
    if kept.messages is not None:
        _forget_messages(tick, _before(tick, kept.messages))
    if tick.engine.project.health is not None:
        store.forget_health(_before(tick, kept.health))


def _forget_messages(tick: TickContext, before: Micros) -> None:
    store = tick.engine.store
    for _ in range(_MOST):
        if not store.forget_messages(before, _AT_ONCE):
            break
    for _ in range(_MOST * _AT_ONCE // _EVENTS_AT_ONCE):
        if store.forget_events(before, _EVENTS_AT_ONCE) < _EVENTS_AT_ONCE:
            break


def _before(tick: TickContext, text: str) -> Micros:
    span = durations.parse(text)
    assert span is not None, "checked as the project was loaded"
    return to_micros(durations.add(tick.now, span, tick.zone, -1))


def _needed(tick: TickContext) -> dict[str, Micros]:
    """Watched value -> since when a change of it may still begin a passage: since the playbook's last run, or as long as it counts."""
    states, needed = tick.engine.store.playbooks(), dict[str, Micros]()
    for plan in tick.engine.project.plans.values():
        if not isinstance(entry := plan.event, ChangeEntry):
            continue
        state = states.get(plan.playbook)
        last = tick.now if state is None else min(tick.now, from_micros(state.next_due_at))
        since = to_micros(durations.add(last, entry.within, tick.zone, -1) - timedelta(days=1))
        needed[entry.name] = min(since, needed.get(entry.name, since))
    return needed
