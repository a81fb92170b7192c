"""What people ask about: journal, passages, messages."""

from __future__ import annotations

from collections.abc import Collection

from cs_engine.instants import Micros
from cs_engine.ports import EnrolmentView, JournalLine, MessageView
from cs_engine.state import enrolments, journal, messages, plans
from cs_engine.state.store.part import Part


class Records(Part):
    """Each method is one transaction."""

    def versions(self, playbook: str) -> list[str]:
        with self.database.read() as tx:
            return plans.versions(tx, playbook)

    def journal(self, account_id: str, playbook: str, limit: int = 200) -> list[JournalLine]:
        with self.database.read() as tx:
            return journal.latest(tx, account_id, playbook, limit)

    def journal_of(
        self, playbook: str, accounts: Collection[str], enrolments: Collection[str], events: Collection[str]
    ) -> list[JournalLine]:
        with self.database.read() as tx:
            return journal.of(tx, playbook, accounts, enrolments, events)

    def pauses_of(self, account_id: str, playbook: str, until: Micros) -> list[JournalLine]:
        with self.database.read() as tx:
            return journal.pauses(tx, account_id, playbook, until)

    def enrolments_of(self, account_id: str, playbook: str) -> list[EnrolmentView]:
        with self.database.read() as tx:
            return enrolments.of_account(tx, account_id, playbook)

    def messages_of(self, account_id: str, playbook: str) -> list[MessageView]:
        with self.database.read() as tx:
            return messages.of_account(tx, account_id, playbook)
