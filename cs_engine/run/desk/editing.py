"""Somebody of us writes one account's next mail differently: shown as it would go, kept beside the plan, sent once to each recipient."""

from __future__ import annotations

from typing import NamedTuple

from cs_engine.content.mail import one_line
from cs_engine.content.written import ANSWER, UNSUBSCRIBE, marked, require_kept, require_text
from cs_engine.errors import CsEngineError, NoAccount, WrongUse
from cs_engine.instants import Micros
from cs_engine.journey.edits import Edit, is_mail
from cs_engine.journey.enrolment import Standing
from cs_engine.journey.mode import SHADOW_KEY
from cs_engine.journey.step_orders import ahead, next_step
from cs_engine.language.expression import Grain
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.plan import AddressedStep, Plan, SendingStep
from cs_engine.ports import EditedStep, EnrolmentView, Letter
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.letters import own_links
from cs_engine.run.desk.approving import needed_by_law
from cs_engine.run.desk.preview import jobs_of
from cs_engine.run.desk.stepping import Office, has_ended, moment, plan_of, under_way


class Draft(NamedTuple):
    """A mail to edit, and the passage as it stood then."""

    playbook: str
    account: str
    subject_id: str
    passage: str
    standing: str
    since: Micros
    step: str
    subject: str
    text: str
    """Links that are a recipient's own stand in it as marks."""
    needed: tuple[str, ...]
    """What stands in it and has to stay."""
    edited: bool
    """Whether somebody has edited it before."""


def draft(tick: TickContext, account: str, playbook: str, step: str | None = None, who: str = "") -> Draft:
    """The mail of the step (None: the next one that is sent) as it would go by the facts of `tick`, or as somebody has left it.

    `who`: the contact or the passage, where several of the account pass through. Raises WrongUse where there is nothing to edit.
    """
    engine, store = tick.engine, tick.engine.store
    passage = _inside(tick, account, playbook, who)
    plan = plan_of(engine, passage)
    orders = {(order.enrolment_id, order.step): order for order in store.step_orders_of(account, playbook)}
    ended = has_ended(passage, under_way(engine, account, playbook), orders)
    name = _meant(plan, passage, step, ended)
    order = orders.get((passage.id, name))
    if order is not None and order.kind == "skip":
        raise WrongUse(f"{name} is skipped: nothing of it is sent", "name a later step")
    _require_unread(tick, plan, account, passage.id, name)
    standing = next((e for e in store.edits_of(account, playbook) if (e.enrolment_id, e.step) == (passage.id, name)), None)
    subject, text = (standing.subject, standing.text) if standing is not None else _rendered(tick, plan, passage, account, name)
    needed = tuple(part for part in (*needed_by_law(engine.project.config), UNSUBSCRIBE, ANSWER) if part in text)
    return Draft(
        playbook, account, passage.subject_id, passage.id, passage.step, passage.since, name, subject, text, needed, standing is not None
    )  # fmt: skip


def edit(engine: Office, draft: Draft, subject: str, text: str, reason: str, by: str = "") -> bool:
    """This subject ('': the draft's) and text go instead, once to each recipient of the step. False when they stood already.

    Raises WrongUse for a text that lacks what mail law asks for, or a link, and the mail had; OnItsWay when the mail has left; LostRace
    when the passage has moved on since the draft.
    """
    subject = one_line(subject) or draft.subject
    require_text(text)
    require_kept(draft.needed, text)
    at = moment(engine)
    return engine.store.edit_step(_of(draft, Edit(draft.passage, draft.step, subject, text, at, by, reason)), at)


def take_back(engine: Office, draft: Draft, reason: str, by: str = "") -> bool:
    """The step's own mail goes. False when it would have."""
    at = moment(engine)
    return engine.store.take_back_edit(_of(draft, Edit(draft.passage, draft.step, "", "", at, by, reason)), at)


