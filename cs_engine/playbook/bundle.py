"""A plan's source kept as text, so that those inside stay on it after its file has changed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cs_engine.language import yaml
from cs_engine.language.problems import Place, Problem, Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.compile import compile_playbook, written
from cs_engine.playbook.definitions import Definitions, OldSegments, digest
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
    said = None if document is None else replace(document, data=_said(document.data))
    compiled = None if said is None else compile_playbook(said, around, problems, lenient=True)
    if document is None or compiled is None:
        return None, list(problems)
    if broken := broken_names(compiled.plan, project.catalogue.broken):
        problems.add(Place(data["file"]), "P303", f"it uses what is broken today: {', '.join(broken)}")
        return None, list(problems)
    return replace(compiled.plan, digest=digest(written(document.data), compiled.definitions)), list(problems)


def _said(data: Any) -> Any:
    """Without keys that have nothing behind them: to versions that took them, they said nothing."""
    if isinstance(data, dict):
        return {key: _said(value) for key, value in data.items() if value is not None or key == "stop"}
    return [_said(value) for value in data] if isinstance(data, list) else data


def broken_names(plan: Plan, broken: frozenset[str]) -> list[str]:
    """Names among those in `broken` that the plan reads, sorted."""
    read = {name for expression in (*plan.conditions(), *plan.values()) for name in expression.names}
    return sorted(name for name in read if name in broken)
