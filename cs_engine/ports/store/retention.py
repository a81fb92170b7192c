"""What is old goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cs_engine.instants import Micros


class Retention(Protocol):
    """What is old goes."""

    def forget_journal(self, before: Micros, limit: int) -> int:
        """Deletes lines of the journal (at most so many) and orders for steps of passages that ended before then; how many rows."""

    def forget_collected(self, before: Micros, limit: int) -> int:
        """Deletes calls that came before then, so many at most; how many."""

    def forget_messages(self, before: Micros, limit: int) -> int:
        """Bares messages that were settled before then of what they said and of what was told of those that arrived, in several
        transactions: about so many at once. How many; 0: none is left. The messages themselves stay.
        """

    def forget_events(self, before: Micros, limit: int) -> int:
        """Deletes a mail provider's events that happened, and were applied, before then: so many at most; how many."""

    def forget_changes(self, before: Micros, needed: Mapping[str, Micros]) -> int:
        """Deletes changes of watched values and spells that were over before then. `needed`: name -> since when its changes are still
        looked at.
        """

    def forget_health(self, before: Micros) -> int:
        """Deletes health that has been another since before then; how many rows."""
