"""The built-in playbooks that journey.yaml implies: one for each milestone with a notice that no playbook sends."""

from __future__ import annotations

import json
from dataclasses import replace

from cs_engine.language import yaml
from cs_engine.language.problems import Place, Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.compile import Compiled, compile_playbook
from cs_engine.playbook.reader import Surroundings
from cs_engine.usage.model import MilestoneSpec

PREFIX = "milestone-"
PRIORITY = 90
"""Congratulations are short-lived: they go before onboarding and nurture under a cap."""


def source(milestone: MilestoneSpec, phase: str) -> str:
    """The playbook of a milestone's notice, as an author would write it. History never sends: `existing: skip`."""
    values = {
        "playbook": PREFIX + milestone.id,
        "title": milestone.title,
        "phase": phase,
        "topic": "milestones",
        "enter": f"reached('{milestone.id}')",
        "existing": "skip",
        "priority": PRIORITY,
        "steps": [{"id": "notice", "notice": milestone.id}],
    }
    # JSON is YAML.
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def compile_implied(
    milestone: MilestoneSpec, phase: str, file: str, place: Place, around: Surroundings, problems: Problems
) -> tuple[Document, Compiled] | None:
    """The milestone's own playbook. What is wrong with it stands at `place`, where journey.yaml names it."""
    own = Problems()
    document = yaml.parse(source(milestone, phase), file, own)
    compiled = None if document is None else compile_playbook(document, around, own)
    for problem in own:
        problems.extend([replace(problem, place=place)])
    if document is None or compiled is None:
        return None
    steps = tuple(replace(step, place=place) for step in compiled.plan.steps)
    return document, compiled._replace(plan=replace(compiled.plan, steps=steps))
