"""Mails that are read before they go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cs_engine.instants import Micros
from cs_engine.journey import message
from cs_engine.journey.approval import Approval
from cs_engine.ports import Candidate, Envelope, JournalLine
from cs_engine.state import approvals as _approvals
from cs_engine.state import claims
from cs_engine.state.store.part import Part


class Approvals(Part):
    """Each method is one transaction."""

    def unread(self, steps: Collection[str]) -> list[Candidate]:
        with self.database.read() as tx:
            return claims.unread(tx, steps)

    def ask_approval(self, asked: Sequence[Approval], alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            _approvals.ask(tx, asked, alarms, lines)

    def approvals(self, ids: Collection[str]) -> Mapping[str, Approval]:
        with self.database.read() as tx:
            return _approvals.of(tx, ids)

    def envelope(self, message_id: str) -> Envelope | None:
        with self.database.read() as tx:
            return _approvals.envelope(tx, message_id)

    def approvals_of(self, enrolments: Collection[str]) -> list[Approval]:
        with self.database.read() as tx:
            return _approvals.of_passages(tx, enrolments)

    def approvals_waiting(self) -> list[Approval]:
        with self.database.read() as tx:
            return _approvals.waiting(tx)

    def unanswered(self, steps: Collection[str]) -> list[Candidate]:
        with self.database.read() as tx:
            return claims.unanswered(tx, steps)

    def move_deadlines(self, moved: Sequence[tuple[str, Micros]]) -> None:
        with self.database.write() as tx:
            _approvals.move_deadlines(tx, moved)

    def escalate_approval(self, ids: Collection[str], at: Micros, alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            _approvals.escalate(tx, ids, at, alarms, lines)

    def answer_approval(self, given: Approval, line: JournalLine) -> bool:
        with self.database.write() as tx:
            return _approvals.answer(tx, given, line)
