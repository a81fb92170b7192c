"""How healthy accounts have been."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.journey.health import HealthRow
from cs_engine.state import health
from cs_engine.state.store.part import Part


class Health(Part):
    """Each method is one transaction."""

    def health(self) -> dict[str, HealthRow]:
        with self.database.read() as tx:
            return health.standing(tx)

    def health_bands(self) -> dict[str, str]:
        with self.database.read() as tx:
            return health.bands(tx)

    def put_health(self, rows: Sequence[HealthRow], gone: Collection[str], now: Micros) -> None:
        with self.database.write() as tx:
            self._renew(tx)
            health.put(tx, rows, gone, now)

    def health_at(self, at: Micros) -> dict[str, HealthRow]:
        with self.database.read() as tx:
            return health.at(tx, at)

    def health_of(self, account_id: str, since: Micros) -> list[HealthRow]:
        with self.database.read() as tx:
            return health.of(tx, account_id, since)

    def health_began(self) -> Micros | None:
        with self.database.read() as tx:
            return health.began(tx)
