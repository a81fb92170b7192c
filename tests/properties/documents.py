"""Random playbooks, as YAML has them: everything that is built, nested up to three deep, and nothing that `check` refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.properties import conditions

Doc = dict[str, Any]
Block = list[Any]
"""Steps: mappings, or the word `stop`."""

BLOCKS = ("otherwise", "then", "else")
DATES = ("account.due_at", "account.renewal_at")
DEEPEST = 3
DURATIONS = ("30 minutes", "1 hour", "6 hours", "1 day", "2 days", "1 week", "1 business day", "3 business days")
_DURATIONS = st.sampled_from(DURATIONS)
_STAFF = ("csm", "csm.manager", "sales")


@st.composite
def documents(draw: st.DrawFn, playbook: str = "sample", notices: bool = True, least: int = 1) -> Doc:
    """A playbook of `least` steps, not counting those within, or more. `notices`: whether it may have notice steps, of which a
    project has one a milestone.
    """
    contact = draw(st.integers(0, 3)) == 3
    doc: Doc = {"playbook": playbook}
    if contact:
        doc["subject"] = "contact"
    condition = conditions.of_contacts() if contact else conditions.of_accounts()
    for key, rarity in (("audience", 2), ("enter", 2), ("goal", 1), ("exit", 3)):
        if draw(st.integers(0, rarity)) == rarity:
            doc[key] = draw(condition)
    for key in ("audience", "enter"):
        if doc.get(key) in (doc.get("goal"), doc.get("exit")):
            doc.pop(key, None)
    if draw(st.booleans()):
        doc["once_per"] = "account.key"
    existing = draw(st.sampled_from(["include", "include", "skip", None]))
    if existing:
        doc["existing"] = existing
    doc["topic"] = draw(st.sampled_from(["tips", "tips", "transactional"]))
    doc["schedule"] = draw(st.sampled_from(["every 15 minutes", "every 15 minutes", "every 6 hours", "0 20 * * *", "0 20 * * *"]))
    doc["priority"] = draw(st.integers(0, 100))
    _journeys(draw, doc, condition)
    if "while" in doc and doc["while"] == doc.get("exit"):
        del doc["exit"]
    doc["steps"] = draw(_blocks(condition, DEEPEST, least, 6))
    asked_for = {step["if"] for step in every_step(doc["steps"]) if isinstance(step, dict) and "if" in step}
    for leave in ("goal", "exit"):  # who meets it has left by then
        if doc.get(leave) in asked_for:
            del doc[leave]
    return _finished(doc, iter(conditions.MILESTONES if notices and not contact else ()))


def _journeys(draw: st.DrawFn, doc: Doc, condition: st.SearchStrategy[str]) -> None:
    """Now and then: who leaves early, who enters again, whose mail waits, who is control."""
    if draw(st.integers(0, 4)) == 4:
        doc["while"] = draw(condition)
    asked = f"{doc.get('enter', '')} {doc.get('audience', '')}"
    # Not where entering depends on what entering does: that never comes to rest.
    if "> 0" not in asked and asked.strip() and draw(st.integers(0, 2)) == 2:
        doc["reenter"] = "after 2 days"
    if doc["topic"] != "transactional" and draw(st.integers(0, 3)) == 3:
        doc["hold"] = draw(condition)
    if doc["topic"] != "transactional" and draw(st.integers(0, 3)) == 3:
        doc["holdout"] = "30%"


@st.composite
def _blocks(draw: st.DrawFn, condition: st.SearchStrategy[str], deeper: int, least: int, longest: int) -> Block:
    block: Block = []
    for _ in range(draw(st.integers(least, longest))):
        block.append(draw(_steps(condition, deeper)))
        if ends(block[-1]):  # nobody would come to what follows
            break
    return block


@st.composite
def _steps(draw: st.DrawFn, condition: st.SearchStrategy[str], deeper: int) -> Any:
    kinds = [*["email"] * 5, "cta", "cta", "notice", "wait", "wait", "wait_until", "stop", "set"]
    kinds += ["wait_until", "wait_until", "if", "split"] * (deeper > 0)
    kind = draw(st.sampled_from(kinds))
    step: Doc = {"if": draw(condition)} if kind != "if" and draw(st.integers(0, 3)) == 3 else {}
    if kind == "stop" and draw(st.integers(0, 3)):
        step = {"if": draw(condition)}
    match kind:
        case "email":
            step["email"] = draw(st.sampled_from(["one", "two"]))
            to = draw(st.one_of(st.none(), st.sampled_from(["champion", "operators", "everyone", *_STAFF]), conditions.in_to()))
            step |= {"to": to} if to else {}
            step |= draw(st.sampled_from([{}, {}, {"uncertain": "drop"}, {"uncertain": "resend"}]))
        case "notice":
            step["notice"] = ""
            step |= draw(st.sampled_from([{}, {"to": "everyone"}]))
        case "cta":
            step["cta"] = "call"
            step |= draw(st.sampled_from([{}, *({"to": role} for role in _STAFF)]))
            step |= draw(st.sampled_from([{}, {"due": "2 business days"}, {"priority": "high"}]))
            step |= {"close_when": draw(condition)} if draw(st.booleans()) else {}
        case "wait":
            step["wait"] = draw(_DURATIONS)
        case "wait_until":
            step |= draw(_waits(condition, deeper))
        case "set":
            step["set"] = {"stage": draw(st.sampled_from(["one", "two"]))}
        case "split":
            arms = {"a": {"weight": 50, "steps": draw(_blocks(condition, deeper - 1, 1, 3))}, "b": {"weight": 50}}
            step["split"] = arms | (
                {"b": {"weight": 50, "steps": draw(_blocks(condition, deeper - 1, 1, 2))}} if draw(st.booleans()) else {}
            )
        case "if":
            step |= {"if": draw(condition), "then": draw(_blocks(condition, deeper - 1, 1, 3))}
            step |= {"else": draw(_blocks(condition, deeper - 1, 1, 3))} if draw(st.booleans()) else {}
        case _:
            return "stop" if not step else {**step, "stop": None}
    if kind in ("email", "notice", "cta"):
        step |= draw(st.one_of(*[st.just({})] * 5, _at_times(condition)))
    return step


@st.composite
def _at_times(draw: st.DrawFn, condition: st.SearchStrategy[str]) -> Doc:
    """When a message goes: on a date, again and again, or not any more."""
    match draw(st.sampled_from(["at", "repeat", "expires"])):
        case "at":
            return {"at": draw(st.sampled_from(DATES)), **draw(st.sampled_from([{}, {"if_late": "skip"}, {"if_late": "now"}]))}
        case "repeat":
            until = {"until": draw(condition)} if draw(st.booleans()) else {}
            return {"repeat": {"every": draw(_DURATIONS), "times": draw(st.integers(2, 3)), **until}}
        case _:
            return {"expires": draw(st.sampled_from(["6 hours", "2 days"]))}


@st.composite
def _waits(draw: st.DrawFn, condition: st.SearchStrategy[str], deeper: int) -> Doc:
    step: Doc = {"wait_until": draw(condition)}
    if draw(st.integers(0, 4)):
        step["at_most"] = draw(_DURATIONS)
        if deeper and draw(st.integers(0, 3)):
            step["otherwise"] = draw(_blocks(condition, deeper - 1, 1, 3))
            step["after"] = draw(st.sampled_from(["continue", "keep_waiting", "stop"]))
        else:
            step |= draw(st.sampled_from([{}, {"after": "continue"}, {"after": "stop"}]))
    return step


def ends(step: Any) -> bool:
    """Whether nobody goes on behind it."""
    if step == "stop":
        return True
    if "then" in step:
        return bool(step["then"]) and ends(step["then"][-1]) and bool(step.get("else")) and ends(step["else"][-1])
    if "split" in step:
        return "if" not in step and all(arm.get("steps") and ends(arm["steps"][-1]) for arm in step["split"].values())
    return "stop" in step and "if" not in step


def inner_blocks(step: Any) -> Iterator[tuple[str, Block]]:
    """(key, or the name of an arm; the block) of each block within a step."""
    if isinstance(step, dict):
        yield from ((key, step[key]) for key in BLOCKS if key in step)
        yield from ((name, arm["steps"]) for name, arm in step.get("split", {}).items() if "steps" in arm)


def every_step(block: Block) -> Iterator[Any]:
    """All steps, from the top."""
    for step in block:
        yield step
        for _, inner in inner_blocks(step):
            yield from every_step(inner)


def _finished(doc: Doc, milestones: Iterator[str]) -> Doc:
    """Ids where they are needed; notices of milestones that are left, other notices as mails."""
    number = 0
    for step in every_step(doc["steps"]):
        if not isinstance(step, dict) or "stop" in step or "then" in step:
            continue
        step["id"], number = f"s{number}", number + 1
        if "notice" in step and (milestone := next(milestones, None)):
            step["notice"] = milestone
        elif "notice" in step:
            del step["notice"]
            step["email"] = "one"
    return doc


def compact(doc: Doc) -> str:
    """As flow YAML, in one line."""
    return json.dumps(doc)


def spacious(doc: Doc) -> str:
    """As block YAML with comments and blank lines, its keys in another order."""
    text = yaml.safe_dump(doc, sort_keys=True, default_flow_style=False)
    return "# a comment\n" + "".join(f"{line}  # {number}\n\n" for number, line in enumerate(text.splitlines()))


def contents(value: Any, path: Sequence[str | int] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where each text or number of it stands."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from contents(inner, (*path, key))
    elif value is not None:
        yield tuple(path)
