"""Playbooks that ask customers for their word on a milestone: whether anybody comes to the question before they have given it."""

from __future__ import annotations

from collections.abc import Callable

from cs_engine.language.expression import Expression
from cs_engine.language.possible import possible
from cs_engine.language.problems import Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.draw import edges
from cs_engine.playbook.plan import Edge, Notice, Plan, WaitUntil
from cs_engine.playbook.questions import CONFIRMED


def check_asked_in_time(plan: Plan, reached: Callable[[str], Expression | None], document: Document, problems: Problems) -> None:
    """P205: a notice that asks about a milestone, and waits until it is reached: so it would be by the answer. And a warning where a
    control group is not asked. `reached`: the condition reached('…') of a milestone.
    """
    for step in plan.steps:
        if not isinstance(step, Notice) or not any(question.field == CONFIRMED for question in step.ask):
            continue
        if plan.holdout:
            message = f'the control group is never asked, so "{step.milestone}" never counts of it'
            problems.warn(document.key_place(("holdout",)), "P205", message, "leave the notice to the journey's own playbook")
        condition = reached(step.milestone)
        if condition is None:
            continue
        mend = f"write claimed('{step.milestone}') and not reached('{step.milestone}')"
        message = f'"{step.milestone}" is reached once the customer has said yes to this very question: it would never be asked'
        for key, entry in (("enter", plan.enter), ("audience", plan.audience)):
            if entry is not None and _asks_for(entry, condition):
                problems.add(document.place((key,)), "P205", message, mend)
        if step.only_if is not None and _asks_for(step.only_if, condition):
            problems.add(step.place, "P205", message, mend)
        for wait in plan.steps:
            ends = isinstance(wait, WaitUntil) and wait.at_most is None and _asks_for(wait.until, condition)
            if ends and step.id not in _without(plan, wait.id):
                problems.add(wait.place, "P205", message, mend)


def _asks_for(condition: Expression, reached: Expression) -> bool:
    """Whether it is never true without the milestone being reached."""
    return condition.grain is reached.grain and not condition.of_passage and not possible([condition], [reached])


def _without(plan: Plan, wait: str) -> set[str]:
    """The steps that people come to without having come through that one."""
    steps = {step.id: step for step in plan.steps}
    found: set[str] = set()
    waiting = [plan.first.id]
    while waiting:
        here = waiting.pop()
        if here in found or here == wait:
            continue
        found.add(here)
        step = steps[here]
        ways = [edge for _, edge in edges(step)] + ([step.next] if step.only_if is not None else [])
        if isinstance(step, WaitUntil) and step.otherwise is not None:
            ways.append(Edge(step.otherwise))
        waiting += [edge.to for edge in ways if edge.to is not None]
    return found
