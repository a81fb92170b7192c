"""Ticks: who holds one, which were done."""

from __future__ import annotations

from collections.abc import Mapping

from cs_engine.instants import Micros
from cs_engine.ports import Tick
from cs_engine.state import edits, plans, ticks
from cs_engine.state.store.part import Part


class Ticks(Part):
    """Each method is one transaction."""

    def begin_tick(self, now: Micros, holder: str) -> Tick:
        wall = self._wall()
        with self.database.write() as tx:
            tick = ticks.begin(tx, now, holder, wall)
        self._holds = (holder, wall + ticks.LEASE // 4)
        return tick

    def end_tick(self, now: Micros, holder: str, next_due: Mapping[str, Micros]) -> None:
        self._holds = None
        with self.database.write() as tx:
            ticks.end(tx, now, holder, self._wall())
            plans.set_due(tx, next_due)
            edits.drop_used(tx)

    def release_tick(self, holder: str) -> None:
        self._holds = None
        with self.database.write() as tx:
            ticks.release(tx, holder)

    def last_tick(self) -> Micros | None:
        with self.database.read() as tx:
            return ticks.last(tx)

    def ticks_before(self, now: Micros, limit: int) -> list[Micros]:
        with self.database.read() as tx:
            return ticks.before(tx, now, limit)
