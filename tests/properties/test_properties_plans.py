"""Random playbooks: the real model takes them, and the plan is what the blocks say."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_engine.playbook.bundle import compile_bundle
from cs_engine.playbook.draw import edges, explain, mermaid
from cs_engine.playbook.plan import Edge, Plan, WaitUntil
from cs_engine.playbook.project import Project
from tests.properties.documents import DATES, Block, Doc, compact, contents, documents, inner_blocks, spacious
from tests.properties.profiles import quick, soak
from tests.properties.project import Home, compiled


def all_edges(plan: Plan) -> Iterator[tuple[str, Edge]]:
    """Every way out of every step; a step that is passed by goes on to its `next`."""
    for step in plan.steps:
        yield from ((step.id, edge) for _, edge in edges(step))
        if step.only_if is not None:
            yield step.id, step.next


def enclosing_waits(block: Block, within: tuple[str, ...] = ()) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(id, the waits whose `otherwise` it lies in, outermost first) of every step that has an id in the file."""
    for step in block:
        if not isinstance(step, dict):
            continue
        if "id" in step:
            yield step["id"], within
        for key, inner in inner_blocks(step):
            yield from enclosing_waits(inner, (*within, step["id"]) if key == "otherwise" else within)


def is_whole(project: Project, doc: Doc) -> None:
    plan = compiled(compact(doc), project)[0].plan
    position = {step.id: number for number, step in enumerate(plan.steps)}
    assert len(position) == len(plan.steps), "ids are unique"
    for here, edge in all_edges(plan):
        if edge.otherwise_done:
            wait = plan.step(str(edge.to))
            assert isinstance(wait, WaitUntil)
            assert wait.after == "keep_waiting"
            assert wait.id in plan.steps[position[here]].watched_by
        elif edge.to is not None:
            assert position[edge.to] > position[here], "all other edges run forward"
    reached, ways = {plan.first.id}, list(all_edges(plan))
    for step in plan.steps:  # in their order, since edges run forward
        if step.id in reached:
            reached |= {str(edge.to) for here, edge in ways if here == step.id}
    assert set(position) <= reached, "somebody comes to every step"
    watched = dict(enclosing_waits(doc["steps"]))
    assert {step.id: step.watched_by for step in plan.steps if step.id in watched} == watched


def is_shown(project: Project, doc: Doc) -> None:
    plan = compiled(compact(doc), project)[0].plan
    said, drawn = explain(plan).splitlines(), mermaid(plan)
    for step in plan.steps:
        assert any(line.strip().startswith(f"{step.id}: ") for line in said)
        assert f'"{step.id}<br/>' in drawn
    ways = sum(len(list(edges(step))) for step in plan.steps)
    # Beside the steps' own edges: the entry's, and those of goal and exit.
    assert drawn.count("-->") + drawn.count("-.->") == ways + 1 + len(plan.leaves())


def names_its_content(project: Project, doc: Doc, data: st.DataObject) -> None:
    one, bundle = compiled(compact(doc), project)
    other, _ = compiled(spacious(doc), project)
    assert one.plan.digest == other.plan.digest
    assert one.plan.steps == other.plan.steps
    again, _ = compile_bundle(bundle, project)
    assert again == one.plan
    changed = altered(doc, data.draw(st.sampled_from(list(contents(doc)))))
    assert compiled(compact(changed), project)[0].plan.digest != one.plan.digest


def altered(doc: Doc, path: tuple[str | int, ...]) -> Doc:
    """The playbook with another text or number at that place, still one that `check` takes."""
    made: Any = deepcopy(doc)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    key, value = path[-1], inner[path[-1]]
    others = {
        "playbook": "other", "subject": None, "existing": {"include": "skip", "skip": "include"}.get(value), "topic": "general",
        "schedule": "every day", "priority": (value + 1) % 101 if key == "priority" and isinstance(value, int) else "low", "id": "another",
        "email": {"one": "two", "two": "one"}.get(value), "uncertain": "ask", "due": "3 hours", "wait": "5 weeks", "at_most": "5 weeks",
        "at": next(date for date in DATES if date != value), "if_late": {"now": "skip", "skip": "now"}.get(value), "every": "5 weeks",
        "times": 5, "expires": "5 weeks", "weight": value, "stage": "three", "reenter": "after 9 days", "holdout": "31%",
        "after": "continue", "once_per": "account.plan", "to": "everyone" if value != "everyone" else "champion",
    }  # fmt: skip
    condition = f"not account.a3 or {value}" if isinstance(value, str) else value
    changed = others.get(str(key), condition)
    if isinstance(key, int) or key in ("subject", "notice", "cta", "once_per") or changed == value or ("cta" in inner and key == "to"):
        made["title"] = "A title"
    else:
        inner[key] = changed
    return dict(made)


@quick(50)
@given(doc=documents())
def test_a_plan_is_whole(home: Home, doc: Doc) -> None:
    is_whole(home.project, doc)


@quick(25)
@given(doc=documents())
def test_a_plan_can_be_shown(home: Home, doc: Doc) -> None:
    is_shown(home.project, doc)


@quick(30)
@given(doc=documents(), data=st.data())
def test_a_digest_names_what_a_playbook_says_not_how_it_is_written(home: Home, doc: Doc, data: st.DataObject) -> None:
    names_its_content(home.project, doc, data)


@pytest.mark.soak
@soak(2000)
@given(doc=documents(), data=st.data())
def test_plans_soak(home: Home, doc: Doc, data: st.DataObject) -> None:
    is_whole(home.project, doc)
    is_shown(home.project, doc)
    names_its_content(home.project, doc, data)
