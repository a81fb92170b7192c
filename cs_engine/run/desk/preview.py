"""One step's messages for one account, rendered by the very code that delivers them."""

from __future__ import annotations

from typing import Any

import numpy as np

from cs_engine.errors import CsEngineError, NoAccount, WrongUse
from cs_engine.journey.enrolment import Standing
from cs_engine.journey.message import NewMessage, State
from cs_engine.language.expression import Grain
from cs_engine.playbook.plan import AnyStep, Cta, Plan, Sending, SendingStep, Webhook
from cs_engine.ports import Call, Candidate, Letter
from cs_engine.run.context import TickContext
from cs_engine.run.ctas.because import Because
from cs_engine.run.delivery.letters import Letters
from cs_engine.run.delivery.press import Failed, Job
from cs_engine.run.effects import messages_for
from cs_engine.run.occurrences import occurrences_of
from cs_engine.run.own import Own, chosen


def preview(tick: TickContext, plan: Plan, step: AnyStep, account: str, locale: str | None) -> list[dict[str, Any]]:
    """Each message as plain values; for mail also its MIME text. Raises WrongUse when the step sends nothing, or to nobody."""
    if not isinstance(step, Sending):
        raise WrongUse(f"{step.id} sends nothing", f"steps that send: {', '.join(_sending(plan))}")
    if account not in tick.facts.rows(Grain.ACCOUNT):
        raise NoAccount(account, tick.now.isoformat())
    subject = _subject(tick, plan, account)
    who = Standing("preview", subject, account, step.id, False, tick.at, None, 0, tick.at)
    last = next((p.id for p in reversed(tick.engine.store.enrolments_of(account, plan.playbook)) if p.subject_id == subject), "")
    return [_shown(tick, job) for job in jobs_of(tick, plan, step, who, _kept(tick, plan, subject, account), locale, last)]


def jobs_of(
    tick: TickContext, plan: Plan, step: Sending, who: Standing, kept: str, locale: str | None = None, of: str = ""
) -> list[Job]:  # fmt: skip
    """What the step would send for that passage now; `kept`: what it began with, `of`: the passage whose answers are shown where it is none
    itself. Raises WrongUse when that is nothing.
    """
    rows = tick.rows_of(plan.subject, [who.subject_id])
    own = Own(tick, plan, rows, [kept])
    messages = messages_for(tick, plan, step, [who], rows, [], chosen(own, step, np.zeros(1, np.int64)))
    if not messages and not isinstance(step, Webhook):
        raise WrongUse(
            f"{step.id} has nobody to go to in {who.account_id}: no {step.to}", "see `to:` of the step, and project.yaml's people"
        )
    letters = Letters(tick)
    letters.previewed[who.id] = kept
    if of:
        letters.answers.of[who.id] = of
    letters.spoken = locale or ""
    if isinstance(step, Cta):
        letters.alerts.previewed[who.id] = Because(tick.engine.project).now(plan, step, own)
    jobs, without = letters.jobs([_candidate(tick, m, locale) for m in messages])
    if without:
        why = ", ".join(sorted(set(without.values())))
        raise CsEngineError(f"{step.id} cannot be rendered for {who.account_id}: {why}", "cs-engine check")
    return jobs


def _kept(tick: TickContext, plan: Plan, subject: str, account: str) -> str:
    """What a passage of the subject knows: its last one, else one that would begin with the latest event that counts now."""
    if plan.event is None:
        return ""
    passages = [p for p in tick.engine.store.enrolments_of(account, plan.playbook) if p.subject_id == subject]
    if passages and (kept := tick.engine.store.kept([passages[-1].id])):
        return kept[passages[-1].id]
    events, row = occurrences_of(tick, plan, plan.event), tick.facts.rows(plan.subject)[subject]
    own = np.flatnonzero(events.row == row)
    return events.kept[own[-1]] if len(own) else ""


def _sending(plan: Plan) -> list[str]:
    return [step.id for step in plan.steps if isinstance(step, SendingStep)]


def _subject(tick: TickContext, plan: Plan, account: str) -> str:
    if plan.subject is Grain.ACCOUNT:
        return account
    row = tick.facts.rows(Grain.ACCOUNT)[account]
    of = tick.facts.account_of_contact().tolist()
    if row not in of:
        raise WrongUse(f"{account} has no contact at {tick.now.isoformat()}", "name another account")
    position: int = of.index(row)
    return tick.facts.ids(Grain.CONTACT)[position]


def _candidate(tick: TickContext, m: NewMessage, locale: str | None) -> Candidate:
    contact = m.recipient if m.recipient_kind == "contact" else None
    email, own, zone = _of_contact(tick, contact, m.account_id)
    return Candidate(
        id=m.id, state=State.PLANNED, enrolment_id=m.enrolment_id, playbook=m.playbook, digest=m.digest, step=m.step, kind=m.kind,
        channel=m.channel, template=m.template, topic=m.topic, account_id=m.account_id, subject_id=m.subject_id, recipient=m.recipient,
        recipient_kind=m.recipient_kind, cta_id=m.cta_id, planned_at=m.planned_at, moved_at=m.planned_at, attempts=0, email=email,
        contact_known=True, suppressed=False, erased=False, refused=False, email_hash="", asked_for=False, consent="", country="",
        timezone=zone, locale=locale or own, provider_ref="",
    )  # fmt: skip


def _of_contact(tick: TickContext, contact: str | None, account: str) -> tuple[str, str, str]:
    """(address, locale, zone) of a contact, else of its account."""
    facts = tick.facts
    of_account = facts.columns(Grain.ACCOUNT, ["account.locale", "account.timezone"], tick.rows_of(Grain.ACCOUNT, [account]))
    locale, zone = (str(column[0] or "") for column in of_account)
    if contact is None:
        return "", locale, zone
    rows = tick.rows_of(Grain.CONTACT, [contact])
    email, own, own_zone = (
        str(c[0] or "") for c in facts.columns(Grain.CONTACT, ["contact.email", "contact.locale", "contact.timezone"], rows)
    )
    return email, own or locale, own_zone or zone


def _shown(tick: TickContext, job: Job) -> dict[str, Any]:
    press = tick.engine.outbox.press
    made = press.outgoing(job)
    if isinstance(made, Failed):
        raise CsEngineError(f"the template {job.template} fails: {made.code}", "cs-engine check")
    if isinstance(made, Letter):
        from cs_engine.channels.mailbox import MailboxEmail

        return {
            "channel": "email", "from": _person(made.sender.name, made.sender.email), "to": _person(made.to.name, made.to.email),
            "subject": made.subject, "text": made.text, "html": made.html, "eml": MailboxEmail.build(made).body,
        }  # fmt: skip
    if isinstance(made, Call):
        return {"channel": "webhook", "to": made.url, "said": dict(made.said)}
    return {"channel": "slack", "to": made.channel, "text": made.text, "blocks": list(made.blocks)}


def _person(name: str, email: str) -> str:
    return f"{name} <{email}>" if name else email
