"""A project without playbooks, loaded once, and random playbooks compiled against it as the loader does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cs_engine.language import yaml
from cs_engine.language.expression import Type
from cs_engine.language.problems import Problems
from cs_engine.playbook.bundle import bundle_of
from cs_engine.playbook.checks import Known, check_names
from cs_engine.playbook.compile import Compiled, compile_playbook
from cs_engine.playbook.load import load
from cs_engine.playbook.project import Project
from cs_engine.playbook.templates import Templates
from cs_engine.usage.attributes import Attributes
from tests.properties.conditions import ACCOUNT_FLAGS, CONTACT_FLAGS
from tests.properties.documents import Doc, compact
from tests.stories.world import LAYOUT, write_files

_TEXT, _TIME = Type.TEXT, Type.INSTANT
ATTRIBUTES = Attributes(
    account={
        "id": _TEXT,
        "name": _TEXT,
        "csm": _TEXT,
        "locale": _TEXT,
        "timezone": _TEXT,
        "key": _TEXT,
        "signed_up_at": _TIME,
        "due_at": _TIME,
        "renewal_at": _TIME,
        "stage": _TEXT,
        **{flag.removeprefix("account."): Type.BOOLEAN for flag in ACCOUNT_FLAGS},
    },
    contact={
        "id": _TEXT,
        "email": _TEXT,
        "name": _TEXT,
        "role": _TEXT,
        "locale": _TEXT,
        "timezone": _TEXT,
        "created_at": _TIME,
        **{flag.removeprefix("contact."): Type.BOOLEAN for flag in CONTACT_FLAGS},
    },
    events={"usage": {"account": _TEXT, "contact": _TEXT, "event": _TEXT, "at": _TIME, "loud": Type.BOOLEAN}},
)

FILES = {
    "playbooks/project.yaml": """\
        name: Properties
        sources:
          accounts: {file: accounts.csv}
          contacts: {file: contacts.csv}
          usage: {file: usage.csv}
        company: {name: Vendor, postal_address: 1 Street}
        sender: {fallback: lead@vendor.example}
        unsubscribe: mailto:out@vendor.example
        slack: {channel: "#cs"}
        people: {fallback: {operators: champion}}
        topics: {tips: {title: Tips}}
        """,
    "playbooks/team.yaml": """\
        staff:
          - {email: lead@vendor.example, name: Toni Lead, role: manager, slack: U-LEAD}
          - {email: alex@vendor.example, name: Alex Csm, role: csm, slack: U-ALEX, manager: lead@vendor.example}
          - {email: kim@vendor.example, name: Kim Sales, role: sales, slack: U-KIM}
        """,
    # Their notices are steps of random playbooks; here they only need a template.
    "playbooks/journey.yaml": """\
        phases:
          - phase: start
            milestones:
              - {id: m0, title: First, when: account.a0, notice: one}
              - {id: m1, title: Second, when: account.a1 and account.a2, notice: two}
        """,
    "playbooks/segments.yaml": "keen: {when: account.a3}\n",
    "templates/email/layout.mjml": LAYOUT,
    "templates/email/layout.txt": "{{ body }} {{ company.name }} {{ company.postal_address }} {{ company.contact }} {{ unsubscribe_url }}",
    "templates/email/one.md": "---\nsubject: One for {{ account.name }}\n---\nHello\n",
    "templates/email/two.md": "---\nsubject: Two for {{ account.name }}\n---\nHello\n",
    "templates/slack/call.yaml": 'text: "Call {{ account.name }}"\n',
    "templates/slack/milestone.yaml": 'text: "{{ account.name }} reached {{ milestone.title }}"\n',
}


class Home:
    """A project without playbooks, of which failing examples print nothing."""

    def __init__(self, project: Project) -> None:
        self.project = project


def project_at(folder: Path) -> Project:
    """The project, without the playbooks that its journey implies."""
    write_files(folder, FILES)
    loaded = load(folder, ATTRIBUTES)
    assert not loaded.problems.errors(), list(loaded.problems)
    return replace(loaded, plans={}, bundles={})


def compiled(text: str, project: Project, file: str = "playbooks/sample.yaml") -> tuple[Compiled, str]:
    """A playbook that has no problems, if not much sense, and its bundle."""
    problems = Problems()
    document = yaml.parse(text, file, problems)
    assert document is not None, list(problems)
    known = Known(Templates.of(project.root), tuple(project.config.topics), ("start",), project.journey.milestones())
    check_names(document, file, known, problems)
    found = compile_playbook(document, project.surroundings(), problems, lenient=True)
    assert found is not None, [problem.render(text) for problem in problems]
    assert not problems.errors(), [problem.render(text) for problem in problems]
    return found, bundle_of(document, found.definitions)


def with_playbooks(project: Project, docs: Sequence[Doc]) -> Project:
    """The project with these playbooks alone."""
    made = [compiled(compact(doc), project, f"playbooks/{doc['playbook']}.yaml") for doc in docs]
    plans = {found.plan.playbook: found.plan for found, _ in made}
    return replace(project, plans=plans, bundles={found.plan.digest: bundle for found, bundle in made})
