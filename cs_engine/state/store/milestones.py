"""Milestones that were latched."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.ports import JournalLine, MilestoneView, Reached, Word
from cs_engine.state import milestones as _milestones
from cs_engine.state.store.part import Part


class Milestones(Part):
    """Each method is one transaction."""

    def milestones(self, known_by: Micros | None = None) -> dict[str, tuple[list[str], list[Micros]]]:
        with self.database.read() as tx:
            return _milestones.reached(tx, known_by)

    def milestones_of(self, account_id: str) -> list[MilestoneView]:
        with self.database.read() as tx:
            return _milestones.of(tx, account_id)

    def claims(self, milestones: Collection[str], known_by: Micros) -> dict[str, tuple[list[str], list[Micros]]]:
        with self.database.read() as tx:
            return _milestones.claims(tx, milestones, known_by)

    def doubts(self, milestones: Collection[str], known_by: Micros) -> dict[str, tuple[list[str], list[Micros]]]:
        with self.database.read() as tx:
            return _milestones.doubts(tx, milestones, known_by)

    def counted(self, milestones: Collection[str]) -> dict[str, tuple[list[str], list[Micros]]]:
        with self.database.read() as tx:
            return _milestones.counted(tx, milestones)

    def confirmed_in(self, milestones: Collection[str], after: Micros, until: Micros) -> dict[str, int]:
        with self.database.read() as tx:
            return _milestones.confirmed_in(tx, milestones, after, until)

    def missing(self, milestone: str, accounts: Collection[str]) -> dict[str, tuple[str, str]]:
        with self.database.read() as tx:
            return _milestones.missing(tx, milestone, accounts)

    def known_milestones(self, by: Micros | None = None) -> set[str]:
        with self.database.read() as tx:
            return _milestones.known(tx, by)

    def asking_milestones(self) -> set[str]:
        with self.database.read() as tx:
            return _milestones.asking(tx)

    def history(self, milestone: str) -> list[str]:
        with self.database.read() as tx:
            return _milestones.history(tx, milestone)

    def latch(
        self, milestone: str, reached: Sequence[Reached], now: Micros, history: bool, journal: Sequence[JournalLine], *, asks: bool = False
    ) -> None:
        with self.database.write() as tx:
            _milestones.latch(tx, milestone, reached, now, history, journal, asks=asks)

    def ask_no_more(self, milestone: str, now: Micros) -> None:
        with self.database.write() as tx:
            _milestones.ask_no_more(tx, milestone, now)

    def see_to_asked(self, milestone: str, playbook: str, step: str, now: Micros) -> None:
        with self.database.read() as tx:
            told = _milestones.seen_of_asked(tx, milestone, playbook, step, now)
        if told:
            with self.database.write() as tx:
                _milestones.note_asked(tx, milestone, told, now)

    def confirm(self, word: Word) -> bool:
        with self.database.write() as tx:
            return _milestones.say(tx, word)
