"""Whether the vendor takes anything now, for all parcels alike. Pure: the caller says what time it is."""

from __future__ import annotations

import math
import random
from typing import NamedTuple

from cs_engine.ports import Holds, Outcome, always

_LONGEST_BACKOFF = 60.0
_DEAD_AFTER = 3
"""Failures to connect, one after another, after which the rest of the batch is spared the wait."""
_DOUBTFUL_AFTER = 5
"""Requests in a row whose fate nobody knows, after which no more are risked."""
_DOUBTFUL_FOR = 30.0
_BATCH_WITHIN = 120.0
"""Seconds after which a batch begins no more parcels: the engine's lease on them lasts five minutes."""


class Batch(NamedTuple):
    """Parcels that are sent together. Several may be under way at once."""

    number: int
    holds: Holds
    ends: float


class Door:
    """Open until a vendor limits us or falls silent (shut for a time, over batches), or refuses all of a batch (a bad key, no connection).

    Times are seconds of any clock that only goes forward. A parcel that comes while the door is shut is a `retry`: it never left.
    """

    def __init__(self) -> None:
        self.heard = False
        """Whether the vendor answers. Before it has, one parcel is worth the risk, not as many as there are connections."""
        self._shut_until, self._shut_while = -math.inf, ""
        self._shut_for, self._shut_to = "", 0
        """Why, and the last batch that it is shut to."""
        self._batch = Batch(0, always, math.inf)
        self._limits = self._failed_connections = self._doubts = 0

    def new_batch(self, now: float, holds: Holds = always) -> Batch:
        """What was refused to those before is tried again; a limit that still lasts stays. `holds`: of which parcels we may send."""
        self._failed_connections = self._doubts = 0
        self._batch = Batch(self._batch.number + 1, holds, now + _BATCH_WITHIN)
        return self._batch

    def closed(self, id: str, now: float, batch: Batch | None = None) -> Outcome | None:
        """The outcome of a parcel, of the latest batch unless another is named, that would be sent at `now`; None when the door is open."""
        number, holds, ends = batch or self._batch
        if not holds(id):
            return Outcome(id, "retry", "lease_over", blameless=True)
        if self._shut_for and number <= self._shut_to:
            return Outcome(id, "retry", self._shut_for, blameless=True)
        if now < self._shut_until:
            wait = _milliseconds_up(self._shut_until - now)
            return Outcome(id, "retry", self._shut_while, retry_after=wait, blameless=True)
        return Outcome(id, "retry", "slow", blameless=True) if now > ends else None

    def limited(self, id: str, now: float, wait: float | None) -> Outcome:
        """The vendor answered 429, to come again in `wait` seconds; when it does not say, we wait longer each time, with jitter."""
        if wait is None and now < self._shut_until:
            wait = self._shut_until - now  # one of those that were on their way when the first was answered
        elif wait is None:
            self._limits += 1
            wait = min(_LONGEST_BACKOFF, 2.0**self._limits) * random.uniform(0.5, 1)  # noqa: S311  jitter, not a secret
        self._shut(now + wait, "rate_limited")
        return Outcome(id, "retry", "rate_limited", retry_after=_milliseconds_up(wait), blameless=True)

    def shut(self, code: str) -> bool:
        """Nothing more is tried of the batches that are under way. True the first time: then it is worth a line in the log."""
        if self._shut_for and self._shut_to == self._batch.number:
            return False
        self._shut_for, self._shut_to, self.heard = code, self._batch.number, False
        return True

    def unreachable(self) -> None:
        """A connection could not be made."""
        self._failed_connections += 1
        if self._failed_connections >= _DEAD_AFTER:
            self.shut("no_connection")

    def doubtful(self, now: float) -> None:
        """Nobody knows whether a parcel was taken. After some in a row no more are risked for a while."""
        self._doubts += 1
        if self._doubts >= _DOUBTFUL_AFTER:
            self.heard = False
            self._shut(now + _DOUBTFUL_FOR, "unavailable")

    def answered(self) -> None:
        """The vendor took a parcel, or refused that one: it is there and it does not limit us."""
        self._failed_connections = self._limits = self._doubts = 0
        self.heard = True

    def learned(self, outcome: Outcome, now: float) -> Outcome:
        """What one parcel's outcome says about the next; hands the outcome back."""
        if outcome.kind in {"accepted", "rejected"}:
            self.answered()
        elif outcome.kind == "uncertain":
            self.doubtful(now)
        elif outcome.code == "no_connection":
            self.unreachable()
        return outcome

    def _shut(self, until: float, code: str) -> None:
        if until > self._shut_until:
            self._shut_until, self._shut_while = until, code


def _milliseconds_up(seconds: float) -> float:
    # Rounded down, one would come a moment before the door opens.
    return math.ceil(seconds * 1000) / 1000
