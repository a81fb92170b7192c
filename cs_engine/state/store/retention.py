"""What is old goes."""

from __future__ import annotations

from collections.abc import Mapping

from cs_engine.instants import Micros
from cs_engine.state import collected, retention
from cs_engine.state.store.part import Part


class Retention(Part):
    """Each method is one transaction."""

    def forget_journal(self, before: Micros, limit: int) -> int:
        with self.database.write() as tx:
            self._renew(tx)
            return retention.journal(tx, before, limit) + retention.orders(tx, before)

    def forget_collected(self, before: Micros, limit: int) -> int:
        with self.database.write() as tx:
            self._renew(tx)
            return collected.forget(tx, before, limit)

    def forget_changes(self, before: Micros, needed: Mapping[str, Micros]) -> int:
        with self.database.write() as tx:
            return retention.changes(tx, before, needed) + retention.spells(tx, before)

    def forget_health(self, before: Micros) -> int:
        with self.database.write() as tx:
            return retention.health(tx, before)
