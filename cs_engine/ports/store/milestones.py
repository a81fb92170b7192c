"""What accounts have reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.ports.store.records import JournalLine


class Reached(NamedTuple):
    """An account has reached a milestone."""

    account_id: str
    at: Micros
    """When it became true; the now of the tick that saw it where nobody can tell."""
    seen: str
    """JSON of what its condition named then."""


class MilestoneView(NamedTuple):
    """A milestone that an account has reached."""

    milestone: str
    reached_at: Micros
    known_at: Micros
    """The now of the tick that saw it."""
    history: bool
    """Whether it was true when the milestone was looked at for the first time."""
    seen: str
    """JSON of what its condition named when it became true; '' where that was not kept."""


class Milestones(Protocol):
    """What accounts have reached."""

    def milestones(self, known_by: Micros | None = None) -> dict[str, tuple[list[str], list[Micros]]]:
        """Milestone -> (accounts, reached_at) of all latched; `known_by`: of those that a tick had seen by then."""

    def milestones_of(self, account_id: str) -> list[MilestoneView]:
        """What one account has reached, oldest first."""

    def known_milestones(self) -> set[str]:
        """Milestones that have been evaluated before; what is true at a milestone's first evaluation is history."""

    def history(self, milestone: str) -> list[str]:
        """Accounts that had reached it before its first evaluation."""

    def latch(self, milestone: str, reached: Sequence[Reached], now: Micros, history: bool, journal: Sequence[JournalLine]) -> None:
        """Latches it for those accounts (again is nothing) and makes the milestone known."""
