"""Calls to action close by themselves once what they call for is no longer needed; of those that stand, what time does to them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from cs_engine.journey import identity
from cs_engine.journey.enrolment import MOVED
from cs_engine.journey.message import NewMessage
from cs_engine.journey.migrate import PLAYBOOK_REMOVED
from cs_engine.language.expression import Expression
from cs_engine.playbook.plan import Cta, Plan, WaitUntil
from cs_engine.ports import JournalLine, OpenCta
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.notes import note, said
from cs_engine.run.ctas.watch import escalate, hand_over
from cs_engine.run.own import own_of


def close_ctas(tick: TickContext) -> None:
    """Closes an open CTA when its `close_when` holds, its enclosing wait is met, or its subject leaves or has left (goal, exit, while);
    what was snoozed until now is back, what is overdue is told to the manager, and what is whose who is away to who stands in.
    """
    closing: list[tuple[str, str]] = []
    ctas = sorted(tick.engine.store.open_ctas(), key=lambda c: (c.digest, c.id))
    for digest, same in groupby(ctas, key=lambda c: c.digest):
        plan = tick.plans.get(digest)
        if plan is not None:
            closing += _closing(tick, plan, list(same))
    why = dict(closing)
    if closing:
        project, told = tick.engine.project, [cta for cta in ctas if cta.id in why]
        shown = [cta for cta in told if isinstance(tick.plans[cta.digest].step(cta.step), Cta)]
        notes = [
            note(project, cta, "closed", tick.at, said(project, cta, "closed", reason=why[cta.id])) for cta in told if cta.provider_ref
        ]
        tick.engine.store.close_ctas(closing, tick.at, [_update(tick, cta, "closed") for cta in shown], notes)
    still = [cta for cta in ctas if cta.id not in why]
    _wake(tick, [cta for cta in still if cta.snoozed_until is not None and cta.snoozed_until <= tick.at])
    of_now = [cta for cta in still if cta.playbook in tick.due and not _waits_for_a_yes(tick, cta)]
    escalate(tick, of_now)
    hand_over(tick, of_now)


def _waits_for_a_yes(tick: TickContext, cta: OpenCta) -> bool:
    """Whether nobody has been told of it yet, for somebody reads it first."""
    plan = tick.plans.get(cta.digest)
    step = plan.step(cta.step) if plan is not None else None
    return not cta.provider_ref and isinstance(step, Cta) and step.approve is not None


def _wake(tick: TickContext, ctas: Sequence[OpenCta]) -> None:
    if not ctas:
        return
    project = tick.engine.project
    seen = [cta for cta in ctas if cta.provider_ref]
    notes = [note(project, cta, "woke", tick.at, said(project, cta, "woke")) for cta in seen]
    lines = [
        JournalLine(tick.at, cta.playbook, cta.account_id, cta.subject_id, cta.enrolment_id, cta.step, "cta_woke", "", "") for cta in ctas
    ]
    shown = [cta for cta in seen if (plan := tick.plans.get(cta.digest)) is not None and isinstance(plan.step(cta.step), Cta)]
    telling = [_update(tick, cta, "woke") for cta in shown]
    tick.engine.store.wake_ctas([cta.id for cta in ctas], tick.at, lines, notes, telling)


def _update(tick: TickContext, cta: OpenCta, what: str) -> NewMessage:
    """Tells the CSM, in the place of the alert, what is so now."""
    plan = tick.plans[cta.digest]
    step = plan.step(cta.step)
    assert isinstance(step, Cta)
    recipient, kind = (cta.staff, "staff") if cta.staff else (tick.engine.project.config.slack.channel, "channel")
    return NewMessage(
        identity.note_id(cta.playbook, cta.id, f"show {what}", tick.at), cta.enrolment_id, cta.playbook, cta.digest,
        cta.step, "cta_update", "slack", step.template, plan.topic, cta.account_id, cta.subject_id, recipient, kind, cta.id,
        plan.priority, tick.at,
    )  # fmt: skip


def _closing(tick: TickContext, plan: Plan, ctas: list[OpenCta]) -> list[tuple[str, str]]:
    rows = tick.rows_of(plan.subject, [c.subject_id for c in ctas])
    own = own_of(tick, plan, rows, [c.enrolment_id for c in ctas])

    def holds(condition: Expression, i: int) -> bool:
        return bool(own.holds(condition)[i] if own is not None and condition.of_passage else tick.facts.mask(condition)[rows[i]])

    found = []
    for i, (cta, row) in enumerate(zip(ctas, rows.tolist(), strict=True)):
        if row < 0:
            found.append((cta.id, "subject_gone"))
            continue
        if cta.finished in (PLAYBOOK_REMOVED, MOVED):
            found.append((cta.id, cta.finished))
            continue
        if cta.finished in ("goal", "exit"):  # latched; it need not hold any more, if the tick that saw it died
            ways = (way for way in plan.leaves() if way.finished == cta.finished and holds(way.condition, i) == way.when)
            found.append((cta.id, next((way.reason for way in ways), cta.finished)))
            continue
        reason = next((reason for reason, condition, when in _reasons(plan, cta.step) if holds(condition, i) == when), None)
        if reason is not None:
            found.append((cta.id, reason))
    return found


def _reasons(plan: Plan, step_id: str) -> list[tuple[str, Expression, bool]]:
    """(reason, condition, what it has to be)."""
    step = plan.step(step_id)
    reasons = [(leave.reason, leave.condition, leave.when) for leave in plan.leaves()]
    if not isinstance(step, Cta):
        return reasons
    if step.close_when is not None:
        return [("condition_cleared", step.close_when, True), *reasons]
    waits = [wait for wait_id in step.watched_by if isinstance(wait := plan.step(wait_id), WaitUntil)]
    return [*(("wait_met", wait.until, True) for wait in reversed(waits)), *reasons]
