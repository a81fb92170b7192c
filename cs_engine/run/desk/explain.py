"""Why, and why not: what a playbook saw of an account, what it did, and what comes next. Read-only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from cs_engine.instants import NEVER, NO_TIME, Micros, from_micros, to_micros
from cs_engine.journey.edits import Edit
from cs_engine.journey.enrolment import step_of
from cs_engine.journey.mode import SHADOW_KEY, is_open
from cs_engine.journey.step_orders import OfPassage, StepOrder, by_passage
from cs_engine.language.expression import EVENT, Expression, Grain
from cs_engine.language.parts import Part, taken_apart
from cs_engine.language.scope import Scope
from cs_engine.playbook.draw import does, kind
from cs_engine.playbook.plan import SHADOW, AnyStep, Branch, Cta, Email, Notice, Plan, Wait, WaitDate, WaitUntil, Webhook
from cs_engine.ports import EnrolmentView, JournalLine
from cs_engine.run.context import TickContext
from cs_engine.run.desk.past import pause_then, trace
from cs_engine.run.modes import share_open
from cs_engine.run.observe import never_completed, version_of
from cs_engine.run.occurrences import occurrences_of
from cs_engine.run.own import Own, kept_of
from cs_engine.usage.names import NO_EVENT

_Edits = Mapping[tuple[str, str], Edit]
"""(passage, step) -> what somebody wrote in its mail's place."""

MILESTONES = ("reached:", "claimed:", "doubted:")
"""How columns begin that are so of a milestone."""
ENTERS = "matches: enters at the playbook's next tick"


