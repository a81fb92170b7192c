"""Milestones that were latched."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.instants import Micros
from cs_engine.ports import JournalLine, MilestoneView, Reached
from cs_engine.state import milestones
from cs_engine.state.store.part import Part


class Milestones(Part):
    """Each method is one transaction."""

    def milestones(self, known_by: Micros | None = None) -> dict[str, tuple[list[str], list[Micros]]]:
        with self.database.read() as tx:
            return milestones.reached(tx, known_by)

    def milestones_of(self, account_id: str) -> list[MilestoneView]:
        with self.database.read() as tx:
            return milestones.of(tx, account_id)

    def known_milestones(self) -> set[str]:
        with self.database.read() as tx:
            return milestones.known(tx)

    def history(self, milestone: str) -> list[str]:
        with self.database.read() as tx:
            return milestones.history(tx, milestone)

    def latch(self, milestone: str, reached: Sequence[Reached], now: Micros, history: bool, journal: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            milestones.latch(tx, milestone, reached, now, history, journal)
