"""What the names of an expression stand for: given by whoever compiles one, for its place in the project."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.language.problems import Edit, Place, Problems

_WORDS = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")

PlaceOf = Callable[[int, int], Place]
"""(offset, length) in the text -> its place: `Document.within` for one path."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column that the expression may read."""

    name: str
    """Its name in the table, and in `Expression.names`."""
    type: Type
    sql: str = ""
    """Its SQL, when that is not the quoted name."""
    values: tuple[str, ...] = ()
    """All that it has been seen to be, where that is known: text beside it that is none of these is doubted."""

    def to_sql(self) -> str:
        return self.sql or quoted(self.name)


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant of the playbook: `vars.x`."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class NotHere:
    """A name that means something, but not here, or not yet."""

    reason: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the steps of a playbook ask, as columns of the facts."""

    answers: Mapping[str, Column] = field(default_factory=dict)
    """`step.field` -> its answer."""
    done: Mapping[str, Column] = field(default_factory=dict)
    """Step that asks -> whether all of it has been answered."""
    silent: Collection[str] = ()
    """Steps that ask nothing."""


NOTHING_ASKED = Asked()


def kept(name: str, of: Type) -> Column:
    """A column of what was kept when the passage began; blank where it was not, or is not of that type any more."""
    text = f'json_extract_string("#kept", {pointer(name)})'
    cast = {Type.NUMBER: "DOUBLE", Type.BOOLEAN: "BOOLEAN", Type.INSTANT: "TIMESTAMPTZ"}.get(of)
    return Column(name, of, f"TRY_CAST({text} AS {cast})" if cast else text)


def pointer(name: str) -> str:
    """SQL of where that name stands in what was kept."""
    return "'/" + name.replace("~", "~0").replace("/", "~1").replace("'", "''") + "'"


class Events(Protocol):
    """What happened('…') may ask: the subject's events."""

    def scope_of(self, event: str) -> Scope | NotHere:
        """What names stand for in a condition over events of that name: columns of their own."""

    def plain(self, event: str) -> str:
        """The event's own name, without the source that it may be said to be of."""

    def count(self, name: str, event: str, where: str, reads: tuple[str, ...]) -> Column:
        """The column, called `name`, of how many of these events there were. `where`: SQL, '' for all; `reads`: its columns."""

    def time(self, name: str, event: str, where: str, reads: tuple[str, ...], *, last: bool) -> Column:
        """The column of when the last, or the first, of these events was; blank where there was none."""


class Spells(Protocol):
    """What held(…) may ask: since when a condition has been true of the subject."""

    def since(self, condition: Expression) -> Column:
        """The time since when; blank before it was first seen to be true."""


class Scope(Protocol):
    """Resolves the names of one grain."""

    @property
    def begun(self) -> bool:
        """Whether a passage has begun where this is asked: at_entry(…) is known."""

    @property
    def events(self) -> Events | None:
        """For happened('…'); None where it cannot be asked."""

    @property
    def spells(self) -> Spells | None:
        """For held(…); None where it cannot be asked."""

    @property
    def grain(self) -> Grain: ...

    @property
    def milestones(self) -> Collection[str]:
        """For reached('…'): the column is `reached:<milestone>`."""

    @property
    def confirmed(self) -> Collection[str]:
        """The milestones that customers confirm: for claimed('…') and doubted('…'), the columns `claimed:<milestone>` and so on."""

    @property
    def segments(self) -> Collection[str]:
        """For in_segment('…'): the column is `segment:<segment>`."""

    @property
    def calendars(self) -> Collection[str]:
        """For in_calendar('…'): the variable is `calendar <calendar>`."""

    @property
    def asked(self) -> Asked | None:
        """For answer('…') and done('…'); None where no playbook is read."""

    def resolve(self, name: str) -> Column | Literal | NotHere | None:
        """What `name` (dots included) stands for; None when nobody knows it."""

    def names(self) -> Collection[str]:
        """All names that resolve to something: for "did you mean"."""


@dataclass(slots=True)
class Reporter:
    """Adds the problems of one expression, by offset in its text."""

    text: str
    place_of: PlaceOf
    problems: Problems
    failed: bool = field(default=False)

    def add(self, start: int, end: int, code: str, message: str, mend: str = "", edit: str | tuple[int, int, str] | None = None) -> None:
        """`edit`: what in place of these words, or of those from here to there, is right for certain."""
        self.failed = True
        place = self.place_of(start, max(1, end - start))
        self.problems.add(
            place, code, message, mend, edit=None if edit is None else self._edit((start, end, edit) if isinstance(edit, str) else edit)
        )

    def doubt(self, start: int, end: int, code: str, message: str, mend: str = "") -> None:
        """A warning: what is written can be meant so."""
        self.problems.warn(self.place_of(start, max(1, end - start)), code, message, mend)

    def _edit(self, given: tuple[int, int, str]) -> Edit:
        start, end, text = given
        return Edit(self.place_of(start, max(1, end - start)), self.text[start:end], text)


def quoted(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def written(name: str) -> str:
    """A name as conditions write it: a column whose name is no word stands in double quotes."""
    head, dot, column = name.partition(".")
    return name if not dot or _WORDS.fullmatch(column) else f"{head}.{quoted(column)}"
