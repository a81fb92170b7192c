"""What `answer()` and `done()` read must have been asked before: by a step that people have come through when the condition is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.language.yaml import Document
from cs_engine.playbook.draw import edges
from cs_engine.playbook.plan import AddressedStep, Plan, WaitUntil
from cs_engine.playbook.shape import Path

_READS = re.compile(r"\b(answer|done)\s*\(\s*'([^']*)'\s*\)", re.IGNORECASE)
_BEFORE = frozenset({"audience", "enter", "once_per"})
"""What decides who enters: nobody has answered by then."""
_AFTERWARDS = frozenset({"close_when", "until"})
"""Keys of a step that are read when it has been done: its own answers too."""


def check_answers(plan: Plan, texts: Mapping[Path, str], ids: Mapping[Path, str], document: Document, problems: Problems) -> None:
    """P122: the step cannot have run when its answer is read. `texts`: every condition by its place; `ids`: the steps' by theirs."""
    asking = {step.id for step in plan.steps if isinstance(step, AddressedStep) and step.ask}
    ways = _ways(plan) if any(_READS.search(text) for text in texts.values()) else {}
    for path, text in texts.items():
        for found in _READS.finditer(text):
            asked, place = found[2].partition(".")[0], document.within(path, found.start(), len(found[0]))
            reader = _step_of(path, ids)
            if asked not in asking:
                continue  # reported as unknown, or as asking nothing
            if reader is None:
                if path[0] in _BEFORE:
                    problems.add(
                        place,
                        "P122",
                        f"`{path[0]}` is read before anybody can have answered",
                        "ask in a playbook that enrols into this one",
                    )
            elif not _may_precede(plan, ways, asked, reader, path):
                message = f'the step "{asked}" cannot have run before "{reader}"'
                mend = "ask in a step before it" if asked != reader else "read it in a later step"
                problems.add(place, "P122", message, mend)


class Unanswerable(NamedTuple):
    """Why what a step says cannot read an answer."""

    code: str
    message: str
    mend: str


class Answerable:
    """What the templates of a plan's steps may read."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._fields = {s.id: [q.field for q in s.ask] for s in plan.steps if isinstance(s, AddressedStep) and s.ask}

    @cached_property
    def _ways(self) -> dict[str, set[str]]:
        return _ways(self._plan)

    def fault(self, reader: str, kind: str, said: str) -> Unanswerable | None:
        """What is wrong with `answer('…')` or `done('…')` (`kind`) in what the step `reader` sends; None when nothing is."""
        asked = said.partition(".")[0]
        known = [f"{step}.{name}" for step, fields in self._fields.items() for name in fields] if kind == "answer" else [*self._fields]
        if said not in known:
            return self._unknown(kind, said, known)
        step = self._plan.step(reader)
        again = asked == reader and isinstance(step, AddressedStep) and step.repeat is not None
        if reader in self._ways[asked] or again:
            return None
        mend = "ask in a step before it" if asked != reader else "read it in what a later step sends"
        return Unanswerable("P122", f'the step "{asked}" cannot have run before "{reader}"', mend)

    def _unknown(self, kind: str, said: str, known: list[str]) -> Unanswerable:
        step = said.partition(".")[0]
        if self._plan.step(step) is not None and step not in self._fields:
            return Unanswerable("X219", f'the step "{step}" asks nothing', "give it `ask: {field: text}`")
        if kind == "answer" and said in self._fields:
            return Unanswerable("X219", "answer() takes a step and a field", f"write answer('{said}.{self._fields[said][0]}')")
        message = f"no step asks '{said}'" if kind == "answer" else f"there is no step '{said}'"
        return Unanswerable("X219", message, did_you_mean(said, known) or (f"there are {', '.join(known)}" if known else "no step asks"))


def _step_of(path: Path, ids: Mapping[Path, str]) -> str | None:
    """The step whose condition stands at the path; None for the playbook's own."""
    for end in range(len(path), 0, -1):
        if path[:end] in ids:
            return ids[path[:end]]
    return None


def _may_precede(plan: Plan, ways: Mapping[str, set[str]], asked: str, reader: str, path: Path) -> bool:
    if reader in ways[asked]:
        return True
    if asked == reader:
        return path[-1] in _AFTERWARDS
    # A wait is watched while its `otherwise` runs.
    wait, step = plan.step(reader), plan.step(asked)
    return isinstance(wait, WaitUntil) and step is not None and wait.id in step.watched_by and path[-1] == "wait_until"


def _ways(plan: Plan) -> dict[str, set[str]]:
    """Step -> all that one can come to after it."""
    ways: dict[str, set[str]] = {}
    for step in reversed(plan.steps):  # every edge but those back to a wait runs forward
        targets = {edge.to for _, edge in edges(step)} | ({step.next.to} if step.only_if is not None else set())
        if isinstance(step, WaitUntil):
            targets.add(step.otherwise)
        there = {target for target in targets if target is not None}
        ways[step.id] = there.union(*(ways.get(target, set()) for target in there))
    return ways
