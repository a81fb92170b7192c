"""Touches and reactions: what the ledger of over-contact is made of."""

from __future__ import annotations

from typing import Literal, NamedTuple

from cs_engine.instants import Micros

Kind = Literal["call", "mail", "meeting"]
KINDS: tuple[Kind, ...] = ("call", "mail", "meeting")
"""What people log. Our own mails are messages, and count from when they were accepted."""

MAIL: Kind = "mail"


def channel_of(kind: str) -> str:
    """By which channel's caps a logged touch is counted: a mail as ours are, others by caps of all channels alone."""
    return "email" if kind == MAIL else kind


TALKED = "talked"
"""The reaction that people log: they were talked to, and answered."""


def talked(kind: str, answered: str = "") -> bool:
    """Whether the contact reacted in a touch of that kind; `answered`: yes | no, or '' when nobody said."""
    return kind == "meeting" if not answered else answered == "yes"


LOST = "lost_by_persistence"
"""Why a message to a contact is skipped that our persistence has lost."""


class Touch(NamedTuple):
    """Somebody of us got in touch with an account, or with one of its contacts."""

    id: str
    account_id: str
    contact_id: str
    """'' when it was nobody in particular."""
    kind: str
    by: str
    """A staff e-mail."""
    at: Micros


class Reaction(NamedTuple):
    """A contact reacted. The same one twice is one."""

    account_id: str
    contact_id: str
    """'' when it is not known who."""
    kind: str
    """open | click | reply | answer | talked. Opens and clicks: by a person, never by a machine."""
    at: Micros


class Loss(NamedTuple):
    """A contact counts as lost by persistence from now on."""

    contact_id: str
    account_id: str
    playbook: str
    """Whose mail was the last one; '' when it was no playbook's."""
    csm: str
    lost_at: Micros
