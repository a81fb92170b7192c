"""Mails that somebody reads first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.ports.store.messages import Candidate
from cs_engine.ports.store.records import JournalLine

if TYPE_CHECKING:
    from cs_engine.journey import message
    from cs_engine.journey.approval import Approval


class Envelope(NamedTuple):
    """To whom a message goes, and what has become of it, for one of us who reads it first."""

    digest: str
    recipient: str
    recipient_kind: str
    name: str
    """The recipient's; '' of who is no contact, or has none."""
    account: str
    """Its name; '' where there is none."""
    state: str
    reason: str
    settled: bool


class Approvals(Protocol):
    """Mails that somebody reads first."""

    def unread(self, steps: Collection[str]) -> list[Candidate]:
        """Mails and alerts of steps of these names, planned or held, that nobody has been asked to read."""

    def ask_approval(self, asked: Sequence[Approval], alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        """Keeps mails as they will be read, with the messages that tell of them; what was asked before stays as it was."""

    def approvals(self, ids: Collection[str]) -> Mapping[str, Approval]:
        """By message, of those that were asked."""

    def envelope(self, message_id: str) -> Envelope | None:
        """Of a message, whatever its state; None when there is none of that id."""

    def approvals_of(self, enrolments: Collection[str]) -> list[Approval]:
        """All that these passages were asked, oldest first."""

    def approvals_waiting(self) -> list[Approval]:
        """Those without an answer whose mail could still go, oldest first."""

    def unanswered(self, steps: Collection[str]) -> list[Candidate]:
        """Mails and alerts of steps of these names, planned or held, that somebody was asked to read and has not answered."""

    def move_deadlines(self, moved: Sequence[tuple[str, Micros]]) -> None:
        """(message, until when its answer is wanted now): who is told after that has not been told."""

    def escalate_approval(self, ids: Collection[str], at: Micros, alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        """Notes that somebody else was told."""

    def answer_approval(self, given: Approval, line: JournalLine) -> bool:
        """Keeps the answer and wakes its mail; False when there is one already, or the mail cannot go any more."""
