"""A plan's source kept as text, so that those inside stay on it after its file has changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from cs_engine.language import yaml
from cs_engine.language.problems import Place, Problem, Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.compile import compile_playbook
from cs_engine.playbook.definitions import Definitions, OldSegments
from cs_engine.playbook.plan import Plan
from cs_engine.playbook.project import Project

_FORMAT = 1


def bundle_of(document: Document, used: Definitions) -> str:
    """Everything that a plan was compiled from, but for metrics and templates, which are always current."""
    bundle = {"format": _FORMAT, "file": document.file, "playbook": document.text, **used.as_json()}
    return json.dumps(bundle, ensure_ascii=False, sort_keys=True)


def compile_bundle(bundle: str, project: Project) -> tuple[Plan | None, Sequence[Problem]]:
    """The plan of a bundle against today's metrics, with the digest that it had; or None and what no longer fits.

    Segments keep the meaning that they had. Milestones are known by their id: what was reached stays reached.
    """
    data = json.loads(bundle)
    problems = Problems()
    if data["format"] != _FORMAT:
        return None, [Problem(Place(data["file"]), "P302", "kept by another version of cs-engine")]
    document = yaml.parse(data["playbook"], data["file"], problems)
    older = Definitions.from_json(data)
    today = project.surroundings()
    around = replace(
        today,
        definitions=today.definitions.overlaid(older),
        rewrite=OldSegments(older.changed(today.definitions), frozenset(project.catalogue.types)).rewrite,
    )
    compiled = None if document is None else compile_playbook(document, around, problems, lenient=True)
    if compiled is None:
        return None, list(problems)
    if broken := broken_names(compiled.plan, project.catalogue.broken):
        problems.add(Place(data["file"]), "P303", f"it uses what is broken today: {', '.join(broken)}")
        return None, list(problems)
    return compiled.plan, list(problems)


def broken_names(plan: Plan, broken: frozenset[str]) -> list[str]:
    """Names among those in `broken` that the plan reads, sorted."""
    read = {name for expression in (*plan.conditions(), *plan.values()) for name in expression.names}
    return sorted(name for name in read if name in broken)
