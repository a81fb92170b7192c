"""Those inside move on. One batch is one cohort: all who stand at one step of one plan; one transaction each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, repeat
from operator import attrgetter

import numpy as np

from cs_engine.errors import LostRace
from cs_engine.instants import NO_TIME
from cs_engine.journey import enrolment, identity
from cs_engine.journey.decide import Cohort, Walk, walk
from cs_engine.journey.enrolment import Standing
from cs_engine.journey.experiment import Assignment, of_split
from cs_engine.journey.message import NewMessage
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import MILESTONE_LINE, Cta, Enrol, Notice, Plan, Sending, Set
from cs_engine.ports import Change, CtaFired, EnrolRequest, JournalLine, Mask, Rows, ValueSet
from cs_engine.run.context import TickContext
from cs_engine.run.hold import hold

MOST_AT_ONCE = 20_000
"""Passages a transaction: bounds memory and the time that others wait for the database."""

_MOST_RACES = 5


def standing(tick: TickContext, plan: Plan) -> list[tuple[str, list[Standing]]]:
    """(step, who stands there), in the plan's order: nobody who has moved in this tick already."""
    everyone = hold(tick, plan, tick.engine.store.standing(plan.playbook, plan.digest, tick.at))
    order = {step.id: i for i, step in enumerate(plan.steps)}
    everyone.sort(key=lambda s: order.get(s.step, len(order)))
    return [(step, list(group)) for step, group in groupby(everyone, key=attrgetter("step"))]


def advance(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing]) -> None:
    """Moves all who stand at `step`. A batch that loses a race to a twin run is loaded and decided again."""
    for batch in _batches(members):
        _advance_batch(tick, plan, step, batch, _MOST_RACES)


def _advance_batch(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing], races: int) -> None:
    moved, change = _decide(tick, plan, step, members)
    if not moved:
        return
    try:
        tick.engine.store.commit(change, tick.at)
    except LostRace:
        if not races:
            raise
        known = {who.id for who in members}
        fresh = tick.engine.store.standing(plan.playbook, plan.digest, tick.at)
        _advance_batch(tick, plan, step, [who for who in fresh if who.id in known and who.step == step], races - 1)
        return
    report = tick.of(plan.playbook)
    controls = {who.id for who in members if who.control}
    control = sum(move.id in controls for move in change.moves) if controls else 0
    report.advanced += moved - control
    report.control["advanced"] += control
    report.planned += len(change.messages)
    report.count(change.moves, controls)


def _decide(tick: TickContext, plan: Plan, step: str, members: Sequence[Standing]) -> tuple[int, Change]:
    if plan.step(step) is None:
        gone = [enrolment.finished(who, "step_removed", tick.at) for who in members]
        return len(gone), Change(moves=gone, journal=_lines(tick, plan, members, step, "finished", "step_removed", repeat("")))
    cohort = Cohort(
        step=step,
        row=tick.rows_of(plan.subject, [who.subject_id for who in members]),
        since=np.fromiter((who.since for who in members), np.int64, len(members)),
        ended=np.fromiter((NO_TIME if who.step_ended_at is None else who.step_ended_at for who in members), np.int64, len(members)),
        otherwise_done=np.fromiter((who.otherwise_done for who in members), np.bool_, len(members)),
        entered=np.fromiter((who.entered_at for who in members), np.int64, len(members)),
        held=np.fromiter((who.held_since is not None for who in members), np.bool_, len(members)),
        control=np.fromiter((who.control for who in members), np.bool_, len(members)),
        repeats=np.fromiter((who.repeats for who in members), np.int64, len(members)),
    )
    result = walk(plan, cohort, tick.view(plan))
    moves = moves_of(result, members)
    messages, ctas = effects_of(tick, plan, result, cohort.row, members)
    journal, arms = journal_of(tick, plan, result, cohort.row, members), arms_of(tick, plan, result, members)
    return len(moves), Change(
        moves=moves, messages=messages, ctas=ctas, journal=journal, assignments=arms,
        values=values_of(tick, plan, result, members), requests=requests_of(tick, plan, result, members),
    )  # fmt: skip


def moves_of(result: Walk, members: Sequence[Standing], moved: Mask | None = None) -> list[enrolment.Move]:
    """The guarded moves of those who moved, or of those in `moved`."""
    steps, since, done, finished = result.step.tolist(), result.since.tolist(), result.otherwise_done.tolist(), result.finished.tolist()
    repeats = result.repeats.tolist()
    return [
        enrolment.finished(members[i], finished[i], since[i])
        if finished[i]
        else enrolment.parked(members[i], steps[i], since[i], done[i], repeats[i])
        for i in np.flatnonzero(result.moved if moved is None else moved).tolist()
    ]


def effects_of(
    tick: TickContext, plan: Plan, result: Walk, rows: Rows, members: Sequence[Standing]
) -> tuple[list[NewMessage], list[CtaFired]]:
    """The outbox rows that the walk causes, recipients resolved."""
    messages: list[NewMessage] = []
    ctas: list[CtaFired] = []
    for step, sending in result.sends:
        who = [members[i] for i in sending.tolist()]
        if step.repeat is not None:
            who = [w._replace(repeats=n) for w, n in zip(who, result.repeats[sending].tolist(), strict=True)]
        messages += messages_for(tick, plan, step, who, rows[sending], ctas)
    return messages, ctas


