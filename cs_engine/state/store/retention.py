"""What is old goes."""

from __future__ import annotations

from collections.abc import Mapping

from cs_engine.instants import Micros
from cs_engine.state import collected, retention
from cs_engine.state.store.part import Part

_TOGETHER = 10_000
"""Messages that are bared in one transaction."""


class Retention(Part):
    """Each method is one transaction, unless it says otherwise."""

    def forget_journal(self, before: Micros, limit: int) -> int:
        with self.database.write() as tx:
            self._renew(tx)
            return retention.journal(tx, before, limit) + retention.orders(tx, before)

    def forget_collected(self, before: Micros, limit: int) -> int:
        with self.database.write() as tx:
            self._renew(tx)
            return collected.forget(tx, before, limit)

    def forget_messages(self, before: Micros, limit: int) -> int:
        # Read without a lock, and written in pieces; what is done twice is done once.
        with self.database.read() as tx:
            found = retention.settled(tx, before, limit)
        if found is None:
            return 0
        for first in range(0, len(found.ids), _TOGETHER):
            with self.database.write() as tx:
                self._renew(tx)
                retention.bare(tx, found.ids[first : first + _TOGETHER])
        with self.database.write() as tx:
            retention.bared(tx, found)
        return len(found.ids)

    def forget_events(self, before: Micros, limit: int) -> int:
        with self.database.write() as tx:
            self._renew(tx)
            return retention.events(tx, before, limit)

    def forget_changes(self, before: Micros, needed: Mapping[str, Micros]) -> int:
        with self.database.write() as tx:
            return retention.changes(tx, before, needed) + retention.spells(tx, before)

    def forget_health(self, before: Micros) -> int:
        with self.database.write() as tx:
            return retention.health(tx, before)
