"""What one claim took, and for how long it may be sent: a process that was stopped, and wakes too late, sends nothing any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

from cs_engine.clock import Clock, steady
from cs_engine.instants import to_micros
from cs_engine.ports import Claim, Store

log = logging.getLogger(__name__)

MOST_FLYING = 2
"""Batches on their way at once, so that other processes always have something to do. So many are in doubt when this one dies."""

_SENDABLE = 0.7
"""The share of a lease within which a send may begin. The rest is for its answer, and for what clocks of other machines differ by."""
_RENEWED_AFTER = 0.25


class Lease:
    """Threads may share it. It is measured by a clock that nobody can set, from before the claim began."""

    def __init__(self, store: Store, wall: Clock, claim: Claim, began: float, clock: Callable[[], float] = steady) -> None:
        """`began`: what `clock` said before the claim was made."""
        self._store, self._wall, self._clock = store, wall, clock
        self._taken: Mapping[str, int] = {c.id: c.fence for c in claim.dispatching}
        self._seconds = claim.lease / 1_000_000
        self._began = began
        self._lost: frozenset[str] = frozenset()

    def holds(self, id: str) -> bool:
        """Whether a send of that message may begin now. Asked before each; it looks at a clock alone."""
        return id not in self._lost and self._clock() < self.ends

    @property
    def ends(self) -> float:
        """What the clock says when no send may begin any more, unless it is renewed: for other processes, whose clock is the same."""
        return self._began + self._seconds * _SENDABLE

    def renew(self) -> None:
        """Leases anew what nobody else has taken since; the rest is lost for good."""
        began = self._clock()
        kept = self._store.renew(to_micros(self._wall.now()), list(self._taken.items()))
        self._lost = frozenset(self._taken.keys() - kept)
        self._began = began

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renewed while what is inside lasts, and before it where the claim was long ago."""
        if not self._taken:
            yield
            return
        if self._clock() - self._began > self._seconds * _RENEWED_AFTER:
            self._try()
        done = Event()
        beside = Thread(target=self._keep, args=(done,), name="cs-engine-lease", daemon=True)
        beside.start()
        try:
            yield
        finally:
            done.set()
            beside.join()

    def _keep(self, done: Event) -> None:
        while not done.wait(self._seconds * _RENEWED_AFTER):
            self._try()

    def _try(self) -> None:
        try:
            self.renew()
        except Exception as error:  # noqa: BLE001 - a lease that cannot be renewed runs out, which is what it is for
            log.warning("a lease could not be renewed: %s", type(error).__name__)