def _of(draft: Draft, edit: Edit) -> EditedStep:
    return EditedStep(edit, draft.playbook, draft.account, draft.subject_id, draft.standing, draft.since)


def _inside(tick: TickContext, account: str, playbook: str, who: str) -> EnrolmentView:
    views = tick.engine.store.enrolments_of(account, playbook)
    inside = [one for one in views if one.state == "active" and not one.key.startswith(SHADOW_KEY) and who in ("", one.subject_id, one.id)]
    if not inside:
        raise WrongUse(f"{who or account} is not inside {playbook}: there is no mail to edit", f"cs-engine why {account} {playbook}")
    if len(inside) > 1:
        ids = [one.subject_id for one in inside]
        names = ids if len(set(ids)) == len(ids) else [one.id for one in inside]
        raise WrongUse(f"{len(inside)} of {account} are inside {playbook}", f"name one with --for: {', '.join(names)}")
    if inside[0].control:
        raise WrongUse(f"{account} is in the control group of {playbook}: nothing is sent", f"cs-engine why {account} {playbook}")
    return inside[0]


def mails_ahead(plan: Plan, passage: EnrolmentView, ended: bool) -> list[str]:
    """The steps that may still send a mail, in the plan's order."""
    here = plan.step(passage.step)
    again = isinstance(here, SendingStep) and here.repeat is not None
    still = set(ahead(plan, passage.step, ended and not again))
    return [step.id for step in plan.steps if step.id in still and is_mail(step)]


def _meant(plan: Plan, passage: EnrolmentView, step: str | None, ended: bool) -> str:
    mails = mails_ahead(plan, passage, ended)
    if step is None:
        found = next_step(plan, passage.step, ended, is_mail)
        if found is None:
            if not mails:
                raise WrongUse(f"it stands at {passage.step}, and no mail is left to come", "cs-engine why shows what is")
            raise WrongUse(f"it stands at {passage.step}, and what comes next is not decided yet", f"name one: {', '.join(mails)}")
        return found
    if step in mails:
        return step
    there = plan.step(step)
    if there is None:
        known = [one.id for one in plan.steps]
        raise WrongUse(f"{plan.playbook} has no step {step!r}", did_you_mean(step, known) or f"one of: {', '.join(known)}")
    said = "is behind it" if is_mail(there) else "sends no mail"
    raise WrongUse(f"{step} {said}: it stands at {passage.step}", f"mails still to come: {', '.join(mails) or 'none'}")


def _require_unread(tick: TickContext, plan: Plan, account: str, passage: str, name: str) -> None:
    """A mail that somebody is reading, or has read, is edited where it is read: what they read is what goes."""
    step = plan.step(name)
    if not isinstance(step, AddressedStep) or step.approve is None:
        return
    messages = tick.engine.store.messages_of(account, plan.playbook)
    waiting = next((m.id for m in messages if (m.enrolment_id, m.step, m.settled_at) == (passage, name, None)), None)
    if waiting is not None:
        raise WrongUse(f"the mail of {name} waits for a yes to it as it is", f"cs-engine approve {waiting} --edit FILE")


def _rendered(tick: TickContext, plan: Plan, passage: EnrolmentView, account: str, name: str) -> tuple[str, str]:
    """(subject, text) of the mail as it would go now to the first of its recipients."""
    step = plan.step(name)
    assert isinstance(step, SendingStep)
    if account not in tick.facts.rows(Grain.ACCOUNT):
        raise NoAccount(account, tick.now.isoformat())
    who = Standing(passage.id, passage.subject_id, account, name, False, tick.at, None, 0, tick.at)
    kept = tick.engine.store.kept([passage.id]).get(passage.id, "")
    job = next(job for job in jobs_of(tick, plan, step, who, kept) if job.channel == "email")
    made = tick.engine.outbox.press.outgoing(job)
    if not isinstance(made, Letter):
        raise CsEngineError(f"the template {job.template} fails", "cs-engine check")
    return made.subject, marked(made.text, own_links(tick.engine.project.config, job.values))
