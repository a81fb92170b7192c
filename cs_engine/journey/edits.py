"""What somebody of us wrote in the place of one passage's next mail. Pure.

An edit stands beside the plan until its mails have gone. It is one text for all whom the step goes to, so what is each recipient's own,
links that answer or unsubscribe for them, stands in it as a mark: `[[answer]]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.playbook.plan import AnyStep, Email, Notice

Links = Mapping[str, str]
"""Mark -> the recipient's own link."""

UNSUBSCRIBE, ANSWER = "[[unsubscribe]]", "[[answer]]"


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


def marked(text: str, links: Links) -> str:
    """The text with the recipient's own links as marks."""
    for mark, url in links.items():
        text = text.replace(url, mark) if url else text
    return text


def filled(text: str, links: Links) -> str:
    """The text with this recipient's links in the place of marks."""
    for mark, url in links.items():
        text = text.replace(mark, url)
    return text
