"""What can be wrong between playbooks: ids and notices that two of them claim, and who enrols into whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cs_engine.language.problems import Place, Problems, did_you_mean
from cs_engine.language.yaml import Document
from cs_engine.playbook.checks import raw_steps
from cs_engine.playbook.compile import Compiled
from cs_engine.playbook.implied import OF_PROJECT, PREFIX
from cs_engine.playbook.shape import shown


@dataclass(slots=True)
class Found:
    """A playbook's file, and what became of it: nothing where it is wrong."""

    document: Document
    id: str
    compiled: Compiled | None = None


def check_claims(playbooks: Sequence[Found], problems: Problems) -> None:
    """Ids and notices that two playbooks claim. Neither has the id; the first has the notice."""
    first: dict[str, Found] = {}
    noticed: dict[str, Place] = {}
    for found in playbooks:
        place = found.document.place(("playbook",))
        if found.id in OF_PROJECT:
            message = f'"{found.id}" is the playbook of project.yaml\'s `{OF_PROJECT[found.id]}`'
            problems.add(place, "P108", message, "choose another id")
            found.compiled = None
        if found.id.startswith(PREFIX) and "playbook" in found.document.data:
            problems.add(place, "P108", f'ids that begin with "{PREFIX}" belong to the notices of journey.yaml', "choose another id")
            found.compiled = None
        if (other := first.setdefault(found.id, found)) is not found:
            where = _where(other.document.place(("playbook",)))
            problems.add(place, "P108", f'two playbooks have the id "{found.id}"; the first stands at {where}', "give one another id")
            found.compiled = other.compiled = None
        for path, step in raw_steps(found.document.data):
            if isinstance(milestone := step.get("notice"), str):
                here = found.document.place((*path, "notice"))
                if (before := noticed.setdefault(milestone, here)) is not here:
                    message = f'a second notice of the milestone "{milestone}"; the first stands at {_where(before)}'
                    problems.add(here, "P208", message, "a milestone is told once: keep one of them")
                    found.compiled = None


def check_enrols(playbooks: Sequence[Found], problems: Problems) -> None:
    """Playbooks that others enrol into: they are there, over the same subjects, and nobody goes round in a circle."""
    subjects = {found.id: str(found.document.data.get("subject", "account")) for found in playbooks}
    edges: list[tuple[Found, str, Place]] = []
    for found in playbooks:
        for path, step in raw_steps(found.document.data):
            if isinstance(target := step.get("enrol"), str):
                edges.append((found, target, found.document.place((*path, "enrol"))))
    ways: dict[str, set[str]] = {}
    for found, target, _ in edges:
        ways.setdefault(found.id, set()).add(target)
    for found, target, place in edges:
        if target not in subjects:
            mend = did_you_mean(target, subjects) or "playbooks: " + ", ".join(sorted(subjects))
            problems.add(place, "P119", f"there is no playbook {shown(target)}", mend)
        elif subjects[found.id] == "account" and subjects[target] == "contact":
            message = f'"{target}" is passed by contacts: an account cannot enrol into it'
            problems.add(place, "P119", message, "let contacts pass through this one, or accounts through that one")
        elif found.id in _reached(ways, target):
            message = f'enrolling into "{target}" leads back to "{found.id}": people would go round for ever'
            problems.add(place, "P120", message, "take one of the enrol steps out")
        else:
            continue
        found.compiled = None


def _reached(ways: Mapping[str, set[str]], start: str) -> set[str]:
    """All that one comes to from there, with itself."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting += ways.get(here, ())
    return reached


def _where(place: Place) -> str:
    return f"{place.file}:{place.line}:{place.column}"
