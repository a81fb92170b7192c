"""What all parts of the store share: the database, its clock, and the lease of a tick."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from cs_engine.clock import Clock, SystemClock
from cs_engine.instants import Micros, to_micros
from cs_engine.state import doctor, ticks
from cs_engine.state.database import BUSY_SECONDS, Database, Tx
from cs_engine.state.migrations import migrate


class Part:
    """A database that is open."""

    def __init__(self, url: str, clock: Clock | None = None, patience: float = BUSY_SECONDS) -> None:
        """`clock` is real wall time, which leases run by."""
        self.database = Database(url, patience)
        """For this package alone."""
        self._clock = clock or SystemClock()
        self._holds: tuple[str, Micros] | None = None
        """The holder of the tick that this store began, and when its lease is to be renewed."""

    def make_folder(self) -> None:
        self.database.make_folder()

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def migrate(self) -> None:
        migrate(self.database)

    def doctor_facts(self) -> doctor.DoctorFacts:
        """What `cs-engine doctor` says of the database."""
        with self.database.read() as tx:
            return doctor.facts(tx)

    def _renew(self, tx: Tx) -> None:
        # A long tick says now and then that it lives, with what it writes anyway.
        if self._holds is None:
            return
        holder, due = self._holds
        wall = self._wall()
        if wall >= due:
            ticks.renew(tx, holder, wall)
            self._holds = (holder, wall + ticks.LEASE // 4)

    def _wall(self) -> Micros:
        return to_micros(self._clock.now())
