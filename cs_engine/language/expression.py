"""What an author's condition becomes: checked SQL text over the columns of a facts table.

The facts of one tick are two DuckDB tables, `account_facts` and `contact_facts`, one row a subject. A column is
named by the very name that authors write, quoted: "account.plan", "champion.name", "changes_7d", "account.changes_7d",
"reached:habit", "reached_at:habit", "segment:enterprise". Instants are TIMESTAMPTZ. The session's TimeZone is the
project's, and two variables are set: getvariable('now') TIMESTAMPTZ, getvariable('today') DATE (in that zone).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Duration:
    """`3 days`, `2 business days`, `4 hours`, `52 weeks`: exactly one unit."""

    amount: int
    unit: str
    """minutes | hours | days | weeks | business days"""

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if self.amount == 1 else self.unit
        return f"{self.amount} {unit}"
