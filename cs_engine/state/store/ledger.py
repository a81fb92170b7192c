"""The ledger of touches and reactions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.journey import touch
from cs_engine.ports import JournalLine, LossCount, Touched, TouchView
from cs_engine.state import journal, messages
from cs_engine.state import touches as ledger
from cs_engine.state.store.part import Part


class Ledger(Part):
    """Each method is one transaction."""

    def log_touches(self, touches: Sequence[touch.Touch], reactions: Sequence[touch.Reaction] = ()) -> int:
        with self.database.write() as tx:
            return ledger.log(tx, touches, reactions)

    def touched(self, since: Micros, before: Micros) -> Touched:
        with self.database.read() as tx:
            return ledger.touched(tx, since, before)

    def touches_of(self, account_id: str, since: Micros) -> list[TouchView]:
        with self.database.read() as tx:
            return ledger.of_account(tx, account_id, since)

    def last_playbooks(self, contacts: Collection[str]) -> dict[str, str]:
        with self.database.read() as tx:
            return ledger.last_playbooks(tx, contacts)

    def lost(self) -> set[str]:
        with self.database.read() as tx:
            return ledger.lost(tx)

    def put_lost(self, losses: Sequence[touch.Loss], regained: Collection[str], now: Micros, lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            ledger.put_lost(tx, losses, regained, now)
            journal.append(tx, lines)

    def loss_counts(self) -> list[LossCount]:
        with self.database.read() as tx:
            return ledger.loss_counts(tx)

    def emails_since(self, since: Micros, before: Micros) -> tuple[list[str], list[str], list[int]]:
        with self.database.read() as tx:
            return messages.emails_since(tx, since, before)
