"""Where each column of a facts table comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cs_engine.language.expression import Type
from cs_engine.usage.windows import Window


class NameInfo(NamedTuple):
    """A name that conditions and templates may use: what editors and `list` show."""

    name: str
    type: Type
    description: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column of the subject's own row in its source."""

    column: str
    type: Type


@dataclass(frozen=True, slots=True)
class Stored:
    """A column of accounts that playbooks set: what they set, else what the source says where it has it."""

    column: str
    type: Type
    in_source: bool


@dataclass(frozen=True, slots=True)
class Champion:
    """A column of the account's champion as of `now`; blank where there is none."""

    column: str
    type: Type


@dataclass(frozen=True, slots=True)
class Streak:
    """Touches without a reaction since: counted when it is asked for; 0 for who has none."""

    type: Type = Type.NUMBER


@dataclass(frozen=True, slots=True)
class Counted:
    """What only our own tables know, laid over the facts; 0 for the rest, and a score blank."""

    name: str
    type: Type = Type.NUMBER


@dataclass(frozen=True, slots=True)
class Latch:
    """A time that our tables know of an account and a milestone, such as when it was reached; blank when they do not."""

    column: str
    type: Type = Type.INSTANT


@dataclass(frozen=True, slots=True)
class Measured:
    """A window metric over the subject's own events."""

    window: Window

    @property
    def type(self) -> Type:
        return self.window.type


@dataclass(frozen=True, slots=True)
class Derived:
    """An expression over other columns of the same table."""

    sql: str
    type: Type
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfAccount:
    """On the contact's table: a column of its account's row."""

    column: str
    type: Type


@dataclass(frozen=True, slots=True)
class Answered:
    """What those answered who stand in a playbook, laid over the facts (see `answers`)."""

    column: str
    type: Type


@dataclass(frozen=True, slots=True)
class Since:
    """Since when a condition has been true without a break, laid over the facts (see `spells`); blank where it is not known to be."""

    column: str
    type: Type = Type.INSTANT


Origin = Attribute | Stored | Champion | Counted | Streak | Latch | Measured | Derived | OfAccount | Answered | Since
