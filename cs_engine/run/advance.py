"""Those inside move on. One batch is one cohort: all who stand at one step of one plan; one transaction each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby, repeat
from operator import attrgetter

import numpy as np

from cs_engine.errors import LostRace
from cs_engine.instants import NO_TIME, to_micros
from cs_engine.journey import enrolment
from cs_engine.journey.columns import from_columns
from cs_engine.journey.decide import Cohort, Walk, walk
from cs_engine.journey.enrolment import Standing, step_of
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import Plan
from cs_engine.ports import Change, JournalLine, Mask, Rows
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.notes import fired_again
from cs_engine.run.effects import arms_of, effects_of, fired_of, requests_of, shadows_of, values_of
from cs_engine.run.guarding import allow, commit
from cs_engine.run.hold import WAKING, hold
from cs_engine.run.own import Own, own_of

MOST_AT_ONCE = 20_000
"""Passages a transaction: bounds memory and the time that others wait for the database."""

_MOST_RACES = 5
_SENDING = timedelta(hours=1)
"""How long a tick may go on sending, at most."""


def standing(tick: TickContext, plan: Plan) -> list[tuple[str, list[Standing]]]:
    """(step, who stands there), in the plan's order: nobody who has moved in this tick already."""
    everyone = hold(tick, plan, tick.engine.store.standing(plan.playbook, plan.digest, tick.at))
    # Read after the passages: an order that is given from now on moves their revision, and the tick decides again.
    tick.look_again()
    order = {step.id: i for i, step in enumerate(plan.steps)}
    everyone.sort(key=lambda s: (order.get(step_of(s.step), len(order)), s.step))
    return [(step, list(group)) for step, group in groupby(everyone, key=attrgetter("step"))]


def advance(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing]) -> None:
    """Moves all who stand at `step`. A batch that loses a race to a twin run is loaded and decided again."""
    for batch in _batches(members):
        _advance_batch(tick, plan, step, batch, _MOST_RACES)


def with_mail(tick: TickContext) -> list[tuple[Plan, str, list[Standing]]]:
    """(plan, step, who stands there) of playbooks that are not due where this tick may send something, and the step can be left."""
    known = {plan.playbook for plan in tick.plans.values() if any(map(plan.can_be_left, plan.steps))}
    if known <= {*tick.due}:
        return []
    until = to_micros(tick.horizon or tick.now + _SENDING)
    found: dict[tuple[str, str], list[Standing]] = {}
    for digest, who in tick.engine.store.with_mail(tick.due, until, tick.at, WAKING):
        plan = tick.plans.get(digest)
        step = plan.step(who.step) if plan is not None else None
        if plan is not None and step is not None and plan.can_be_left(step):
            found.setdefault((digest, who.step), []).append(who)
    return [(tick.plans[digest], step, members) for (digest, step), members in found.items()]


def leave(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing]) -> None:
    """Those who meet a way out by now take it: out of the playbook, or out of an `otherwise` block to the step behind its wait. Nothing
    else is done before their playbook is due.
    """
    for batch in _batches(members):
        _advance_batch(tick, plan, step, batch, _MOST_RACES, leaving=True)


def _advance_batch(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing], races: int, *, leaving: bool = False) -> None:
    moved, decided = _decide(tick, plan, step, members, leaving=leaving)
    change = allow(tick, plan, decided)
    if change is None:  # who succeeds or leaves does so all the same
        moved, change = _decide(tick, plan, step, members, leaving=True)
    if not moved:
        return
    try:
        commit(tick, change)
    except LostRace:
        if not races:
            raise
        tick.look_again()
        known = {who.id for who in members}
        fresh = tick.engine.store.standing(plan.playbook, plan.digest, tick.at)
        _advance_batch(tick, plan, step, [who for who in fresh if who.id in known and who.step == step], races - 1, leaving=leaving)
        return
    report = tick.of(plan.playbook)
    controls = {who.id for who in members if who.control}
    control = sum(move.id in controls for move in change.moves) if controls else 0
    report.advanced += moved - control
    (report.shadow if plan.shadow else report.control)["advanced"] += control
    report.planned += len(change.messages)
    report.count(change.moves, controls, shadow=plan.shadow)


def _decide(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing], *, leaving: bool = False) -> tuple[int, Change]:
    """What becomes of them; with `leaving`, of those alone who leave the playbook or a block."""
    target = step_of(step)
    if plan.step(target) is None:
        return _end(tick, plan, step, members, "step_removed")
    if plan.shadow and not tick.in_shadow(plan.playbook):
        return _end(tick, plan, step, members, "exit")
    cohort = replace(cohort_of(tick, plan, target, members), arriving=target != step)
    own = own_of(tick, plan, cohort.row, [who.id for who in members])
    if leaving:
        cohort = replace(cohort, leaving=True, held=_stands_still(tick, plan, cohort))
    result = walk(plan, cohort, tick.view(plan, own))
    moves = moves_of(result, members)
    messages, ctas = effects_of(tick, plan, result, cohort.row, members, own)
    journal, arms = journal_of(tick, plan, result, cohort.row, members, own), arms_of(tick, plan, result, members)
    journal += [*fired_of(tick, plan, result, cohort.row, members, own), *shadows_of(tick, plan, result, cohort.row, members, own)]
    return len(moves), Change(
        moves=moves, messages=messages, ctas=ctas, journal=journal, assignments=arms,
        values=values_of(tick, plan, result, members), requests=requests_of(tick, plan, result, members), notes=fired_again(tick, ctas),
    )  # fmt: skip


