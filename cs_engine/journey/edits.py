"""What somebody of us wrote in the place of one passage's next mail. Pure.

An edit stands beside the plan until its mails have gone. It is one text for all whom the step goes to, so what is each recipient's own,
links that answer or unsubscribe for them, stands in it as a mark: `[[answer]]`.
"""

from __future__ import annotations

from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.playbook.plan import AnyStep, Email, Notice


class Edit(NamedTuple):
    """One text for the next mails of a step of one passage."""

    enrolment_id: str
    step: str
    subject: str
    text: str
    at: Micros
    by: str
    """The e-mail of one of us; '' when nobody said."""
    reason: str

    def told(self) -> str:
        """By whom and why, for the journal."""
        return f"{self.by}: {self.reason}" if self.by else self.reason


def is_mail(step: AnyStep) -> bool:
    """Whether the step sends a mail that somebody could write differently."""
    return isinstance(step, Email | Notice)
