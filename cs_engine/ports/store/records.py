"""What `why` tells of one account in one playbook, and CTAs of theirs."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from cs_engine.instants import Micros


class JournalLine(NamedTuple):
    at: Micros
    """The tick's now."""
    playbook: str
    account_id: str
    subject_id: str
    enrolment_id: str
    step: str
    event: str
    """entered | advanced | finished | planned | held | skipped | accepted | rejected | uncertain | milestone
    | cta_opened | cta_closed | passed_over | …"""
    reason: str
    seen: str
    """JSON of the values that the deciding condition named; '' when there was none."""


class EnrolmentView(NamedTuple):
    id: str
    digest: str
    subject_id: str
    key: str
    passage: int
    state: str
    step: str
    otherwise_done: bool
    since: Micros
    entered_at: Micros
    finished_at: Micros | None
    finished_reason: str
    held_since: Micros | None
    control: bool


class MessageView(NamedTuple):
    id: str
    enrolment_id: str
    step: str
    kind: str
    recipient: str
    state: str
    reason: str
    until: Micros | None
    planned_at: Micros
    settled_at: Micros | None
    moved_at: Micros
    """The now of the tick in which its state last changed."""
    delivery: str = ""
    """What the provider told of it since: delivered | bounced | …; '' for nothing."""
    delivery_reason: str = ""
    delivery_at: Micros | None = None
    opens: int = 0
    """By people."""
    clicks: int = 0
    machine_opens: int = 0
    machine_clicks: int = 0


class Records(Protocol):
    """What `why` tells of one account in one playbook, and CTAs of theirs."""

    def journal_of(
        self, playbook: str, accounts: Collection[str], enrolments: Collection[str], events: Collection[str]
    ) -> list[JournalLine]:
        """The lines of these passages that tell of such events, oldest first."""

    def journal(self, account_id: str, playbook: str, limit: int = 200) -> list[JournalLine]: ...

    def pauses_of(self, account_id: str, playbook: str, until: Micros) -> list[JournalLine]:
        """When the playbook, or the account in it, was paused and resumed by then, oldest first."""

    def versions(self, playbook: str) -> list[str]:
        """The digests of all versions that anybody could enter, oldest first."""

    def enrolments_of(self, account_id: str, playbook: str) -> list[EnrolmentView]: ...

    def messages_of(self, account_id: str, playbook: str) -> list[MessageView]: ...
