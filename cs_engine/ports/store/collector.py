"""What products tell of what their users do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cs_engine.instants import Micros

if TYPE_CHECKING:
    from cs_engine.usage.collected import Arrived, Collected, ProfileKind


class CollectedMark(NamedTuple):
    """How far what was collected goes: sequences, 0 where there is nothing."""

    first: int
    last: int
    edition: int
    """Rises when something was taken out of what stands there: who has read it reads it anew."""
    profiles: int
    """Rises when a profile changes."""


class Profile(NamedTuple):
    """What calls said of an account (`group`) or a contact (`identify`): of each trait the latest."""

    id: str
    account_id: str
    """Of a contact: the account that it was last said to be of; '' where none was."""
    traits: str
    """JSON: an object without nulls."""
    learned_at: Micros
    """When the first call about it came."""


class Collector(Protocol):
    """What products tell of what their users do."""

    def collect(self, calls: Sequence[Collected]) -> int:
        """Keeps them, and has them on disk when it returns; how many are new: the same message again is nothing."""

    def collected(self, after: int, limit: int) -> list[Arrived]:
        """Those kept after that one (0: from the first), in the order in which they were; so many at most."""

    def collected_mark(self) -> CollectedMark:
        """How far it goes."""

    def profiles(self, kind: ProfileKind) -> list[Profile]:
        """What calls said of accounts, or of contacts, by id."""
