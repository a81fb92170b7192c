"""What accounts have reached."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple, Protocol

from cs_engine.instants import Micros
from cs_engine.ports.store.records import JournalLine


class Reached(NamedTuple):
    """An account has reached a milestone."""

    account_id: str
    at: Micros
    """When it became true; the now of the tick that saw it where nobody can tell."""
    seen: str
    """JSON of what its condition named then."""


class Word(NamedTuple):
    """What a customer, or one of us for them, says of a milestone that customers confirm."""

    account_id: str
    milestone: str
    yes: bool
    """False: "not yet"."""
    at: Micros
    because: str
    """Whose word it is, for the journal."""
    message_id: str = ""
    """The message that asked; '' where somebody of us says it."""


class MilestoneView(NamedTuple):
    """A milestone whose condition has come true of an account."""

    milestone: str
    reached_at: Micros
    known_at: Micros
    """The now of the tick that saw it."""
    history: bool
    """Whether it was true when the milestone was looked at for the first time."""
    seen: str
    """JSON of what its condition named when it became true; '' where that was not kept."""
    counts_at: Micros | None = None
    """Since when it counts: of one that customers confirm since their yes; None while it waits for that."""
    word: Literal["", "asked", "not_yet", "nobody"] = ""
    """What is known of that: it was asked for, they said "not yet", or nobody could be asked. '': none of these, or it is not asked for."""
    word_at: Micros | None = None


class Milestones(Protocol):
    """What accounts have reached."""

    def milestones(self, known_by: Micros | None = None) -> dict[str, tuple[list[str], list[Micros]]]:
        """Milestone -> (accounts, reached_at) of all that count; `known_by`: of those that did so by then."""

    def claims(self, milestones: Collection[str], known_by: Micros) -> dict[str, tuple[list[str], list[Micros]]]:
        """The same of all that a tick had seen to be true by then, of these milestones, whether they count or not."""

    def doubts(self, milestones: Collection[str], known_by: Micros) -> dict[str, tuple[list[str], list[Micros]]]:
        """Milestone -> (accounts, since when): who had said "not yet" by then, or could not be asked, and has not said yes since."""

    def counted(self, milestones: Collection[str]) -> dict[str, tuple[list[str], list[Micros]]]:
        """Milestone -> (accounts, when it was reached; where the customer had to say yes, when they did), of those that count."""

    def confirmed_in(self, milestones: Collection[str], after: Micros, until: Micros) -> dict[str, int]:
        """Milestone -> how many customers said yes in that time."""

    def missing(self, milestone: str, accounts: Collection[str]) -> dict[str, tuple[str, str]]:
        """Account -> (what is known of its word, what the customer wrote with it; '' where nothing)."""

    def milestones_of(self, account_id: str) -> list[MilestoneView]:
        """What has come true of one account, oldest first."""

    def known_milestones(self, by: Micros | None = None) -> set[str]:
        """Milestones that have been evaluated (`by` then); what is true at a milestone's first evaluation is history."""

    def asking_milestones(self) -> set[str]:
        """Those whose customers were asked when they were latched last."""

    def history(self, milestone: str) -> list[str]:
        """Accounts that had reached it before its first evaluation."""

    def latch(
        self, milestone: str, reached: Sequence[Reached], now: Micros, history: bool, journal: Sequence[JournalLine], *, asks: bool = False
    ) -> None:
        """Latches it for those accounts (again is nothing) and makes the milestone known. `asks`: it counts once the customer has said so,
        unless it is history.
        """

    def ask_no_more(self, milestone: str, now: Micros) -> None:
        """From now on it counts of all who wait: nobody is asked any more."""

    def see_to_asked(self, milestone: str, playbook: str, step: str, now: Micros) -> None:
        """Of those who wait, notes who was asked by that step, and of whom nobody could be: all their passages have ended without it.

        What those asked had answered before it was latched, is their word.
        """

    def confirm(self, word: Word) -> bool:
        """Somebody of us says yes for the customer; False where nothing waits for it."""
