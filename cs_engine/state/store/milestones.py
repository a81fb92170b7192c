"""Milestones that were latched."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.instants import Micros
from cs_engine.ports import JournalLine
from cs_engine.state import milestones
from cs_engine.state.store.part import Part


class Milestones(Part):
    """Each method is one transaction."""

    def milestones(self) -> dict[str, tuple[list[str], list[Micros]]]:
        with self.database.read() as tx:
            return milestones.reached(tx)

    def known_milestones(self) -> set[str]:
        with self.database.read() as tx:
            return milestones.known(tx)

    def history(self, milestone: str) -> list[str]:
        with self.database.read() as tx:
            return milestones.history(tx, milestone)

    def latch(self, milestone: str, accounts: Sequence[str], now: Micros, history: bool, journal: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            milestones.latch(tx, milestone, accounts, now, history, journal)
