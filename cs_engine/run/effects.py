"""What a walk has done becomes rows: messages, CTAs, arms, values, requests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import numpy as np

from cs_engine.journey import identity
from cs_engine.journey.columns import from_columns
from cs_engine.journey.decide import Walk
from cs_engine.journey.enrolment import Standing
from cs_engine.journey.experiment import Assignment, of_split
from cs_engine.journey.message import COPY, NewMessage
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import MILESTONE_LINE, WEBHOOK, Cta, Enrol, Notice, Plan, Sending, Set, Webhook
from cs_engine.ports import CtaFired, EnrolRequest, JournalLine, Rows, ValueSet
from cs_engine.run.context import TickContext
from cs_engine.run.own import Own, chosen
from cs_engine.run.people import Recipients


def effects_of(
    tick: TickContext, plan: Plan, result: Walk, at: Rows, members: Sequence[Standing], own: Own | None = None
) -> tuple[list[NewMessage], list[CtaFired]]:
    """The outbox rows that the walk causes, recipients resolved. `at`: the members' rows; `own`: what their passages know."""
    messages: list[NewMessage] = []
    ctas: list[CtaFired] = []
    for step, sending in result.sends:
        who = [members[i] for i in sending.tolist()]
        if step.repeat is not None:
            times = result.repeats[sending].tolist()
            who = [w if w.repeats == n else w._replace(repeats=n) for w, n in zip(who, times, strict=True)]
        messages += messages_for(tick, plan, step, who, at[sending], ctas, chosen(own, step, sending))
    return messages, ctas


def fired_of(
    tick: TickContext, plan: Plan, result: Walk, at: Rows, members: Sequence[Standing], own: Own | None = None
) -> list[JournalLine]:
    """A line for each CTA whose own `if` held: no other tells what it saw."""
    lines = []
    for step, sending in result.sends:
        if not isinstance(step, Cta) or step.only_if is None or not step.only_if.names:
            continue
        seen = tick.facts.seen(step.only_if, at[sending]) if own is None else own.seen(step.only_if, sending)
        for i, values in zip(sending.tolist(), seen, strict=True):
            who = members[i]
            lines.append(JournalLine(tick.at, plan.playbook, who.account_id, who.subject_id, who.id, step.id, "fired", "if", values))
    return lines


def shadows_of(
    tick: TickContext, plan: Plan, result: Walk, at: Rows, members: Sequence[Standing], own: Own | None = None
) -> list[JournalLine]:
    """What a walk of shadow passages would have sent: counted, and a line of the journal for each passage and step."""
    if not plan.shadow:
        return []
    lines, report = [], tick.of(plan.playbook).shadow
    for step, spared in result.spared:
        found = tick.directory.recipients(step, plan.subject, at[spared], chosen(own, step, spared))
        told = Counter(found.member.tolist())
        if not isinstance(step, Webhook):
            report["ctas" if isinstance(step, Cta) else "mails"] += len(found.who)
        for position, i in enumerate(spared.tolist()):
            who = members[i]
            reason = f"webhook to {step.endpoint}" if isinstance(step, Webhook) else f"{_word(step)} {step.template} to {told[position]}"
            lines.append(JournalLine(tick.at, plan.playbook, who.account_id, who.subject_id, who.id, step.id, "would_send", reason, ""))
    return lines


def _word(step: Sending) -> str:
    return "alert" if isinstance(step, Cta) else "mail"


def arms_of(tick: TickContext, plan: Plan, result: Walk, members: Sequence[Standing]) -> list[Assignment]:
    """The arms that accounts came to in the walk's splits."""
    found: list[Assignment] = []
    for split, who, arms in result.assigned:
        names, accounts = [arm.name for arm in split.arms], [members[i].account_id for i in who.tolist()]
        chosen = [names[arm] for arm in arms.tolist()]
        found += from_columns(Assignment, repeat(of_split(plan.playbook, split.id)), accounts, chosen, repeat(tick.at))
    return found


