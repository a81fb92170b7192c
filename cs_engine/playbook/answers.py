"""What `answer()` and `done()` read must have been asked before: by a step that people have come through when the condition is read."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cs_engine.language.problems import Problems
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
