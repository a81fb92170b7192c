"""Modes in a tick: which plan new passages are given, which accounts may enter, and when a playbook halts itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cs_engine.instants import Micros
from cs_engine.journey.decide import Ints
from cs_engine.journey.mode import MODE, UNSHADOWED, are_open, halts, open_share
from cs_engine.journey.orders import EXISTING, PERSON, Order
from cs_engine.playbook.plan import LIVE, SHADOW, SHADOW_MODE, Mode, Plan
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.alarms import pause
from cs_engine.run.delivery.rules import reception_of


def as_it_runs(tick: TickContext, live: Plan) -> Plan:
    """The plan that new passages get: in shadow that of passages without effect."""
    return tick.plans[f"{live.digest}{SHADOW}"] if tick.in_shadow(live.playbook) else live


def begin(tick: TickContext) -> None:
    """Says in the report how each playbook runs, makes going live a first run, and halts what is not received well."""
    plans = tick.engine.project.plans
    modes = {playbook: plans[playbook].mode for playbook in tick.due if playbook in plans}
    for playbook, mode in modes.items():
        if mode != LIVE:
            tick.of(playbook).mode = str(mode)
    tick.first_run |= {playbook for playbook in modes if leaves_shadow(tick, playbook)}
    if any(mode.partial for mode in modes.values()):
        _halt(tick, modes)


def _halt(tick: TickContext, modes: dict[str, Mode]) -> None:
    limits = reception_of(tick.engine.project.config.guards)
    for reception in tick.engine.store.receptions():
        mode = modes.get(reception.playbook)
        if mode is None or not mode.partial or tick.orders.pause(reception.playbook) is not None:
            continue
        if (found := halts(reception, *limits)) is not None:
            pause(tick, reception.playbook, *found)


def leaves_shadow(tick: TickContext, playbook: str) -> bool:
    """Whether the playbook was in shadow at its last run, and is not now."""
    return _was(tick, playbook) == SHADOW_MODE.kind and not tick.in_shadow(playbook)


def history_until(tick: TickContext, plan: Plan) -> Micros | None:
    """Before when events are history for a playbook that was in shadow; None for one that never was, and in shadow."""
    if plan.shadow:
        return None
    return tick.at if leaves_shadow(tick, plan.playbook) else tick.orders.unshadowed(plan.playbook)


def _was(tick: TickContext, playbook: str) -> str:
    order = tick.orders.mode(playbook)
    return "" if order is None else order.value


def note(tick: TickContext) -> None:
    """Writes down what `orders_of` says, once the first run of these playbooks is through."""
    given, answered = orders_of(tick) or ((), ())
    tick.engine.store.order(given, answered)


def orders_of(tick: TickContext) -> tuple[list[Order], list[tuple[str, str, str]]] | None:
    """(to give: since when a playbook is in its mode, to take back: what was said of who matched already); None when there is neither.
    What was always live has no order.
    """
    plans, given = tick.engine.project.plans, []
    for playbook in tick.next_due:
        kind, was = plans[playbook].mode.kind, _was(tick, playbook)
        if kind != was and not (kind == LIVE.kind and not was):
            given.append(Order(playbook, "", MODE, tick.at, PERSON, str(plans[playbook].mode), kind))
        if leaves_shadow(tick, playbook):
            given.append(Order(playbook, "", UNSHADOWED, tick.at, PERSON, ""))
    answered = [(playbook, "", EXISTING) for playbook in tick.next_due if playbook in tick.first_run and tick.orders.existing(playbook)]
    return (given, answered) if given or answered else None


def open_rows(tick: TickContext, plan: Plan, accounts: Sequence[str]) -> Ints:
    """Positions of those among these accounts that may enter in the playbook's mode; the rest are counted."""
    share = share_open(tick, plan)
    chosen = np.flatnonzero(are_open(plan.playbook, accounts, share))
    tick.of(plan.playbook).left_out = len(accounts) - len(chosen)
    return chosen


def share_open(tick: TickContext, plan: Plan) -> float:
    """The share of accounts that may enter by now."""
    order = tick.orders.mode(plan.playbook)
    since = order.at if order is not None and order.value == plan.mode.kind else tick.at
    return open_share(plan.mode, since, tick.at)