def _stands_still(tick: TickContext, plan: Plan, cohort: Cohort) -> Mask:
    """Of a cohort whose playbook is not due: whom a hold or a pause keeps where they are, known of before or not."""
    held = cohort.held.copy()
    if any(step.watched_by for step in plan.steps if step.id == cohort.step):
        for mask in (tick.held(plan), tick.paused(plan)):
            if mask is not None:
                held |= mask[cohort.row] & (cohort.row >= 0)
    return held


def _end(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing], reason: str) -> tuple[int, Change]:
    ended = [enrolment.finished(who, reason, tick.at) for who in members]
    return len(ended), Change(moves=ended, journal=_lines(tick, plan, members, step, "finished", reason, repeat("")))


def cohort_of(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing]) -> Cohort:
    """Those who stand at that step, as the walk wants them: column by column."""
    skips, waits = _ordered(tick, members)
    rows = tick.rows_of(plan.subject, [who.subject_id for who in members])
    return Cohort(
        skips=skips,
        waits=waits,
        step=step,
        row=rows,
        moved=_elsewhere(tick, rows, members) if plan.subject is Grain.CONTACT else None,
        since=np.array([who.since for who in members], np.int64),
        ended=np.array([NO_TIME if who.step_ended_at is None else who.step_ended_at for who in members], np.int64),
        otherwise_done=np.array([who.otherwise_done for who in members], np.bool_),
        entered=np.array([who.entered_at for who in members], np.int64),
        held=np.array([who.held_since is not None for who in members], np.bool_),
        control=np.array([who.control for who in members], np.bool_),
        repeats=np.array([who.repeats for who in members], np.int64),
    )


def _elsewhere(tick: TickContext, rows: Rows, members: Sequence[Standing]) -> Mask:
    """Which of these contacts, at those rows, belong to another account than their passage."""
    accounts = tick.rows_of(Grain.ACCOUNT, [who.account_id for who in members])
    elsewhere, there = np.zeros(len(rows), np.bool_), np.flatnonzero(rows >= 0)
    elsewhere[there] = tick.facts.account_of_contact()[rows[there]] != accounts[there]
    return elsewhere


def _ordered(tick: TickContext, members: Sequence[Standing]) -> tuple[dict[str, Mask], dict[str, Mask]]:
    """Over the members, by step: whose step is skipped, and whose does not end yet."""
    skips: dict[str, Mask] = {}
    waits: dict[str, Mask] = {}
    orders = tick.step_orders
    for i, who in enumerate(members) if orders else ():
        for step, order in orders.get(who.id, {}).items():
            if order.kind == "skip" or order.until > tick.at:
                mask = (skips if order.kind == "skip" else waits).setdefault(step, np.zeros(len(members), dtype=bool))
                mask[i] = True
    return skips, waits


def moves_of(result: Walk, members: Sequence[Standing], moved: Mask | None = None) -> list[enrolment.Move]:
    """The guarded moves of those who moved, or of those in `moved`."""
    chosen = result.moved if moved is None else moved
    ended = np.asarray(result.finished != "", dtype=bool)
    finished, since = result.finished.tolist(), result.since.tolist()
    moves = [enrolment.finished(members[i], finished[i], since[i]) for i in np.flatnonzero(chosen & ended).tolist()]
    going = np.flatnonzero(chosen & ~ended)
    who = [members[i] for i in going.tolist()]
    columns = (result.step[going], result.since[going], result.otherwise_done[going], result.repeats[going])
    return moves + enrolment.all_parked(who, *(column.tolist() for column in columns))


def journal_of(
    tick: TickContext, plan: Plan, result: Walk, at: Rows, members: Sequence[Standing], own: Own | None = None
) -> list[JournalLine]:
    """A line a member and step that it left, with the values that the deciding condition named. `at`: the members' rows."""
    lines: list[JournalLine] = []
    for passed in result.passed:
        because = passed.because
        seen: Iterable[str] = repeat("")
        if because is not None and because.names:
            seen = tick.facts.seen(because, at[passed.members]) if own is None else own.seen(because, passed.members)
        event = "finished" if passed.finished else "advanced"
        why = "shadow" if plan.shadow and passed.reason == "control" else passed.reason
        reason = why if passed.finished in ("", why) else f"{passed.finished}: {why}"
        lines += _lines(tick, plan, [members[i] for i in passed.members.tolist()], passed.step, event, reason, seen)
    return lines


def _lines(
    tick: TickContext, plan: Plan, members: Sequence[Standing], step: str, event: str, reason: str, seen: Iterable[str]
) -> list[JournalLine]:
    accounts, subjects, ids = [w.account_id for w in members], [w.subject_id for w in members], [w.id for w in members]
    return from_columns(
        JournalLine, repeat(tick.at), repeat(plan.playbook), accounts, subjects, ids, repeat(step), repeat(event), repeat(reason), seen
    )


def _batches(members: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
    for start in range(0, len(members), MOST_AT_ONCE):
        yield members[start : start + MOST_AT_ONCE]
