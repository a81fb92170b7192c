"""Conditions that can never be true, or always are, by themselves or beside each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cs_engine.language.expression import Expression
from cs_engine.language.possible import CONSTANT, EXCLUDES, NO_LESS, is_plain, possible
from cs_engine.language.problems import Level, Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.shape import Path

Conditions = Mapping[Path, Expression]
Counts = Callable[[Expression], Collection[str]]

_VAR = re.compile(r"(?<![\w.])vars\.")

_NEVER = {
    **dict.fromkeys(("audience", "enter", "where"), "nobody would ever enter"),
    "goal": "nobody would ever succeed",
    "exit": "nobody would ever leave by it",
    "while": "everybody would leave at once",
    "if": "the step is never done",
    "wait_until": "nobody gets past it by itself",
    "until": "it ends no repeating",
    "hold": "it holds nothing",
    "close_when": "it closes nothing",
    "to": "nobody gets it",
}
"""What comes of a condition that is never true, by its key."""
_ALWAYS = {
    **dict.fromkeys(("audience", "enter", "where", "to"), "it leaves nobody out"),
    "while": "nobody ever leaves by it",
    "if": "the step is always done",
    "wait_until": "nobody waits",
    "until": "nothing is repeated",
    "hold": "nothing is ever sent to customers",
    "close_when": "it is closed as soon as it is there",
}
_SWITCHES = {"hold": ("true", "false"), "close_when": ("false",)}
"""What is meant when it is said in so many words."""


def check_sense(conditions: Conditions, counts: Counts, document: Document, problems: Problems) -> None:
    """P131, P132 and P112 of a playbook's conditions, by their place in the file. Only what is sure is said. `counts`: of what a condition
    over a subject reads, what is never blank, and never below 0.
    """
    strange = {path for path, condition in conditions.items() if _is_strange(path, condition, counts, document, problems)}
    _check_together({path: condition for path, condition in conditions.items() if path not in strange}, counts, document, problems)


def _is_strange(path: Path, condition: Expression, counts: Counts, document: Document, problems: Problems) -> bool:
    """Whether the condition by itself is never true, or always; what is wrong with that is said."""
    key = _key(path)
    least = () if key == "where" else counts(condition)  # an event's own columns may be named as metrics are
    if is_plain(condition, least) or condition.text.strip().lower() in _SWITCHES.get(key, ()):
        return False
    if not possible([condition], counts=least):
        consequence = _NEVER.get(key, "it asks nothing")
        mend = NO_LESS if possible([condition]) else EXCLUDES if condition.names else CONSTANT
        _say(problems, document, path, condition, "P131", f"this is never true: {consequence}", mend)
    elif not possible([], [condition], least):
        mend = NO_LESS if possible([], [condition]) else CONSTANT
        if key in ("goal", "exit"):
            _say(problems, document, path, condition, "P131", "this is always true: nobody would ever enter", mend)
        elif (lost := _lost_block(document, path)) is not None:
            _say(problems, document, path, condition, "P131", f"this is always true: nobody ever comes to its `{lost}`", mend)
        else:
            _say(problems, document, path, condition, "P132", f"this is always true: {_ALWAYS.get(key, 'it asks nothing')}", mend)
    else:
        return False
    return True


def _say(problems: Problems, document: Document, path: Path, condition: Expression, code: str, message: str, mend: str) -> None:
    # What hangs on `vars` alone is switched on and off there.
    switched = code == "P131" and _VAR.search(condition.text) is not None
    code = "P132" if switched else code
    problems.add(document.place(path), code, message, "see `vars`" if switched else mend, _level(code))


def _level(code: str) -> Level:
    return Level.WARNING if code == "P132" else Level.ERROR


def _key(path: Path) -> str:
    """The key that a condition stands under; '' for what is no condition of a playbook's own."""
    return next((str(part) for part in reversed(path) if isinstance(part, str)), "")


def _lost_block(document: Document, path: Path) -> str | None:
    """The block that nobody comes to when the condition is always true."""
    step: Any = document.data
    for part in path[:-1]:
        step = step[part]
    block = {"if": "else", "wait_until": "otherwise"}.get(str(path[-1]), "")
    return block if isinstance(step, Mapping) and step.get(block) else None


class _Leave(NamedTuple):
    key: str
    condition: Expression

    @property
    def whom(self) -> str:
        """Of whom it is true, where everybody leaves."""
        return "nobody" if self.key == "while" else "everybody"

    def possible_beside(self, conditions: Sequence[Expression], counts: Counts) -> bool:
        """Whether there may be somebody of whom all of these are true, and who stays."""
        if not {name for condition in conditions for name in condition.names} & {*self.condition.names}:
            return True
        least = {name for condition in (*conditions, self.condition) for name in counts(condition)}
        if self.key == "while":
            return possible([*conditions, self.condition], counts=least)
        return possible(conditions, [self.condition], least)


def _check_together(conditions: Conditions, counts: Counts, document: Document, problems: Problems) -> None:
    """P112: who enters, and does a step, meets all of several conditions."""
    said = {problem.place for problem in problems}
    entry = [conditions[key,] for key in ("audience", "enter") if (key,) in conditions]
    leaves = [_Leave(key, conditions[key,]) for key in ("goal", "exit", "while") if (key,) in conditions]
    if (
        len(entry) > 1
        and {*entry[0].names} & {*entry[1].names}
        and not possible(entry, counts={name for condition in entry for name in counts(condition)})
    ):
        message = "`enter` and `audience` are never both true: nobody would ever enter"
        problems.add(document.place(("enter",)), "P112", message, "who enters meets both: say what else is so of them")
        return
    for leave in leaves if entry else ():
        if document.place((leave.key,)) not in said and not leave.possible_beside(entry, counts):
            message = f"`{leave.key}` is true of {leave.whom} who could enter: nobody would ever enter"
            problems.add(document.place((leave.key,)), "P112", message, "say what is true of those who are through")
    for path, condition in _ifs(conditions):
        for leave in leaves:
            if document.place(path) not in said and not leave.possible_beside([condition], counts):
                message = f"it is never done: `{leave.key}` is true of {leave.whom} who meets it, and they have left by then"
                problems.add(document.place(path), "P112", message, "ask of those who have not left, or put it into a playbook of its own")


def _ifs(conditions: Conditions) -> Iterator[tuple[Path, Expression]]:
    return ((path, condition) for path, condition in conditions.items() if path[-1] == "if")