def explain(tick: TickContext, plan: Plan, account: str) -> dict[str, Any]:
    """Everything about one account in one playbook, as plain JSON: conditions part by part with values, passages, messages, journal.

    Where `tick` lies before the last one, all of it is as it was then. docs/why.md describes every key; the web shows the same object.
    """
    store, ids = tick.engine.store, tick.facts.rows(Grain.ACCOUNT)
    last = store.last_tick()
    past = last is not None and tick.at < last
    known = trace(store, account, plan.playbook, tick.at if past else None)
    orders = by_passage(order for order in store.step_orders_of(account, plan.playbook) if order.at <= tick.at)
    edits = {(edit.enrolment_id, edit.step): edit for edit in store.edits_of(account, plan.playbook) if edit.at <= tick.at}
    pause = pause_then(store, account, plan.playbook, tick.at) if past else tick.orders.pause(plan.playbook, account)
    return {
        "account": account,
        "playbook": plan.playbook,
        "version": plan.digest,
        "now": _time(tick.at),
        "mode": str(plan.mode),
        "past": past,
        "paused": "" if pause is None else f"since {_time(pause.at)}: {pause.reason}",
        "exists": account in ids,
        "subjects": [
            _subject(tick, plan, account, subject, row, known.passages, past=past) for subject, row in _subjects(tick, plan, account)
        ],
        "passages": [
            _passage(tick, plan, passage, known.journal, orders.get(passage.id, {}), edits, is_paused=pause is not None)
            for passage in known.passages
        ],
        "messages": [
            {
                "step": m.step, "kind": m.kind, "to": m.recipient, "state": m.state, "reason": m.reason,
                "planned_at": _time(m.planned_at), "settled_at": _time(m.settled_at), "not_before": _time(m.until), "id": m.id,
                "delivery": m.delivery, "delivery_reason": m.delivery_reason, "delivery_at": _time(m.delivery_at),
                "opens": m.opens, "clicks": m.clicks, "machine_opens": m.machine_opens, "machine_clicks": m.machine_clicks,
            }
            for m in known.messages
        ],
        "journal": [
            {"at": _time(j.at), "step": j.step, "event": j.event, "reason": j.reason, "seen": json.loads(j.seen) if j.seen else {}}
            for j in known.journal
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


def _subject(
    tick: TickContext, plan: Plan, account: str, subject: str, row: int, passages: Sequence[EnrolmentView], *, past: bool
) -> dict[str, Any]:  # fmt: skip
    named = {"audience": plan.audience, "enter": plan.enter, "goal": plan.goal, "exit": plan.exit, "while": plan.while_, "hold": plan.hold}
    shadow = tick.in_shadow(plan.playbook)
    mine = [passage for passage in passages if passage.subject_id == subject and passage.key.startswith(SHADOW_KEY) == shadow]
    event = _event_now(tick, plan, row)
    seer = _Seer.of(tick, plan, row, _kept(tick, mine) or kept_of(tick, plan, np.array([row], np.int64), [event])[0])
    conditions = {name: seer.condition(condition) for name, condition in named.items() if condition is not None}
    if plan.event is not None:
        conditions["enter"] = {"text": str(plan.event), "holds": bool(event), "values": _event(event), "joined": "", "parts": []}
    key = seer.own.texts(plan.once_per)[0] if plan.once_per is not None else ""
    key = f"{SHADOW_KEY}{key}" if shadow else key
    verdict = _verdict(tick, plan, (subject, key), conditions, mine, past=past)
    if verdict == ENTERS and not past:
        verdict = _waits(tick, plan, account) or verdict
    words = _waiting_for_word(tick, plan, account)
    return {"subject": subject, "conditions": conditions, "verdict": verdict, "waiting_for_word": words}


def _waiting_for_word(tick: TickContext, plan: Plan, account: str) -> dict[str, str | None]:
    """Milestones that the plan asks for and the account does not have before its customer has said yes: since when."""
    named = {name.partition(":")[2] for condition in plan.conditions() for name in condition.names if name.startswith(MILESTONES)}
    if not named & tick.engine.project.journey.confirmed():
        return {}
    views = tick.engine.store.milestones_of(account)
    waiting = [view for view in views if view.known_at <= tick.at and (view.counts_at is None or view.counts_at > tick.at)]
    return {view.milestone: _time(view.known_at) for view in waiting if view.milestone in named}


def _event_now(tick: TickContext, plan: Plan, row: int) -> str:
    """What would be kept of the first event that may begin a passage now; '' when there is none."""
    if plan.event is None:
        return ""
    found = occurrences_of(tick, plan, plan.event)
    return next((kept for at, kept in zip(found.row.tolist(), found.kept, strict=True) if at == row), "")


def _kept(tick: TickContext, passages: Sequence[EnrolmentView]) -> str:
    """What was kept of the last of them."""
    return tick.engine.store.kept([passages[-1].id]).get(passages[-1].id, "") if passages else ""


def _event(kept: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(kept or "{}").items() if name.startswith(EVENT)}


@dataclass(frozen=True, slots=True)
class _Seer:
    """What the conditions of a plan see of one subject, and of a passage of its."""

    own: Own
    scope: Scope

    @classmethod
    def of(cls, tick: TickContext, plan: Plan, row: int, kept: str) -> _Seer:
        """`kept`: what the passage began with."""
        event = plan.event.columns if plan.event is not None else NO_EVENT
        own = Own(tick, plan, np.array([row], np.int64), [kept])
        return cls(own, tick.engine.project.catalogue.scope(plan.subject, plan.vars, None, event, True))

    def condition(self, condition: Expression) -> dict[str, Any]:
        """The condition with the values that it sees and whether it is true, and so each of its parts."""
        return self._part(taken_apart(condition, self.scope))

    def _part(self, part: Part) -> dict[str, Any]:
        condition = part.condition
        values = self.own.seen(condition, np.zeros(1, np.int64))[0] if condition.names else ""
        return {
            "text": condition.text,
            "holds": bool(self.own.holds(condition)[0]),
            "values": json.loads(values or "{}"),
            "joined": part.joined,
            "parts": [self._part(inner) for inner in part.parts],
        }


def _verdict(
    tick: TickContext, plan: Plan, who: tuple[str, str], conditions: Mapping[str, Mapping[str, Any]], own: Sequence[EnrolmentView],
    *, past: bool,
) -> str:  # fmt: skip
    """What is so, and what comes next, of one subject and its key of `once_per`. `own`: its passages."""
    if any(p.state == "active" and (p.key == who[1] or not plan.parallel) for p in own):
        return "inside"
    if (last := next((p for p in reversed(own) if p.key == who[1]), None)) is not None:
        return _has_been_through(tick, plan, last)
    state = tick.engine.store.playbooks().get(plan.playbook)
    if past and (state is None or tick.at < state.first_run_at):
        return "the playbook had not run yet"
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
    if (plan.existing or tick.orders.existing(plan.playbook)) != "include" and plan.event is None:
        if state is None or never_completed(state):
            return "matches, but will be passed over at the playbook's first run, for `existing` is not include"
        if who in tick.engine.store.passed_over(plan.playbook):
            return "passed over: matched already at the playbook's first run, and `existing` is not include"
    return ENTERS


def _waits(tick: TickContext, plan: Plan, account: str) -> str:
    """Why somebody of the account who would enter at the next tick does not; '' when nothing is in the way."""
    if tick.orders.pause(plan.playbook, account) is not None:
        return "matches: enters when the playbook is resumed"
    if plan.mode.partial and not is_open(plan.playbook, account, share := share_open(tick, plan)):
        return f"matches, but is not among the {100 * share:.4g}% of accounts that may enter now (mode: {plan.mode})"
    if waiting := tick.guards.breached(plan.playbook):
        return f"matches, but waits for a yes: {waiting[0].reason} (cs-engine approve {waiting[0].by})"
    return ""


def _has_been_through(tick: TickContext, plan: Plan, last: EnrolmentView) -> str:
    said = f"has been through: finished ({last.finished_reason}) at {_time(last.finished_at)}"
    if plan.reenter is None or last.finished_at is None:
        return said
    again = _time(int(tick.view(plan).after(np.array([last.finished_at]), plan.reenter)[0]))
    when = "if audience and enter were not both true in between" if plan.event is None else "with an event from then on"
    return f"{said}; may enter again from {again}, {when}"


def _passage(
    tick: TickContext, live: Plan, passage: EnrolmentView, journal: Sequence[JournalLine], orders: OfPassage, edits: _Edits,
    *, is_paused: bool,
) -> dict[str, Any]:  # fmt: skip
    plan = version_of(tick, passage.digest) or live
    active = passage.state == "active"
    following = _as_ordered(_next(tick, plan, passage, is_paused=is_paused), orders.get(passage.step)) if active else _Next("", None)
    return {
        "subject": passage.subject_id, "version": passage.digest.removesuffix(SHADOW),
        "key": passage.key.removeprefix(SHADOW_KEY), "shadow": passage.key.startswith(SHADOW_KEY), "state": passage.state,
        "entered_at": _time(passage.entered_at), "step": step_of(passage.step), "since": _time(passage.since),
        "control": passage.control, "finished": passage.finished_reason, "finished_at": _time(passage.finished_at),
        "next": following.said, "next_at": _time(following.at), "steps": _steps(tick, plan, passage, journal, orders, edits),
        "began_with": json.loads(_kept(tick, [passage]) or "{}"),
    }  # fmt: skip


def _steps(
    tick: TickContext, plan: Plan, passage: EnrolmentView, journal: Sequence[JournalLine], orders: OfPassage, edits: _Edits
) -> list[dict[str, Any]]:  # fmt: skip
    """Every step of the passage's version: left, here or ahead; of an active passage with what the conditions of those to come see now."""
    active = passage.state == "active"
    row = tick.facts.rows(plan.subject).get(passage.subject_id, -1) if active else -1
    left = {j.step: j for j in journal if j.enrolment_id == passage.id and j.event in ("advanced", "finished")}
    see = _Seer.of(tick, plan, row, _kept(tick, [passage]) if active else "").condition
    found = []
    for step in plan.steps:
        here = active and step.id == passage.step
        line = None if here else left.get(step.id)
        state = "here" if here else "left" if line is not None else "ahead" if active else "not_reached"
        judged = _conditions(step) if row >= 0 and state in ("here", "ahead") else {}
        found.append({
            "step": step.id, "kind": kind(step), "does": does(step), "state": state,
            "reason": line.reason if line is not None else "", "left_at": _time(line.at) if line is not None else None,
            "conditions": {name: see(condition) for name, condition in judged.items()},
            "order": _order(orders.get(step.id)) if state in ("here", "ahead") else None,
            "edit": _edit(edits.get((passage.id, step.id))) if state in ("here", "ahead") else None,
        })  # fmt: skip
    return found


def _order(order: StepOrder | None) -> dict[str, Any] | None:
    """What somebody of us ordered for a step."""
    if order is None:
        return None
    until = _time(order.until) if order.kind == "postpone" else None
    return {"what": order.kind, "until": until, "by": order.by, "reason": order.reason, "at": _time(order.at)}


def _edit(edit: Edit | None) -> dict[str, Any] | None:
    """What somebody of us wrote in the place of a step's mail; its text is for its recipients."""
    return None if edit is None else {"subject": edit.subject, "by": edit.by, "reason": edit.reason, "at": _time(edit.at)}


def _conditions(step: AnyStep) -> dict[str, Expression]:
    """The conditions of a step over its subject, by the key that they stand under."""
    found: dict[str, Expression | None] = {"if": step.only_if}
    match step:
        case WaitUntil():
            found["wait_until"] = step.until
        case Branch():
            found["if"] = step.condition
        case Email() | Notice() | Cta() if step.repeat is not None:
            found["until"] = step.repeat.until
        case _:
            pass
    return {name: condition for name, condition in found.items() if condition is not None}


class _Next(NamedTuple):
    said: str
    at: Micros | None
    """When, where that can be told."""


def _as_ordered(following: _Next, order: StepOrder | None) -> _Next:
    """What comes next, where somebody ordered something else for the step where it stands."""
    if order is None:
        return following
    if order.kind == "skip":
        return _Next("is skipped: goes on at the next tick", None)
    at = None if following.at is None else max(following.at, order.until)
    return _Next(f"{following.said}, not before {_time(order.until)}", at)


def _next(tick: TickContext, plan: Plan, passage: EnrolmentView, *, is_paused: bool) -> _Next:
    if passage.held_since is not None and is_paused:
        return _Next(f"paused since {_time(passage.held_since)}: nothing is sent, timers stand still", None)
    if passage.held_since is not None:
        return _Next(f"held since {_time(passage.held_since)}: mail waits, timers stand still", None)
    if passage.step != (coming := step_of(passage.step)):
        return _Next(f"comes to {coming} at the next tick of its playbook", None)
    step = plan.step(passage.step)
    after = tick.view(plan).after
    match step:
        case Wait():
            due = int(after(np.array([passage.since]), step.duration)[0])
            return _Next(f"goes on at the first tick from {_time(due)}", due)
        case WaitUntil():
            text = f"waits until {step.until.text}"
            if step.at_most is None or passage.otherwise_done:
                return _Next(text, None)
            due = int(after(np.array([passage.since]), step.at_most)[0])
            return _Next(f"{text}, at most to {_time(due)}", due)
        case WaitDate():
            return _next_date(tick, plan, passage, step)
        case Email() | Notice() | Cta() | Webhook():
            return _Next("goes on at the tick after its last message has ended", None)
        case _:
            return _Next("goes on at the next tick", None)


def _next_date(tick: TickContext, plan: Plan, passage: EnrolmentView, step: WaitDate) -> _Next:
    (row,) = tick.rows_of(plan.subject, [passage.subject_id]).tolist()
    at = NO_TIME if row < 0 else int(Own(tick, plan, np.array([row], np.int64), [_kept(tick, [passage])]).times(step.at)[0])
    if at == NEVER:
        return _Next(f"waits: `{step.at.text}` cannot be told", None)
    if at == NO_TIME:
        return _Next("passes the step by: it has no date", None)
    return _Next(f"goes on at the first tick from {_time(at)} ({step.at.text})", at)


def _time(at: Micros | datetime | None) -> str | None:
    if at is None:
        return None
    return from_micros(at if isinstance(at, int) else to_micros(at)).isoformat(timespec="seconds").replace("+00:00", "Z")