def arms_of(tick: TickContext, plan: Plan, result: Walk, members: Sequence[Standing]) -> list[Assignment]:
    """The arms that accounts came to in the walk's splits."""
    return [
        Assignment(of_split(plan.playbook, split.id), members[i].account_id, split.arms[arm].name, tick.at)
        for split, who, arms in result.assigned
        for i, arm in zip(who.tolist(), arms.tolist(), strict=True)
    ]


def values_of(tick: TickContext, plan: Plan, result: Walk, members: Sequence[Standing]) -> list[ValueSet]:
    """What the walk's `set` steps set."""
    return [
        ValueSet(members[i].account_id, name, json.dumps(value), plan.playbook, tick.at)
        for step, who in result.effects
        if isinstance(step, Set)
        for i in who.tolist()
        for name, value in step.values.items()
    ]


def requests_of(tick: TickContext, plan: Plan, result: Walk, members: Sequence[Standing]) -> list[EnrolRequest]:
    """Whom the walk's `enrol` steps enrol. A contact enrols its account into a playbook over accounts."""
    requests = []
    for step, who in result.effects:
        if isinstance(step, Enrol):
            target = tick.engine.project.plans.get(step.playbook)
            by_account = plan.subject is Grain.CONTACT and target is not None and target.subject is Grain.ACCOUNT
            subjects = [members[i].account_id if by_account else members[i].subject_id for i in who.tolist()]
            requests += [EnrolRequest(step.playbook, subject, f"{plan.playbook}/{step.id}", tick.at) for subject in subjects]
    return requests


def messages_for(
    tick: TickContext, plan: Plan, step: Sending, who: Sequence[Standing], rows: Rows, ctas: list[CtaFired]
) -> Iterator[NewMessage]:
    """The messages of one step for those who stand at it, and the CTAs that fire, added to `ctas`."""
    found = tick.directory.recipients(step, plan.subject, rows)
    kind, channel = ("cta", "slack") if isinstance(step, Cta) else ("notice" if isinstance(step, Notice) else "email", "email")
    for position, recipient in zip(found.member.tolist(), found.who, strict=True):
        passage = who[position]
        cta = identity.cta_id(passage.account_id, plan.playbook, step.id) if isinstance(step, Cta) else ""
        if isinstance(step, Cta):
            due = int(tick.view(plan).after(np.array([tick.at]), step.due)[0]) if step.due else None
            staff = recipient if found.kind == "staff" else ""
            ctas.append(CtaFired(cta, passage.account_id, plan.playbook, step.id, passage.id, staff, step.priority, due, tick.at))
        yield _message(tick, plan, step.id, kind, channel, step.template, passage, recipient, found.kind, cta)
    if isinstance(step, Notice):
        yield from _notice_lines(tick, plan, step, who, rows)


def _notice_lines(tick: TickContext, plan: Plan, step: Notice, who: Sequence[Standing], rows: Rows) -> Iterator[NewMessage]:
    """A milestone notice also puts a line into the CSM's channel."""
    accounts = rows if plan.subject is Grain.ACCOUNT else tick.facts.account_of_contact()[rows]
    for passage, csm in zip(who, tick.directory.csm_of(accounts).tolist(), strict=True):
        recipient, kind = (csm, "staff") if csm else (tick.engine.project.config.slack.channel, "channel")
        yield _message(tick, plan, step.id, "notice", "slack", MILESTONE_LINE, passage, recipient, kind, "")


def _message(
    tick: TickContext, plan: Plan, step: str, kind: str, channel: str, template: str,
    passage: Standing, recipient: str, recipient_kind: str, cta: str,
) -> NewMessage:  # fmt: skip
    return NewMessage(
        identity.message_id(passage.id, step, channel, recipient, passage.repeats), passage.id, plan.playbook, plan.digest, step, kind,
        channel,
        template,
        plan.topic, passage.account_id, passage.subject_id, recipient, recipient_kind, cta, plan.priority, tick.at,
    )  # fmt: skip


def journal_of(tick: TickContext, plan: Plan, result: Walk, rows: Rows, members: Sequence[Standing]) -> list[JournalLine]:
    """A line a member and step that it left, with the values that the deciding condition named."""
    lines: list[JournalLine] = []
    for passed in result.passed:
        because = passed.because
        seen: Iterable[str] = repeat("")
        if because is not None and because.names:
            seen = tick.facts.seen(because, rows[passed.members])
        event = "finished" if passed.finished else "advanced"
        reason = passed.reason if passed.finished in ("", passed.reason) else f"{passed.finished}: {passed.reason}"
        lines += _lines(tick, plan, [members[i] for i in passed.members.tolist()], passed.step, event, reason, seen)
    return lines


def _lines(
    tick: TickContext, plan: Plan, members: Sequence[Standing], step: str, event: str, reason: str, seen: Iterable[str]
) -> list[JournalLine]:
    at, playbook = tick.at, plan.playbook
    return [
        JournalLine(at, playbook, who.account_id, who.subject_id, who.id, step, event, reason, values)
        for who, values in zip(members, seen, strict=False)
    ]


def _batches(members: Sequence[Standing]) -> Iterator[Sequence[Standing]]:
    for start in range(0, len(members), MOST_AT_ONCE):
        yield members[start : start + MOST_AT_ONCE]
