"""Mails that somebody of us reads before they go: what they read is what is sent, or what they made of it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey import message

AWAITING = "awaiting_approval"
"""Why a mail is held that nobody has read yet."""
REFUSED = "refused"
"""Why a mail is skipped that somebody said no to."""
ALARM = "approval"
"""Begins the step of the alarm that asks for a yes: `approval:<message id>`."""


class Answer(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"


class Approval(NamedTuple):
    """A mail as it was rendered for the one who reads it, and what they said."""

    message_id: str
    playbook: str
    account_id: str
    subject_id: str
    enrolment_id: str
    step: str
    approver: str
    """A staff e-mail."""
    subject: str
    text: str
    html: str
    asked_at: Micros
    deadline: Micros
    """After this its approver's manager is told. It is never sent without a yes."""
    escalated_at: Micros | None = None
    answer: Answer = Answer.WAITING
    by: str = ""
    answered_at: Micros | None = None
    reason: str = ""
    """Why not."""


def verdict(id: str, was: message.State, approval: Approval | None, until: Micros) -> message.Move | None:
    """Whether the mail may go: None once it has its yes. `until`: when to look again at what waits."""
    match approval.answer if approval is not None else Answer.WAITING:
        case Answer.APPROVED:
            return None
        case Answer.REFUSED:
            return message.skipped(id, was, REFUSED)
        case _:
            return message.held(id, was, AWAITING, until)
