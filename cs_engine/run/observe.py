"""A tick begins: plans, facts at `now`, milestones recognised, and who is due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.journey.guards import Guards
from cs_engine.journey.orders import Orders
from cs_engine.journey.schedule import next_due
from cs_engine.language.expression import Expression, Grain, Spell
from cs_engine.playbook.bundle import compile_bundle
from cs_engine.playbook.plan import SHADOW, SHADOW_MODE, Plan, shadow_of
from cs_engine.ports import Facts, JournalLine, Overlay, PlaybookState, Reached
from cs_engine.run import health, spells, words
from cs_engine.run.answers import answers_for, scores
from cs_engine.run.context import Engine, TickContext, opens_the_day
from cs_engine.run.delivery.outage import late_ones
from cs_engine.run.delivery.rules import limits_of
from cs_engine.run.events import hear, see_to_returned
from cs_engine.run.guarding import look as look_at_data
from cs_engine.run.modes import begin as begin_modes
from cs_engine.run.people import Directory
from cs_engine.run.persistence import recognise_losses
from cs_engine.run.report import TickReport
from cs_engine.run.watching import watch
from cs_engine.usage.names import NPS

_REMEMBERED = timedelta(days=365) // timedelta(microseconds=1)
"""How long a touch counts that nothing came of."""

Occupied = Sequence[tuple[str, str, int]]
"""Plans that somebody is inside: playbook, digest, how many."""


def observe(engine: Engine, now: datetime, only: Collection[str], horizon: datetime | None = None, *, narrow: bool = False) -> TickContext:
    """Takes the tick and evaluates all facts once. `only`: these playbooks, due or not; empty: all that are due. `narrow`: what others
    ask is evaluated only where it comes to that, and what the project looks at in every tick is left to the next whole one.

    Raises TickTooEarly or TickBusy.
    """
    at = to_micros(now)
    store, project = engine.store, engine.project
    begun = store.begin_tick(at, engine.holder)
    report = TickReport(now, repeat=begun.repeat)
    hear(store, report, at)
    states, occupied = store.playbooks(), store.occupied()
    due = _due(engine, states, occupied, at, only)
    for plan in (project.plans[playbook] for playbook in due if playbook in project.plans):
        if plan.playbook not in states or states[plan.playbook].digest != plan.digest:
            store.register_plan(plan.playbook, plan.digest, project.bundles[plan.digest], at)
    narrow = narrow and _may_be_narrow(engine, states, due, at)
    if not narrow:
        words.see_to_asked(engine, at)
    tick = _context(engine, now, report, due, occupied, also=() if narrow else health.asked_of(project), narrow=narrow)
    for playbook in due:
        if (pause := tick.orders.pause(playbook)) is not None:
            tick.of(playbook).paused = pause.reason
    tick.first_run = frozenset(p for p in due if p not in states or never_completed(states[p]))
    tick.horizon, tick.late = horizon, late_ones(engine, states, due, at)
    begin_modes(tick)
    look_at_data(tick)
    see_to_returned(tick)
    if tick.unfit:  # all stays due
        return tick
    if narrow:
        recognise_losses(tick)
        return tick
    tick.next_due = {p: to_micros(next_due(project.plans[p].schedule, now, tick.zone)) for p in tick.due if p in project.plans}
    _recognise_milestones(tick, tick.facts)
    recognise_losses(tick)
    watch(tick)
    health.see(tick)
    spells.see(tick)
    return tick


def look(engine: Engine, now: datetime | None = None) -> TickContext:
    """The facts as the last tick saw them (or at `now`), for those who only read: nothing is taken or written."""
    last = engine.store.last_tick()
    at = now or (from_micros(last) if last is not None else engine.wall.now())
    return _context(engine, at, TickReport(at), [], engine.store.occupied(), past=last is not None and to_micros(at) < last)


def facts_at(engine: Engine, now: datetime, read: Sequence[Expression]) -> Facts:
    """What these expressions read, at any moment, and nothing else; the caller closes it."""
    at, last = to_micros(now), engine.store.last_tick()
    past = last is not None and at < last
    return engine.usage.facts(now, read, _overlay(engine, at, read, spells.asked_of(read), past=past))


def _context(
    engine: Engine, now: datetime, report: TickReport, due: list[str], occupied: Occupied, *, past: bool = False,
    also: Sequence[Expression] = (), narrow: bool = False,
) -> TickContext:  # fmt: skip
    """`also`: what is asked of the facts beside what plans and the project do."""
    plans = _plans(engine, report, occupied)
    beside = [*engine.project.people.values(), *engine.project.holds.values()]
    beside += [engine.project.lost_when] if engine.project.lost_when is not None else []
    at, limits = to_micros(now), limits_of(engine.project.config.guards, engine.project.config.sources)
    orders = engine.store.orders(at)
    read = [*_asked(plans.values()), *beside, *also]
    asked = spells.asked_of(read)
    read += [spell.condition for spell in asked]
    # Facts know how to tell all of it; what is asked of them now is evaluated together, the rest when somebody asks.
    first = _asked(plan for plan in plans.values() if plan.playbook in due) if narrow else read
    overlay = _overlay(engine, at, read, asked, past=past)
    facts = engine.usage.facts(now, first, overlay, milestones=not narrow)
    return TickContext(
        engine=engine, now=now, facts=facts, directory=Directory(engine.project, facts), plans=plans, due=due,
        clock=engine.delivery_clock(now), report=report, orders=Orders(orders),
        guards=Guards(limits, at, engine.store.tallies() if limits else (), orders), spells=asked, narrow=narrow,
        latched=overlay.latched, claimed=overlay.claimed,
    )  # fmt: skip


def _asked(plans: Iterable[Plan]) -> list[Expression]:
    """What these plans ask of the facts."""
    return [expression for plan in plans for expression in (*plan.conditions(), *plan.values())]


def _may_be_narrow(engine: Engine, states: Mapping[str, PlaybookState], due: Collection[str], at: Micros) -> bool:
    """Not where a playbook has never run: its first run is to be completed; nor first of a day, when there is more to see to."""
    new = any(p not in states or never_completed(states[p]) for p in due)
    return not new and not opens_the_day(engine, at)


def _plans(engine: Engine, report: TickReport, occupied: Occupied) -> dict[str, Plan]:
    """Live plans, and those somebody is still inside or has yet to hear of, by digest."""
    plans = {plan.digest: plan for plan in engine.project.plans.values()}
    for live in engine.project.plans.values():
        if live.mode == SHADOW_MODE:
            plans[f"{live.digest}{SHADOW}"] = shadow_of(live)
    for playbook, named, _people in occupied:
        digest, is_shadow = named.removesuffix(SHADOW), named.endswith(SHADOW)
        if named in plans:
            continue
        if digest in plans:
            plans[named] = shadow_of(plans[digest])
            continue
        plan, problems = compile_bundle(engine.store.bundle(digest), engine.project)
        if plan is None:
            report.failures.append(f"{playbook}: the version {digest} that people are inside no longer compiles: {problems[0].message}")
        else:
            plans[named] = shadow_of(plan) if is_shadow else plan
    return plans


def version_of(tick: TickContext, digest: str) -> Plan | None:
    """The version of that digest, be anybody inside it or not; None when it no longer compiles."""
    if digest in tick.plans:
        return tick.plans[digest]
    plan, _ = compile_bundle(tick.engine.store.bundle(digest.removesuffix(SHADOW)), tick.engine.project)
    return plan if plan is None or not digest.endswith(SHADOW) else shadow_of(plan)


def _due(engine: Engine, states: dict[str, PlaybookState], occupied: Occupied, at: Micros, only: Collection[str]) -> list[str]:
    plans = engine.project.plans
    occupied_only = {playbook for playbook, _, _ in occupied} - set(plans)
    known = [*plans, *sorted(occupied_only)]
    chosen = [p for p in known if (p in only if only else p not in states or states[p].next_due_at <= at)]
    return sorted(chosen, key=lambda p: (-plans[p].priority if p in plans else 0, p))


def never_completed(state: PlaybookState) -> bool:
    """Whether every run of it so far died or failed: its next due time is still the one that it was registered with."""
    return state.next_due_at <= state.first_run_at


def _overlay(engine: Engine, at: Micros, expressions: Sequence[Expression], asked: Sequence[Spell], *, past: bool) -> Overlay:
    """`past`: our tables know things by now that they did not know then."""
    # As they were when the tick began: one that died and is run again must not see what it did itself.
    open_ctas = Counter(engine.store.ctas_open_before(at))
    month = 30 * timedelta(days=1) // timedelta(microseconds=1)
    accounts: Counter[str] = Counter()
    contacts: Counter[str] = Counter()
    for account, contact, sent in zip(*engine.store.emails_since(at - month, at), strict=True):
        accounts[account] += sent
        contacts[contact] += sent
    accounts_scores, contacts_scores = scores(engine.store, engine.project.plans.values(), at)
    confirmed = engine.project.journey.confirmed()
    overlay = Overlay(
        # What a customer says counts from the moment on at which they say it.
        latched=engine.store.milestones(known_by=at if past or confirmed else None),
        account_numbers={"open_ctas": _columns(open_ctas), "emails_30d": _columns(accounts), NPS: accounts_scores},
        contact_numbers={"emails_30d": _columns(contacts), NPS: contacts_scores},
        touched=partial(engine.store.touched, at - _REMEMBERED, at),
        account_values=engine.store.values(at if past else None) if engine.project.attributes.stored else {},
        answers=answers_for(engine.store, expressions, at),
        held_since=spells.held_since(engine.store, asked, at),
    )
    return overlay._replace(**words.known(engine, confirmed, at)._asdict()) if confirmed else overlay


def _columns(counter: Counter[str]) -> tuple[list[str], list[float]]:
    return list(counter), [float(n) for n in counter.values()]


def _recognise_milestones(tick: TickContext, facts: Facts) -> None:
    """Latches what is newly reached, as of when it became true. True at a milestone's first evaluation is history, and sends nothing.

    What customers confirm is claimed so, and counts once they have.
    """
    store, confirmed = tick.engine.store, tick.engine.project.journey.confirmed()
    known = store.known_milestones()
    ids = facts.ids(Grain.ACCOUNT)
    last = store.ticks_before(tick.at, 1)
    for milestone, mask in facts.milestones().items():
        asks = milestone in confirmed
        before = set((tick.claimed if asks else tick.latched).get(milestone, ([], []))[0])
        rows = np.array([row for row in np.flatnonzero(mask).tolist() if ids[row] not in before], np.int64)
        history = milestone not in known
        if not len(rows) and not history:
            continue
        reason = "history" if history else "asks the customer" if asks else milestone
        when, seen = facts.became(milestone, rows, last[0] if last and not history else None) if len(rows) else ([], [])
        new = [Reached(ids[row], at, values) for row, at, values in zip(rows.tolist(), when, seen, strict=True)]
        lines = [JournalLine(tick.at, "", r.account_id, r.account_id, "", milestone, "milestone", reason, r.seen) for r in new]
        store.latch(milestone, new, tick.at, history, lines, asks=asks)
        if not history and not asks:
            tick.report.milestones[milestone] += len(new)
    if confirmed and not tick.report.repeat:
        tick.report.milestones.update(store.confirmed_in(confirmed, last[0] if last else tick.at, tick.at))
