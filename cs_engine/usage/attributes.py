"""What the sources have: names and types of columns. Read by sources/, used to check names and types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cs_engine.language.expression import Type


@dataclass(frozen=True, slots=True)
class Attributes:
    """Columns of accounts and contacts under the names that authors use (`id`, `plan`, …), and of each event source."""

    account: Mapping[str, Type] = field(default_factory=dict)
    contact: Mapping[str, Type] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, Type]] = field(default_factory=dict)
    """Source (`usage`, …) -> its columns: account, contact, event, at, and whatever else it has."""
    blanks: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """`account.renewal_at` -> (rows without a value, rows), for those that have any; empty before the first sync."""
    odd: Mapping[str, str] = field(default_factory=dict)
    """`usage.amount` -> which values made it text, for columns of which almost all values are of another type, as the last sync found."""
    stored: Mapping[str, bool] = field(default_factory=dict)
    """Columns of accounts that playbooks set -> whether the source has it too. What was set goes before what the source says."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """`account.plan`, `usage.event` -> all its values as of the last sync; of text that has few and names nobody, all else is not here."""
    csms: Mapping[str, int] = field(default_factory=dict)
    """What the accounts' CSM column says -> of how many accounts, as of the last sync; empty where it says too many things to be a team."""
    no_zones: Mapping[str, int] = field(default_factory=dict)
    """What accounts and contacts have for a time zone and is none -> how many of them, as of the last sync."""

    in_place: frozenset[str] = frozenset()
    """Sources whose events stay in their database."""
    told: frozenset[str] = frozenset()
    """`account.tier`: columns of accounts whose past their source tells (`learned_at`)."""

    def seen(self, source: str) -> tuple[str, ...]:
        """The names of the events of that source that there have been; none where that is not known."""
        return self.values.get(f"{source}.event", ())

    def alike(self, other: Attributes) -> bool:
        """Whether what was compiled for one fits the other: the same columns of the same types, of as many of which the past is known."""
        mine, theirs = (self.account, self.contact, self.events), (other.account, other.contact, other.events)
        return mine == theirs and self.told == other.told
