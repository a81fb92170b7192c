"""Small projects on disk for the tests of playbooks: what an author would write, with one thing changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from cs_engine.errors import ProblemsFound
from cs_engine.language.expression import Type
from cs_engine.language.problems import Problem
from cs_engine.playbook.load import load
from cs_engine.playbook.plan import Plan
from cs_engine.playbook.project import Project
from cs_engine.usage.attributes import Attributes

TEXT, NUMBER, TIME = Type.TEXT, Type.NUMBER, Type.INSTANT

ATTRIBUTES = Attributes(
    account={"id": TEXT, "name": TEXT, "plan": TEXT, "seats": NUMBER, "signed_up_at": TIME, "renewal_at": TIME, "contract_id": TEXT},
    contact={"id": TEXT, "email": TEXT, "name": TEXT, "role": TEXT, "created_at": TIME},
    events={"usage": {"account": TEXT, "contact": TEXT, "event": TEXT, "at": TIME}},
    blanks={"account.renewal_at": (212, 797)},
)

FILES = {
    "playbooks/project.yaml": """\
        name: Sample
        sources:
          accounts: {file: accounts.csv}
          contacts: {file: contacts.csv}
          usage: {file: usage.csv}
        company: {name: Sample}
        sender: {fallback: lead@vendor.example}
        topics:
          onboarding: {title: Getting started}
        """,
    "playbooks/team.yaml": """\
        staff:
          - {email: lead@vendor.example, name: Toni Sample, role: manager}
          - {email: csm1@vendor.example, name: Alex Sample, manager: lead@vendor.example}
          - {email: sales@vendor.example, name: Kim Sample, role: sales}
        """,
    "playbooks/metrics.yaml": """\
        changes_7d: {count: "*", in: 7 days}
        areas_28d: {count_distinct: event, in: 28 days}
        quiet_days: {days_since_last: "*"}
        """,
    "playbooks/segments.yaml": """\
        big: {when: account.seats > 10}
        big_and_busy: {when: in_segment('big') and changes_7d > 3}
        """,
    "playbooks/journey.yaml": """\
        phases:
          - phase: onboarding
            milestones:
              - {id: first_change, title: First change, when: changes_7d > 0, notice: milestones/first_change}
              - {id: habit, title: Habit, when: changes_7d > 5}
        """,
    "templates/email/onboarding/welcome.md": "---\nsubject: Welcome\n---\nHello\n",
    "templates/email/onboarding/explore.en.md": "---\nsubject: Explore\n---\nHello\n",
    "templates/email/onboarding/explore.ja.md": "---\nsubject: 活用\n---\nこんにちは\n",
    "templates/email/milestones/first_change.md": "---\nsubject: Done\n---\nHello\n",
    "templates/slack/stuck.yaml": "blocks: []\n",
}


@dataclass
class Folder:
    """A project folder to write to and load."""

    root: Path
    attributes: Attributes = ATTRIBUTES
    written: list[str] = field(default_factory=list)

    def write(self, file: str, text: str) -> Folder:
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return self

    def playbook(self, text: str, file: str = "playbooks/sample.yaml") -> Folder:
        return self.write(file, text)

    def steps(self, steps: str, head: str = "") -> Folder:
        """The sample playbook with these steps; `head` holds further keys."""
        indented = "".join(f"  {line}\n" for line in dedent(steps).strip("\n").split("\n"))
        return self.write("playbooks/sample.yaml", f"playbook: sample\n{dedent(head)}steps:\n{indented}")

    def load(self) -> Project:
        return load(self.root, self.attributes)

    def plan(self) -> Plan:
        """The sample playbook's plan; there must be no errors at all."""
        project = self.load()
        assert self.said() == []
        return project.plans["sample"]

    def problems(self) -> list[Problem]:
        try:
            return list(self.load().problems)
        except ProblemsFound as found:
            return list(found.problems)

    def said(self) -> list[str]:
        """Every problem's first line, without the path of the sample playbook."""
        return [problem.render().removeprefix("playbooks/sample.yaml:") for problem in self.problems()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A sound project without playbooks."""
    made = Folder(tmp_path)
    for file, text in FILES.items():
        made.write(file, text)
    return made
