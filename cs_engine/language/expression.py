"""What an author's condition becomes: checked SQL text over the columns of a facts table.

The facts of one tick are two DuckDB tables, `account_facts` and `contact_facts`, one row a subject. A column is
named by the very name that authors write, quoted: "account.plan", "champion.name", "changes_7d", "account.changes_7d",
"reached:habit", "reached_at:habit", "segment:enterprise". Instants are TIMESTAMPTZ. The session's TimeZone is the
project's, and two variables are set: getvariable('now') TIMESTAMPTZ, getvariable('today') DATE (in that zone).

What was kept when a passage began ("event.area") is read from a column "#kept" beside those: JSON, by the very names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

EVENT = "event."
"""Begins the names of what was so of the event that a passage began with."""
AT_ENTRY = "at_entry:"
"""Begins the names of what expressions were when the passage began."""
OF_PASSAGE = (EVENT, AT_ENTRY)
"""Begins the names that are a passage's own, not its subject's."""


class Grain(StrEnum):
    """Whose row a condition reads."""

    ACCOUNT = "account"
    CONTACT = "contact"

    @property
    def table(self) -> str:
        return f"{self.value}_facts"


class Type(StrEnum):
    BOOLEAN = "yes/no"
    NUMBER = "number"
    TEXT = "text"
    INSTANT = "time"
    DURATION = "duration"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Expression:
    """One checked scalar expression. As a condition its type is BOOLEAN and its SQL is never NULL (blank is false)."""

    text: str
    """As the author wrote it."""
    grain: Grain
    sql: str
    """DuckDB SQL over the quoted columns of `grain.table`."""
    type: Type
    names: tuple[str, ...]
    """The columns it reads, sorted: what `why` shows."""
    meant: str = field(default="", compare=False, repr=False)
    """What was compiled, where that is not the text: an older version keeps the segments that it knew."""
    at_entry: tuple[Expression, ...] = field(default=(), compare=False, repr=False)
    """What it asks to be kept when a passage begins; each is known as `at_entry:` and its text."""
    spells: tuple[Spell, ...] = field(default=(), compare=False, repr=False)
    """What it asks held(…) of: the engine remembers since when each is true."""

    @property
    def of_passage(self) -> bool:
        """Whether it reads what was kept when the passage began: two passages of one subject may differ in it."""
        return any(name.startswith(OF_PASSAGE) for name in self.names)


class Spell(NamedTuple):
    """A condition of which somebody asks how long it has been true without a break."""

    column: str
    """The column of the facts that says since when; with another meaning of the condition it is another."""
    condition: Expression


@dataclass(frozen=True, slots=True)
class Duration:
    """`3 days`, `2 business days`, `4 hours`, `52 weeks`: exactly one unit."""

    amount: int
    unit: str
    """minutes | hours | days | weeks | business days"""

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if self.amount == 1 else self.unit
        return f"{self.amount} {unit}"
