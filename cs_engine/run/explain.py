"""Why, and why not: what a playbook saw of an account, what it did, and what comes next. Read-only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from cs_engine.instants import NEVER, NO_TIME, Micros, from_micros, to_micros
from cs_engine.language.expression import Expression, Grain
from cs_engine.playbook.plan import Cta, Email, Notice, Plan, Wait, WaitDate, WaitUntil
from cs_engine.ports import EnrolmentView, Facts
from cs_engine.run.context import TickContext
from cs_engine.run.observe import never_completed


def explain(tick: TickContext, plan: Plan, account: str) -> dict[str, Any]:
    """Everything about one account in one playbook, as plain JSON: conditions with values, passages, messages, journal."""
    store = tick.engine.store
    passages = store.enrolments_of(account, plan.playbook)
    subjects = _subjects(tick, plan, account)
    return {
        "account": account,
        "playbook": plan.playbook,
        "version": plan.digest,
        "now": _time(tick.at),
        "exists": account in tick.facts.rows(Grain.ACCOUNT),
        "subjects": [_subject(tick, plan, subject, row, passages) for subject, row in subjects],
        "passages": [_passage(tick, plan, passage) for passage in passages],
        "messages": [
            {
                "step": m.step, "kind": m.kind, "to": m.recipient, "state": m.state, "reason": m.reason,
                "planned_at": _time(m.planned_at), "settled_at": _time(m.settled_at), "not_before": _time(m.until), "id": m.id,
            }
            for m in store.messages_of(account, plan.playbook)
        ],
        "journal": [
            {"at": _time(j.at), "step": j.step, "event": j.event, "reason": j.reason, "seen": json.loads(j.seen) if j.seen else {}}
            for j in store.journal(account, plan.playbook)
        ],
    }  # fmt: skip


def _subjects(tick: TickContext, plan: Plan, account: str) -> list[tuple[str, int]]:
    if plan.subject is Grain.ACCOUNT:
        row = tick.facts.rows(Grain.ACCOUNT).get(account)
        return [] if row is None else [(account, row)]
    account_row = tick.facts.rows(Grain.ACCOUNT).get(account)
    if account_row is None:
        return []
    ids = tick.facts.ids(Grain.CONTACT)
    return [(ids[row], row) for row in np.flatnonzero(tick.facts.account_of_contact() == account_row).tolist()]


def _subject(tick: TickContext, plan: Plan, subject: str, row: int, passages: list[EnrolmentView]) -> dict[str, Any]:
    named = {"audience": plan.audience, "enter": plan.enter, "goal": plan.goal, "exit": plan.exit, "while": plan.while_}
    conditions = {name: _seen(tick.facts, condition, row) for name, condition in named.items() if condition is not None}
    key = tick.facts.texts(plan.once_per)[row] if plan.once_per is not None else ""
    own = [passage for passage in passages if passage.subject_id == subject]
    return {"subject": subject, "conditions": conditions, "verdict": _verdict(tick, plan, (subject, key), conditions, own)}


def _seen(facts: Facts, condition: Expression, row: int) -> dict[str, Any]:
    values = json.loads(facts.seen(condition, np.array([row]))[0] or "{}")
    return {"text": condition.text, "holds": bool(facts.mask(condition)[row]), "values": values}


def _verdict(
    tick: TickContext, plan: Plan, who: tuple[str, str], conditions: Mapping[str, Mapping[str, Any]], own: list[EnrolmentView]
) -> str:
    """What is so, and what comes next, of one subject and its key of `once_per`. `own`: its passages."""
    if any(p.state == "active" for p in own):
        return "inside"
    if (last := next((p for p in reversed(own) if p.key == who[1]), None)) is not None:
        return _has_been_through(tick, plan, last)
    failing = [name for name in ("audience", "enter") if name in conditions and not conditions[name]["holds"]]
    if failing:
        return f"did not enter: {' and '.join(failing)} not true"
    if plan.manual and not failing and who[0] not in tick.engine.store.requests(plan.playbook):
        return "enters when it is enrolled by hand, or by another playbook"
    met = [leave.reason for leave in plan.leaves() if leave.when and conditions[leave.reason]["holds"]]
    if met:
        return f"did not enter: {' and '.join(met)} met already"
    if "while" in conditions and not conditions["while"]["holds"]:
        return "did not enter: while not true"
    if plan.existing != "include":
        state = tick.engine.store.playbooks().get(plan.playbook)
        if state is None or never_completed(state):
            return "matches, but will be passed over at the playbook's first run, for `existing` is not include"
        if who in tick.engine.store.passed_over(plan.playbook):
            return "passed over: matched already at the playbook's first run, and `existing` is not include"
    return "matches: enters at the playbook's next tick"


def _has_been_through(tick: TickContext, plan: Plan, last: EnrolmentView) -> str:
    said = f"has been through: finished ({last.finished_reason}) at {_time(last.finished_at)}"
    if plan.reenter is None or last.finished_at is None:
        return said
    again = _time(int(tick.view(plan).after(np.array([last.finished_at]), plan.reenter)[0]))
    return f"{said}; may enter again from {again}, if audience and enter were not both true in between"


def _passage(tick: TickContext, live: Plan, passage: EnrolmentView) -> dict[str, Any]:
    plan = tick.plans.get(passage.digest, live)
    return {
        "subject": passage.subject_id, "version": passage.digest, "key": passage.key, "state": passage.state,
        "entered_at": _time(passage.entered_at), "step": passage.step, "since": _time(passage.since),
        "control": passage.control, "finished": passage.finished_reason, "finished_at": _time(passage.finished_at),
        "next": _next(tick, plan, passage) if passage.state == "active" else "",
    }  # fmt: skip


def _next(tick: TickContext, plan: Plan, passage: EnrolmentView) -> str:
    if passage.held_since is not None:
        return f"held since {_time(passage.held_since)}: mail waits, timers stand still"
    step = plan.step(passage.step)
    after = tick.view(plan).after
    match step:
        case Wait():
            return f"goes on at the first tick from {_time(int(after(np.array([passage.since]), step.duration)[0]))}"
        case WaitUntil():
            text = f"waits until {step.until.text}"
            if step.at_most is not None and not passage.otherwise_done:
                text += f", at most to {_time(int(after(np.array([passage.since]), step.at_most)[0]))}"
            return text
        case WaitDate():
            (row,) = tick.rows_of(plan.subject, [passage.subject_id]).tolist()
            at = NO_TIME if row < 0 else int(tick.facts.instants(step.at)[row])
            if at == NEVER:
                return f"waits: `{step.at.text}` cannot be told"
            return "passes the step by: it has no date" if at == NO_TIME else f"goes on at the first tick from {_time(at)} ({step.at.text})"
        case Email() | Notice() | Cta():
            return "goes on at the tick after its last message has ended"
        case _:
            return "goes on at the next tick"


def _time(at: Micros | datetime | None) -> str | None:
    if at is None:
        return None
    return from_micros(at if isinstance(at, int) else to_micros(at)).isoformat(timespec="seconds").replace("+00:00", "Z")
