"""What people were asked and answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.ports.store.milestones import Word
from cs_engine.ports.store.records import JournalLine

if TYPE_CHECKING:
    from cs_engine.journey import message


class Answer(NamedTuple):
    """What somebody answered to one question of a step."""

    enrolment_id: str
    playbook: str
    account_id: str
    subject_id: str
    step: str
    field: str
    value: str
    """As cs_engine.playbook.questions keeps it."""
    by: str
    """A contact id, a staff e-mail, or `slack:<user>` of somebody who is not in team.yaml."""
    by_kind: str
    """contact | staff"""
    message_id: str
    """The message that asked."""
    answered_at: Micros
    """By the machine's clock."""


class GivenAnswer(NamedTuple):
    """The answer that counts."""

    playbook: str
    subject_id: str
    step: str
    field: str
    value: str


class PassageAnswer(NamedTuple):
    """The latest answer of a passage to one question."""

    enrolment_id: str
    step: str
    field: str
    value: str


class AskedMessage(NamedTuple):
    """A message that asks, as the page that takes its answers needs it."""

    id: str
    enrolment_id: str
    playbook: str
    digest: str
    step: str
    account_id: str
    subject_id: str
    recipient: str
    recipient_kind: str
    locale: str
    """The recipient's, else the account's, else ''."""


class Answers(Protocol):
    """What people were asked and answered."""

    def put_answers(
        self, answers: Sequence[Answer], lines: Sequence[JournalLine], notes: Sequence[message.Alarm] = (), word: Word | None = None
    ) -> int:
        """Keeps those that say something new, each with its line of the journal (aligned); how many. `notes`: planned where any does.
        `word`: what they say of a milestone, which counts from then on, or is in doubt; once it counts it does for good.
        """

    def answers(self, playbooks: Collection[str], until: Micros) -> list[GivenAnswer]:
        """The latest answers, given by then, of those who stand in these playbooks."""

    def answers_in(self, enrolments: Collection[str], until: Micros) -> list[PassageAnswer]:
        """The latest answers of these passages, given by then, whatever has become of them."""

    def latest_answers(self, questions: Collection[tuple[str, str, str]], until: Micros) -> list[tuple[str, str, str]]:
        """(account, contact, value): of each contact the latest answer given by then to any of these questions (playbook, step, field),
        in the order in which they came.
        """

    def asked(self, message_id: str) -> AskedMessage | None:
        """A message that asks, whatever its state; None when there is none of that id."""
