"""After missed ticks: what has become due meanwhile goes one after the other, not at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from zoneinfo import ZoneInfo

from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.journey import message
from cs_engine.journey.outage import AFTER_OUTAGE, DAY, LOOKED_AT, Mail, is_outage, places
from cs_engine.journey.policy import zone_or
from cs_engine.ports import PlaybookState
from cs_engine.run.context import Engine, TickContext
from cs_engine.run.delivery.claimed import PlanRules
from cs_engine.run.delivery.rules import spread_of, window_of


def late_ones(engine: Engine, states: Mapping[str, PlaybookState], due: Collection[str], at: Micros) -> dict[str, Micros]:
    """Playbooks that have missed their turns: how late they are. Nothing is read unless one is more than a day late."""
    late = {p: at - states[p].next_due_at for p in due if p in states and p in engine.project.plans}
    late = {playbook: span for playbook, span in late.items() if span > DAY}
    if not late:
        return {}
    ticks, zone, off = engine.store.ticks_before(at, LOOKED_AT), ZoneInfo(engine.project.config.timezone), engine.project.is_day_off
    return {playbook: span for playbook, span in late.items() if is_outage(at - span, at, ticks, zone, off)}


def respaced(tick: TickContext) -> list[message.Move]:
    """Holds the customer mail of late playbooks that could go now, each until its place; what comes first goes now. `spread` of
    project.yaml takes the place of spreading within a day.
    """
    if not tick.late:
        return []
    waiting = tick.engine.store.late_mail(tick.late, to_micros(tick.clock.now()))
    config, rules = tick.engine.project.config, PlanRules(tick)
    window = window_of(config)

    def opens(at: Micros, position: int) -> Micros:
        candidate = waiting[position]
        return to_micros(window.opens(from_micros(at), zone_or(candidate.timezone, config.timezone), candidate.locale))

    mails = [Mail(c.account_id, c.email.strip().lower() or c.recipient, f"{c.playbook}/{c.step}", (c.timezone, c.locale)) for c in waiting]
    found = zip(
        waiting, places(mails, tick.at, None if spread_of(config) else opens), rules.expiries(waiting, rules.dates(waiting)), strict=True
    )
    moves = []
    for candidate, until, expires_at in found:
        if until > tick.at:
            moves.append(message.held(candidate.id, candidate.state, AFTER_OUTAGE, min(until, expires_at or until)))
            tick.of(candidate.playbook).held += 1
    return moves
