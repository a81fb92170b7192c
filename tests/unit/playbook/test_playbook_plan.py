"""Blocks are flattened: every edge runs forward but the one back to a wait; defaults are those that the language states."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_engine.language.expression import Duration, Grain
from cs_engine.language.problems import Problems
from cs_engine.language.yaml import parse
from cs_engine.playbook.compile import compile_playbook
from cs_engine.playbook.definitions import Definitions
from cs_engine.playbook.draw import edges
from cs_engine.playbook.people import Directory
from cs_engine.playbook.plan import Branch, Cta, Edge, Email, Notice, Plan, Stop, Wait, WaitUntil
from cs_engine.playbook.reader import Surroundings
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.catalogue import build
from tests.unit.playbook.folder import ATTRIBUTES, Folder


def test_a_playbook_that_says_little_has_the_stated_defaults(folder: Folder) -> None:
    plan = folder.steps("- id: a\n  email: onboarding/welcome\n- id: b\n  cta: stuck").plan()
    email, cta = plan.steps
    assert isinstance(email, Email)
    assert isinstance(cta, Cta)
    assert (plan.subject, plan.topic, plan.touch, plan.priority, plan.existing) == (Grain.ACCOUNT, "general", "tech", 50, None)
    assert (plan.schedule.every_minutes, plan.title, plan.once_per) == (15, {"": "sample"}, None)
    assert (email.to.role, email.sender, email.uncertain) == ("champion", None, "ask")
    assert (cta.to.role, cta.priority, cta.due) == ("csm", "normal", None)


def test_steps_run_one_after_the_other_to_the_end(folder: Folder) -> None:
    plan = folder.steps("- id: a\n  wait: 1 day\n- id: b\n  wait: 2 business days").plan()
    assert [(s.id, s.next) for s in plan.steps] == [("a", Edge("b")), ("b", Edge(None))]
    assert isinstance(plan.steps[1], Wait)
    assert plan.steps[1].duration == Duration(2, "business days")


@pytest.mark.parametrize(
    ("after", "end"), [("continue", Edge("z")), ("keep_waiting", Edge("w", otherwise_done=True)), ("stop", Edge(None))]
)
def test_after_an_otherwise_block_its_end_goes_where_after_says(folder: Folder, after: str, end: Edge) -> None:
    plan = folder.steps(
        f"""
        - id: w
          wait_until: changes_7d > 0
          at_most: 5 days
          otherwise:
            - id: a
              cta: stuck
            - id: b
              cta: stuck
          after: {after}
        - id: z
          wait: 1 day
        """
    ).plan()
    wait, a, b, _ = plan.steps
    assert isinstance(wait, WaitUntil)
    assert (wait.next, wait.otherwise, wait.after) == (Edge("z"), "a", after)
    assert (a.next, b.next) == (Edge("b"), end)
    assert (a.watched_by, b.watched_by, wait.watched_by) == (("w",), ("w",), ())


def test_steps_in_nested_waits_are_watched_by_all_of_them_outermost_first(folder: Folder) -> None:
    plan = folder.steps(
        """
        - id: outer
          wait_until: changes_7d > 0
          at_most: 5 days
          otherwise:
            - id: inner
              wait_until: changes_7d > 1
              at_most: 2 days
              otherwise:
                - id: a
                  cta: stuck
              after: continue
          after: stop
        """
    ).plan()
    found = {s.id: s.watched_by for s in plan.steps}
    assert found == {"outer": (), "inner": ("outer",), "a": ("outer", "inner")}


def test_an_if_block_branches_and_both_arms_go_on_after_it(folder: Folder) -> None:
    plan = folder.steps(
        """
        - if: changes_7d > 1
          then:
            - id: a
              wait: 1 day
          else:
            - stop
        - id: z
          wait: 1 day
        - if: changes_7d > 2
          then: []
        """
    ).plan()
    first, a, stop, z, last = plan.steps
    assert isinstance(first, Branch)
    assert isinstance(stop, Stop)
    assert isinstance(last, Branch)
    assert [s.id for s in plan.steps] == ["if-1", "a", "stop-1", "z", "if-2"]
    assert (first.then, first.otherwise, first.next, first.only_if) == (Edge("a"), Edge("stop-1"), Edge("z"), None)
    assert (a.next, stop.next, z.next) == (Edge("z"), Edge(None), Edge("if-2"))
    assert (last.then, last.otherwise) == (Edge(None), Edge(None))


def test_an_if_on_a_step_passes_the_others_by(folder: Folder) -> None:
    plan = folder.steps("- if: changes_7d > 1\n  stop:\n- id: z\n  if: changes_7d > 2\n  wait: 1 day").plan()
    stop, wait = plan.steps
    assert isinstance(stop, Stop)
    assert stop.only_if is not None
    assert stop.next == Edge("z")
    assert wait.only_if is not None
    assert wait.only_if.text == "changes_7d > 2"


def test_ids_that_are_made_keep_clear_of_those_that_are_written(folder: Folder) -> None:
    plan = folder.steps("- id: if-1\n  wait: 1 day\n- if: changes_7d > 1\n  then: [stop]").plan()
    assert [s.id for s in plan.steps] == ["if-1", "if-2", "stop-1"]


def test_people_are_roles_or_a_condition_over_contacts(folder: Folder) -> None:
    plan = folder.steps(
        """
        - {id: a, email: onboarding/welcome, to: everyone, from: sales}
        - {id: b, email: onboarding/welcome, to: csm.manager, from: CSM1@vendor.example}
        - {id: c, email: onboarding/welcome, to: contact.role = 'operator'}
        - {id: d, cta: stuck, to: sales}
        """
    ).plan()
    a, b, c, d = plan.steps
    assert isinstance(a, Email)
    assert isinstance(b, Email)
    assert isinstance(c, Email)
    assert isinstance(d, Cta)
    assert (a.to.role, a.sender, b.to.role, b.sender, d.to.role) == ("everyone", "sales", "csm.manager", "csm1@vendor.example", "sales")
    assert c.to.role is None
    assert c.to.condition is not None
    assert c.to.condition.grain is Grain.CONTACT


def test_a_contact_that_passes_through_gets_the_mail_itself(folder: Folder) -> None:
    plan = folder.steps("- id: a\n  email: onboarding/welcome\n- id: b\n  cta: stuck", "subject: contact\n").plan()
    a, b = plan.steps
    assert isinstance(a, Email)
    assert isinstance(b, Cta)
    assert (a.to.role, b.to.role) == ("subject", "csm")


def test_a_notice_takes_its_template_from_the_milestone(folder: Folder) -> None:
    (step,) = folder.steps("- id: a\n  notice: first_change").plan().steps
    assert isinstance(step, Notice)
    assert (step.milestone, step.template) == ("first_change", "milestones/first_change")


def test_a_template_beside_the_playbook_is_a_path_of_the_project(folder: Folder) -> None:
    folder.write("playbooks/onboarding/note.md", "---\nsubject: A\n---\n")
    folder.playbook("playbook: sample\nsteps:\n  - {id: a, email: ./note}\n", "playbooks/onboarding/sample.yaml")
    (step,) = folder.plan().steps
    assert isinstance(step, Email)
    assert step.template == "./playbooks/onboarding/note"


def _steps(depth: int) -> st.SearchStrategy[list[str]]:
    """Steps as flow YAML with `ID` where an id belongs."""
    leaf = st.sampled_from(["{id: ID, wait: 1 day}", "{id: ID, cta: stuck}", "{if: changes_7d > 1, stop: }"])
    if depth == 0:
        return st.lists(leaf, min_size=1, max_size=3)
    inner = _steps(depth - 1)
    block = st.builds(lambda a, b: f"{{if: changes_7d > 1, then: [{', '.join(a)}], else: [{', '.join(b)}]}}", inner, inner)
    wait = st.builds(
        lambda a, after: f"{{id: ID, wait_until: changes_7d > 1, at_most: 1 day, otherwise: [{', '.join(a)}], after: {after}}}",
        inner,
        st.sampled_from(["continue", "keep_waiting", "stop"]),
    )
    return st.lists(st.one_of(leaf, block, wait), min_size=1, max_size=3)


def _compile(steps: list[str]) -> Plan:
    text, number = f"playbook: sample\nsteps: [{', '.join(steps)}]\n", 0
    while "ID" in text:
        text, number = text.replace("ID", f"s{number}", 1), number + 1
    problems = Problems()
    document = parse(text, "sample.yaml", problems)
    assert document is not None
    attributes = Attributes(ATTRIBUTES.account, ATTRIBUTES.contact, ATTRIBUTES.events)
    catalogue = build({"changes_7d": "account.seats"}, {}, None, None, attributes, {}, problems)
    compiled = compile_playbook(document, Surroundings(Directory((), ()), catalogue.scope, Definitions()), problems)
    assert compiled is not None, [p.render(text) for p in problems]
    return compiled.plan


@settings(max_examples=40, deadline=None)
@given(_steps(2))
def test_every_edge_runs_forward_but_the_one_back_to_its_wait(steps: list[str]) -> None:
    plan = _compile(steps)
    position = {step.id: i for i, step in enumerate(plan.steps)}
    assert len(position) == len(plan.steps)
    for step in plan.steps:
        for _, edge in [*edges(step), ("", step.next)]:
            if edge.to is None:
                continue
            if edge.otherwise_done:
                assert edge.to in step.watched_by
            else:
                assert position[edge.to] > position[step.id]


def test_a_step_that_sends_stands_where_it_names_its_template(folder: Folder) -> None:
    """A template that lacks a language is underlined itself, not the step's id."""
    plan = folder.steps("- id: a\n  email: onboarding/welcome\n- {id: b, cta: stuck}\n- {id: c, wait: 1 day}").plan()
    assert [(step.place.line, step.place.column, step.place.length) for step in plan.steps][:2] == [(4, 12, 18), (5, 18, 5)]
    assert (plan.steps[2].place.line, plan.steps[2].place.column) == (6, 5)
