"""Alerts that stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.ports.store.records import JournalLine

if TYPE_CHECKING:
    from cs_engine.journey import message
    from cs_engine.journey.cta import Mark
    from cs_engine.journey.workload import Fresh


class CtaFired(NamedTuple):
    """A CTA fires: opens it, or updates the open one."""

    id: str
    account_id: str
    playbook: str
    step: str
    enrolment_id: str
    staff: str
    priority: str
    due_at: Micros | None
    fired_at: Micros
    minutes: int = 0
    """How long it should take."""


class OpenCta(NamedTuple):
    id: str
    account_id: str
    playbook: str
    step: str
    enrolment_id: str
    subject_id: str
    digest: str
    fired_at: Micros
    staff: str
    """Whose it is: an e-mail; '' when it went to a channel."""
    finished: str
    """Why its passage has ended: goal | exit | done | …; '' while it goes on."""
    priority: str
    due_at: Micros | None
    opened_at: Micros
    state: str
    """open | snoozed"""
    snoozed_until: Micros | None
    escalated_at: Micros | None
    told: str
    provider_ref: str


class CtaView(NamedTuple):
    """A CTA as it stands."""

    id: str
    account_id: str
    playbook: str
    step: str
    enrolment_id: str
    staff: str
    priority: str
    due_at: Micros | None
    fired_at: Micros
    opened_at: Micros
    state: str
    """open | snoozed | closed"""
    provider_ref: str
    """Where its message stands; '' where none does."""
    closed_reason: str
    closed_by: str
    """The e-mail of one of us; '' when it closed by itself."""
    snoozed_until: Micros | None
    told: str
    """own | digest: by a message of its own, or in a digest; '' where that is not decided."""


class Ctas(Protocol):
    """Alerts that stand."""

    def open_ctas(self) -> list[OpenCta]: ...

    def ctas_open_before(self, now: Micros) -> Mapping[str, int]:
        """Account -> its CTAs that were open when the tick at `now` began; accounts with none are left out."""

    def close_ctas(
        self,
        closing: Sequence[tuple[str, str]],
        now: Micros,
        telling: Sequence[message.NewMessage] = (),
        notes: Sequence[message.Alarm] = (),
    ) -> None:
        """(cta id, reason); journalled. `telling`, `notes`: the messages that say so, planned with it."""

    def cta_told_by(self, message_id: str) -> CtaView | None:
        """The CTA that a message tells of; None when there is none, or it told of an earlier opening."""

    def end_cta(self, view: CtaView, reason: str, by: str, now: Micros, telling: str, note: message.Alarm) -> bool:
        """Somebody of us closes it; journalled. `telling`: the id of the message that says so. False when it is closed by now."""

    def snooze_cta(self, view: CtaView, until: Micros, line: JournalLine, telling: str, note: message.Alarm) -> bool:
        """Out of the way until then; it counts as open. False when it is closed by now, or that is so already."""

    def wake_ctas(
        self, ids: Collection[str], now: Micros, lines: Sequence[JournalLine], notes: Sequence[message.Alarm],
        telling: Sequence[message.NewMessage] = (),
    ) -> None:  # fmt: skip
        """What was snoozed until now is no more; what was due before is due now."""

    def escalate_ctas(self, ids: Collection[str], at: Micros, alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        """Notes that somebody else was told."""

    def mark_cta(self, marks: Sequence[Mark], lines: Sequence[JournalLine]) -> int:
        """Keeps those that say something new, each with its line of the journal (aligned); how many."""

    def fresh_ctas(self, delivery_now: Micros) -> list[Fresh]:
        """Messages that may be claimed now and would tell of an open CTA of which no post stands."""

    def minutes_told(self, since: Micros) -> list[tuple[str, Micros, int]]:
        """(staff, when, minutes) of the CTAs that were told by messages of their own since."""

    def allot_ctas(self, own: Collection[str], digest: Collection[str], moves: Sequence[message.Move], now: Micros) -> list[message.Move]:
        """Notes which CTAs are told by messages of their own and which in a digest, and makes the moves that hold; those that did."""

    def cta_marks(self, ids: Collection[str]) -> list[Mark]:
        """What was said of these CTAs since they were opened."""

    def ctas(self, ids: Collection[str]) -> Mapping[str, CtaView]:
        """By id, as they stand now."""