def values_of(tick: TickContext, plan: Plan, result: Walk, members: Sequence[Standing]) -> list[ValueSet]:
    """What the walk's `set` steps set."""
    found: list[ValueSet] = []
    for step, who in result.effects:
        if isinstance(step, Set):
            accounts = [members[i].account_id for i in who.tolist()]
            for name, value in step.values.items():
                told = repeat(json.dumps(value))
                found += from_columns(ValueSet, accounts, repeat(name), told, repeat(plan.playbook), repeat(tick.at))
    return found


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
    tick: TickContext, plan: Plan, step: Sending, who: Sequence[Standing], at: Rows, ctas: list[CtaFired],
    to: tuple[Rows, Rows] | None = None,
) -> list[NewMessage]:  # fmt: skip
    """The messages of one step for those who stand at it (`at`: their rows), and the CTAs that fire, added to `ctas`.

    `to`: (position in `who`, contact's row) of the recipients, where they hang on the passage.
    """
    found = tick.directory.recipients(step, plan.subject, at, to)
    passages = [who[position] for position in found.member.tolist()]
    if isinstance(step, Cta):
        ids = [identity.cta_id(passage.account_id, plan.playbook, step.id) for passage in passages]
        ctas += _fired(tick, plan, step, passages, ids, found)
        alerts = _planned(tick, plan, step, "cta", "slack", step.template, passages, found.who, repeat(found.kind), ids)
        return alerts + _copies(tick, plan, step, passages, found, at, ids) if step.cc else alerts
    if isinstance(step, Webhook):
        return _planned(tick, plan, step, "webhook", WEBHOOK, step.endpoint, passages, found.who, repeat(found.kind))
    if not isinstance(step, Notice):
        return _planned(tick, plan, step, "email", "email", step.template, passages, found.who, repeat(found.kind))
    mails = _planned(tick, plan, step, "notice", "email", step.template, passages, found.who, repeat(found.kind))
    return mails + _notice_lines(tick, plan, step, who, at)


def _fired(
    tick: TickContext, plan: Plan, step: Cta, passages: Sequence[Standing], ids: Sequence[str], found: Recipients
) -> Iterator[CtaFired]:
    due = int(tick.view(plan).after(np.array([tick.at]), step.due)[0]) if step.due else None
    for cta, passage, recipient in zip(ids, passages, found.who, strict=True):
        staff = recipient if found.kind == "staff" else ""
        yield CtaFired(cta, passage.account_id, plan.playbook, step.id, passage.id, staff, step.priority, due, tick.at, step.minutes)


def _copies(
    tick: TickContext, plan: Plan, step: Cta, passages: Sequence[Standing], found: Recipients, at: Rows, ids: Sequence[str]
) -> list[NewMessage]:  # fmt: skip
    """Word of each CTA to others of us; whose it is needs none."""
    accounts = at if plan.subject is Grain.ACCOUNT else tick.facts.account_of_contact()[at]
    csms = tick.directory.csm_of(accounts[found.member]).tolist()
    told = [
        (passage, cta, email)
        for passage, cta, csm, owner in zip(passages, ids, csms, found.who, strict=True)
        for email in tick.directory.copied(step.cc, csm)
        if email != owner
    ]
    who, ctas, emails = [list(column) for column in zip(*told, strict=True)] if told else ([], [], [])
    return _planned(tick, plan, step, COPY, "slack", step.template, who, emails, repeat("staff"), ctas)


def _notice_lines(tick: TickContext, plan: Plan, step: Notice, who: Sequence[Standing], at: Rows) -> list[NewMessage]:
    """A milestone notice also puts a line into the CSM's channel."""
    csms = tick.directory.csm_of(at if plan.subject is Grain.ACCOUNT else tick.facts.account_of_contact()[at]).tolist()
    csms = [tick.directory.here(csm) for csm in csms]
    recipients = [csm or tick.engine.project.config.slack.channel for csm in csms]
    kinds = ["staff" if csm else "channel" for csm in csms]
    return _planned(tick, plan, step, "notice", "slack", MILESTONE_LINE, who, recipients, kinds)


def _planned(
    tick: TickContext, plan: Plan, step: Sending, kind: str, channel: str, template: str,
    passages: Sequence[Standing], recipients: Sequence[str], recipient_kinds: Iterable[str], ctas: Iterable[str] | None = None,
) -> list[NewMessage]:  # fmt: skip
    """One message for each of these passages and its recipient."""
    enrolments, accounts, subjects = [p.id for p in passages], [p.account_id for p in passages], [p.subject_id for p in passages]
    ids = identity.message_ids(enrolments, step.id, channel, recipients, [p.repeats for p in passages])
    return from_columns(
        NewMessage, ids, enrolments, repeat(plan.playbook), repeat(plan.digest), repeat(step.id), repeat(kind), repeat(channel),
        repeat(template), repeat(plan.topic), accounts, subjects, recipients, recipient_kinds,
        repeat("") if ctas is None else ctas, repeat(plan.priority), repeat(tick.at),
    )  # fmt: skip
