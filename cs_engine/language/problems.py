"""Problems in what authors wrote: placed, coded, with a mend. All of a pass are reported at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

_SHOWN = 160
"""Characters of a source line."""


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a piece of text stands. `file` is relative to the project, `line` and `column` count from 1 (columns in characters)."""

    file: str
    line: int = 1
    column: int = 1
    length: int = 1

    def at(self, offset: int, length: int = 1) -> Place:
        """A place `offset` characters further on the same line."""
        return Place(self.file, self.line, self.column + offset, max(1, length))


@dataclass(frozen=True, slots=True)
class Edit:
    """What mends a problem for certain: `text` in place of `was`, which begins at `place` and lies on one line."""

    place: Place
    was: str
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `code` is a letter and three digits (see docs/problems.md); `mend` says what to write instead, or ''."""

    place: Place
    code: str
    message: str
    mend: str = ""
    level: Level = Level.ERROR
    edit: Edit | None = field(default=None, compare=False)
    """What `check --fix` does about it; None where it takes a person to tell."""

    def as_json(self) -> dict[str, str | int]:
        """The object of `cs-engine check --format json`."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "code": self.code,
            "level": self.level.value,
            "message": self.message,
            "mend": self.mend,
        }

    def render(self, source: str | None = None) -> str:
        """`file:line:column level CODE message; mend`, then the source line with a caret when `source` (the file's text) is given."""
        place = self.place
        head = f"{place.file}:{place.line}:{place.column} {self.level.value} {self.code} {self.message}"
        if self.mend:
            head += f"; {self.mend}"
        lines = source.split("\n") if source is not None else []
        if not 0 < place.line <= len(lines):
            return head
        line = _PASSWORD.sub(lambda found: "*" * len(found[0]), lines[place.line - 1])
        text, column = _window(line.rstrip("\r").replace("\t", " "), place.column)
        room = max(1, min(place.length, len(text) - column + 1))
        # A full-width character takes two columns in a terminal.
        pad = "".join("\u3000" if _wide(c) else " " for c in text[: column - 1])
        caret = "".join("\uff3e" if _wide(c) else "^" for c in text[column - 1 : column - 1 + room]) or "^"
        number = f"{place.line:>5}"
        return f"{head}\n{number} | {text}\n      | {pad}{caret}"


_PASSWORD = re.compile(r"(?<=://)[^/\s@]*:[^/\s]*(?=@)")
"""Who stands in an address with a password: what reads our output may be a log."""


def _window(line: str, column: int) -> tuple[str, int]:
    """What is shown of a long line, a whole playbook written as JSON for one, and the column there."""
    start = max(0, column - 1 - _SHOWN // 2) if len(line) > _SHOWN else 0
    before, after = "…" * (start > 0), "…" * (start + _SHOWN < len(line))
    return f"{before}{line[start : start + _SHOWN]}{after}", column - start + len(before)


def _wide(character: str) -> bool:
    from unicodedata import east_asian_width

    return east_asian_width(character) in "WF"


@dataclass(slots=True)
class Problems:
    """Collects the problems of one pass."""

    found: list[Problem] = field(default_factory=list)

    def add(self, place: Place, code: str, message: str, mend: str = "", level: Level = Level.ERROR, edit: Edit | None = None) -> None:
        problem = Problem(place, code, message, mend, level, edit)
        if problem not in self.found:
            self.found.append(problem)

    def warn(self, place: Place, code: str, message: str, mend: str = "") -> None:
        self.add(place, code, message, mend, Level.WARNING)

    def extend(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            if problem not in self.found:
                self.found.append(problem)

    def errors(self) -> list[Problem]:
        return [p for p in self.found if p.level is Level.ERROR]

    def in_file(self, file: str) -> list[Problem]:
        return [p for p in self.found if p.place.file == file]

    def __iter__(self) -> Iterator[Problem]:
        return iter(sorted(self.found, key=lambda p: (p.place, p.code, p.message)))

    def __len__(self) -> int:
        return len(self.found)


def render_all(problems: Iterable[Problem], sources: Mapping[str, str]) -> str:
    """All problems as text, each with its source line; `sources` maps a file to its text."""
    return "\n".join(problem.render(sources.get(problem.place.file)) for problem in problems)


_NEAR = 0.6
"""How alike two words must be for one to be taken for the other, from 0 to 1."""
_NEAR_BEHIND = 0.5
"""And how alike what stands behind a prefix that both have: short words are less alike by one letter."""


def only_candidate(word: str, known: Collection[str]) -> str:
    """The one known word that this can have meant, or ''."""
    from difflib import get_close_matches

    by_lower = {k.lower(): k for k in known}
    near = get_close_matches(word.lower(), by_lower, n=2, cutoff=_NEAR)
    return by_lower[near[0]] if len(near) == 1 else ""


def did_you_mean(word: str, known: Collection[str]) -> str:
    """`did you mean "x"?` for the nearest known word, or ''.

    What `account.` or a folder's name in front has alike makes no two words near: the rest must be so by itself.
    """
    from difflib import get_close_matches

    lower = word.lower()
    for near in get_close_matches(lower, {k.lower(): k for k in known}, n=3, cutoff=_NEAR):
        shared = _shared_prefix(lower, near)
        if not shared or get_close_matches(lower[shared:], [near[shared:]], cutoff=_NEAR_BEHIND):
            original = next(k for k in known if k.lower() == near)
            return f'did you mean "{original}"?'
    return ""


def _shared_prefix(one: str, other: str) -> int:
    """How long `account.` or `onboarding/` is, where both words begin with it; else 0."""
    end = max(one.rfind("."), one.rfind("/")) + 1
    return end if other.startswith(one[:end]) else 0
