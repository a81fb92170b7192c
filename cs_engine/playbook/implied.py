"""The built-in playbooks: one for each milestone of journey.yaml with a notice that no playbook sends, one for each with `confirm`, and
those of project.yaml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cs_engine.language import yaml
from cs_engine.language.problems import Place, Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.compile import Compiled, compile_playbook
from cs_engine.playbook.config import PeopleConfig, Persistence
from cs_engine.playbook.reader import Surroundings
from cs_engine.usage.model import MilestoneSpec

PREFIX = "milestone-"
UNCONFIRMED = "unconfirmed-"
"""Begins the id of the playbook that tells the CSM of a milestone that the customer does not confirm."""
NOT_YET = "not_yet"
"""The Slack template of those: templates/slack/not_yet.yaml."""
LOST_PLAYBOOK = "lost-by-persistence"
ONE_PERSON_PLAYBOOK = "one-person-two-roles"
OF_PROJECT = {LOST_PLAYBOOK: "persistence", ONE_PERSON_PLAYBOOK: "people.distinct"}
"""The built-in playbooks of project.yaml, and the key that makes each."""
ONE_PERSON = "one_person"
"""The Slack template of `people.distinct`: templates/slack/one_person.yaml."""
PRIORITY = 90
"""Congratulations are short-lived: they go before onboarding and nurture under a cap."""


def source(milestone: MilestoneSpec, phase: str) -> str:
    """The playbook of a milestone's notice, as an author would write it. History never sends: `existing: skip`.

    Where the customer confirms it, the notice asks: as soon as it is claimed, also in the tick in which the playbook runs first.
    """
    enter = f"claimed('{milestone.id}') and not reached('{milestone.id}')" if milestone.confirm else f"reached('{milestone.id}')"
    values = {
        "playbook": PREFIX + milestone.id,
        "title": milestone.title,
        "phase": phase,
        "topic": "milestones",
        "enter": enter,
        "existing": "include" if milestone.confirm else "skip",
        "priority": PRIORITY,
        "steps": [{"id": "notice", "notice": milestone.id}],
    }
    return _written(values)


def unconfirmed_source(milestone: MilestoneSpec, phase: str) -> str:
    """The playbook that tells the CSM, once, of a customer who says "not yet", or whom nobody could ask; its CTA closes with a yes."""
    reached = f"reached('{milestone.id}')"
    values = {
        "playbook": UNCONFIRMED + milestone.id,
        "title": milestone.title,
        "phase": phase,
        "topic": "milestones",
        "enter": f"doubted('{milestone.id}')",
        "existing": "include",
        "goal": reached,
        "priority": PRIORITY,
        "steps": [{"id": "not-yet", "cta": NOT_YET, "due": "5 business days"}, {"id": "their-yes", "wait_until": reached}],
    }
    return _written(values)


def unconfirmed(playbook: str, milestones: Mapping[str, MilestoneSpec]) -> MilestoneSpec | None:
    """The milestone that the playbook of that id tells of, not being confirmed; None for all other playbooks."""
    spec = milestones.get(playbook.removeprefix(UNCONFIRMED)) if playbook.startswith(UNCONFIRMED) else None
    return spec if spec is not None and spec.confirm else None


def _written(values: Mapping[str, Any]) -> str:
    # JSON is YAML.
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def compile_implied(text: str, file: str, place: Place, around: Surroundings, problems: Problems) -> tuple[Document, Compiled] | None:
    """A milestone's own playbook, from its source. What is wrong with it stands at `place`, where journey.yaml names it."""
    own = Problems()
    document = yaml.parse(text, file, own)
    compiled = None if document is None else compile_playbook(document, around, own)
    for problem in own:
        problems.extend([replace(problem, place=place)])
    if document is None or compiled is None:
        return None
    steps = tuple(replace(step, place=place) for step in compiled.plan.steps)
    return document, compiled._replace(plan=replace(compiled.plan, steps=steps))


def one_person_source(people: PeopleConfig) -> str:
    """The playbook that tells the CSM of an account whose champion operates too; its CTA closes once they are two people."""
    # Conditions of people read attributes of contacts alone, and the champion has the same.
    same = re.sub(r"'(?:[^']|'')*'|\bcontact\.", lambda m: m[0] if m[0][0] == "'" else "champion.", people.operators, flags=re.IGNORECASE)
    values = {
        "playbook": ONE_PERSON_PLAYBOOK,
        "title": {"en": "Champion and operator are one person", "ja": "推進責任者と実務担当者が同一人物"},
        "topic": "general",
        "enter": same,
        "reenter": "after 1 days",
        "existing": "include",
        "goal": f"not ({same})",
        "steps": [
            {"id": "find-another", "cta": ONE_PERSON, "due": "5 business days"},
            {"id": "two-people", "wait_until": f"not ({same})"},
        ],
    }
    return _written(values)


def lost_source(rule: Persistence) -> str:
    """The playbook that tells the CSM of a contact that is lost: once, and again only when it was regained and lost anew."""
    values = {
        "playbook": LOST_PLAYBOOK,
        "title": {"en": "Lost by persistence: change the approach", "ja": "ご連絡過多：進め方の見直し"},
        "subject": "contact",
        "topic": "general",
        "enter": rule.lost_when,
        "reenter": "after 1 days",
        "existing": "skip",
        "goal": f"not ({rule.lost_when})",
        "priority": PRIORITY,
        "steps": [
            {"id": "change-approach", "cta": rule.cta, "priority": "high", "due": "3 business days"},
            {"id": "reaction", "wait_until": f"not ({rule.lost_when})"},
        ],
    }
    return _written(values)


def compile_own(text: str, file: str, place: Place, around: Surroundings) -> tuple[Document, Compiled] | None:
    """A playbook of project.yaml, from its source; None when its condition is wrong, which is reported where it stands."""
    own = Problems()
    document = yaml.parse(text, file, own)
    compiled = None if document is None else compile_playbook(document, around, own)
    if document is None or compiled is None or own.errors():
        return None
    steps = tuple(replace(step, place=place) for step in compiled.plan.steps)
    return document, compiled._replace(plan=replace(compiled.plan, steps=steps))
