"""What somebody of us sees of a mail that waits for their yes: whom it goes to, why, and until when; and whether they may see it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from cs_engine.content.formats import in_locale
from cs_engine.journey.approval import Approval
from cs_engine.playbook.bundle import compile_bundle
from cs_engine.playbook.config import Staff
from cs_engine.playbook.plan import Step
from cs_engine.playbook.project import Project
from cs_engine.ports import Envelope, Store
from cs_engine.run.ctas.because import EVENTS, PLAIN, Because, Reader
from cs_engine.run.ctas.notes import name_of, reader_of, staff_of
from cs_engine.run.people import absent, instead_of


class Reading(NamedTuple):
    """A mail, or an alert, and what its reader has to know to say yes to it: in their language."""

    approval: Approval
    envelope: Envelope
    to: str
    """The recipient's name."""
    account: str
    """Its name."""
    title: str
    """The playbook's."""
    why: tuple[str, ...]
    """What brought it about, with the values that were seen then."""


class Barred(StrEnum):
    """Why one of us may not answer."""

    LEFT = "left"
    AWAY = "away"


def barred(project: Project, email: str, now: datetime) -> tuple[Barred, str] | None:
    """Why that one may not say yes or no on the day of `now`, and who may in their place ('': anybody of the team); None when they may."""
    if email not in staff_of(project):
        return Barred.LEFT, ""
    instead = instead_of(absent(project, now), email)
    return None if instead == email else (Barred.AWAY, instead)


def one_of(project: Project, email: str) -> Staff | None:
    """The one of us with that address, however it is written."""
    return next((person for person in project.team.staff if person.email.lower() == email.lower()), None)


def reading(project: Project, store: Store, message_id: str, email: str) -> Reading | None:
    """What one of us sees of that message; None when nobody was asked to read it. It reads rows alone, no facts."""
    approval, envelope = store.approvals([message_id]).get(message_id), store.envelope(message_id)
    if approval is None or envelope is None:
        return None
    reader = reader_of(project, email)._replace(marks=PLAIN)
    to = envelope.name or name_of(project, envelope.recipient, reader.locale)
    title, why = _why(project, store, approval, envelope, reader)
    return Reading(approval, envelope, to, envelope.account or approval.account_id, title, why)


def _why(project: Project, store: Store, approval: Approval, envelope: Envelope, reader: Reader) -> tuple[str, tuple[str, ...]]:
    plan, _ = compile_bundle(store.bundle(envelope.digest), project)
    step = plan.step(approval.step) if plan is not None else None
    if plan is None or not isinstance(step, Step):
        return approval.playbook, ()
    lines = store.journal_of(approval.playbook, {approval.account_id}, {approval.enrolment_id}, EVENTS)
    because = Because(project)
    (told,) = because.lines(plan, [because.decisions(plan, step, lines)], [reader])
    return in_locale(plan.title, reader.locale) or approval.playbook, tuple(line.removeprefix("• ") for line in told)
