"""A playbook's document -> its frozen plan, with a digest that names the version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from cs_engine.language import expressions
from cs_engine.language.expression import Expression, Grain
from cs_engine.language.problems import Place, Problems
from cs_engine.language.scope import NOTHING_ASKED
from cs_engine.language.yaml import Document
from cs_engine.playbook import mode, schedule
from cs_engine.playbook.answers import check_answers
from cs_engine.playbook.checks import check_ends, check_plan, check_waits, raw_steps
from cs_engine.playbook.confirming import check_asked_in_time
from cs_engine.playbook.definitions import Definitions, digest
from cs_engine.playbook.entries import ChangedEntrySpec, EventEntrySpec, LeavesEntrySpec, SegmentEntrySpec
from cs_engine.playbook.flatten import Flattener, name_steps, walk
from cs_engine.playbook.model import PlaybookSpec
from cs_engine.playbook.people import Kind
from cs_engine.playbook.plan import ChangeEntry, Edge, EventEntry, Notice, Plan
from cs_engine.playbook.questions import asked_by, contacts_named
from cs_engine.playbook.reader import Reader, Surroundings
from cs_engine.playbook.sense import check_sense
from cs_engine.playbook.setting import check_set
from cs_engine.playbook.shape import Path, read
from cs_engine.playbook.words import MANUAL, share_of
from cs_engine.usage.names import NO_EVENT

_SENDING: tuple[Kind, ...] = ("email", "notice", "cta")
_CONDITIONS: Mapping[str, Callable[[Reader, Path, str], Expression]] = {
    **dict.fromkeys(("audience", "enter"), Reader.entry),
    **dict.fromkeys(("goal", "exit", "while"), Reader.condition),
    "hold": Reader.of_subject,
}
"""The conditions of a playbook itself, and how each is read."""


class Compiled(NamedTuple):
    plan: Plan
    definitions: Definitions
    """Those that the plan uses."""
    texts: Mapping[Path, str]
    """Every condition as written, by its place in the file."""
    conditions: Mapping[Path, Expression]


def compile_playbook(document: Document, around: Surroundings, problems: Problems, *, lenient: bool = False) -> Compiled | None:
    """The plan of a playbook's document; None when anything is wrong with it, with every problem added. `lenient`, as of older versions
    that people are inside: whether its conditions make sense is not asked.
    """
    own = Problems()
    spec = read(document, PlaybookSpec, own, "a playbook")
    compiled = None
    if spec is None:
        _read_texts(document, around, own)
    else:
        compiled = _compile(spec, document, around, own, lenient=lenient)
        check_plan(compiled.plan, document, own)
    check_waits(document, own)
    check_ends(document, own)
    if compiled is not None and not lenient:
        check_sense(compiled.conditions, around.counts, document, own)
        check_asked_in_time(compiled.plan, lambda milestone: _reached(milestone, compiled.plan, around), document, own)
    problems.extend(own)
    return None if own.errors() else compiled


def _compile(spec: PlaybookSpec, document: Document, around: Surroundings, problems: Problems, *, lenient: bool) -> Compiled:
    ids = name_steps(spec)
    steps = [(ids[path], step) for path, step in walk(spec.steps, ("steps",))]
    asked = asked_by(spec, steps, around.definitions.confirmed)
    reader = Reader(document, around, Grain(spec.subject), spec.vars, problems, asked, contacts_named(steps), lenient=lenient)

    def optional(key: str, text: str | None) -> Expression | None:
        return None if text is None else reader.condition((key,), text)

    # First of all: what it begins with is known to all other conditions.
    event = _begins(reader, spec.enter)
    plan = Plan(
        playbook=spec.playbook,
        digest="",
        file=document.file,
        title=spec.title or {"": spec.playbook},
        owner=spec.owner,
        subject=reader.grain,
        topic=spec.topic,
        touch=spec.touch,
        phase=spec.phase,
        audience=None if spec.audience is None else reader.entry(("audience",), spec.audience),
        enter=reader.entry(("enter",), spec.enter) if isinstance(spec.enter, str) and spec.enter != MANUAL else None,
        event=event,
        manual=spec.enter == MANUAL,
        once_per=None if spec.once_per is None else reader.scalar(("once_per",), spec.once_per),
        existing=spec.existing,
        goal=optional("goal", spec.goal),
        exit=optional("exit", spec.exit),
        while_=optional("while", spec.while_),
        hold=None if spec.hold is None else reader.of_subject(("hold",), spec.hold),
        mode=mode.parse(spec.mode, document.place(("mode",)), problems),
        redirect=dict(spec.redirect),
        holdout=share_of(spec.holdout),
        reenter=reader.reenter(("reenter",), spec.reenter),
        schedule=schedule.parse(spec.schedule, document.place(("schedule",)), problems),
        priority=spec.priority,
        vars=dict(spec.vars),
        steps=tuple(Flattener(reader, ids).block(spec.steps, ("steps",), Edge(None))),
    )
    check_answers(plan, reader.texts, ids, document, problems)
    check_set(plan, ids, document, problems)
    noticed = [step.milestone for step in plan.steps if isinstance(step, Notice)]
    used = around.definitions.used_by(reader.texts.values(), noticed)
    return Compiled(replace(plan, digest=digest(written(document.data), used)), used, reader.texts, reader.conditions)


def _reached(milestone: str, plan: Plan, around: Surroundings) -> Expression | None:
    scope = around.scope_of(plan.subject, plan.vars, NOTHING_ASKED, NO_EVENT, False)
    return expressions.compile_condition(f"reached('{milestone}')", Place("").at, scope, Problems())


def written(data: Mapping[str, Any]) -> dict[str, Any]:
    """What makes a version of a playbook: all but how much of it is for real, and how people come into it."""
    return {key: value for key, value in data.items() if key not in ("mode", "redirect")}


def _begins(reader: Reader, enter: object) -> EventEntry | ChangeEntry | None:
    """The event or the change that passages begin with."""
    if isinstance(enter, EventEntrySpec):
        return reader.event_entry(("enter",), enter)
    if isinstance(enter, SegmentEntrySpec | LeavesEntrySpec | ChangedEntrySpec):
        return reader.change_entry(("enter",), enter)
    return None


def _read_texts(document: Document, around: Surroundings, problems: Problems) -> None:
    """Conditions and durations of a file whose shape is wrong: what is wrong with them is said in the same pass."""
    data = document.data
    given = data.get("vars")
    values = {key: value for key, value in given.items() if not isinstance(value, dict | list)} if isinstance(given, dict) else {}
    grain = Grain.CONTACT if data.get("subject") == "contact" else Grain.ACCOUNT
    reader = Reader(document, around, grain, values, problems)
    if isinstance(data.get("enter"), dict):
        reader.expect_event()
    known = {problem.place for problem in problems}
    mappings: list[tuple[Path, Mapping[str, Any]]] = [((), data), *raw_steps(data)]
    for path, mapping in mappings:
        for key, text in mapping.items():
            here = (*path, key)
            if isinstance(text, str) and document.place(here) not in known:
                _read_text(reader, here, key, text, mapping if path else None)


def _read_text(reader: Reader, path: Path, key: str, text: str, step: Mapping[str, Any] | None) -> None:
    """One text by its key: of a step, or of the playbook itself."""
    kind: Kind | None = next((k for k in _SENDING if k in step), None) if step is not None else None
    match key:
        case "enter" if text == MANUAL:
            pass
        case _ if step is None and (read_condition := _CONDITIONS.get(key)) is not None:
            read_condition(reader, path, text)
        case "once_per" if step is None:
            reader.scalar(path, text)
        case "reenter" if step is None:
            reader.reenter(path, text)
        case "mode" if step is None:
            mode.parse(text, reader.document.place(path), reader.problems)
        case "schedule" if step is None:
            schedule.parse(text, reader.document.place(path), reader.problems)
        case "if" | "wait_until" | "close_when" if step is not None:
            reader.condition(path, text)
        case "at" if step is not None:
            reader.instant(path, text)
        case "wait" | "at_most" | "due" | "expires" if step is not None:
            reader.duration(path, text)
        case "to" if kind is not None:
            reader.people(path, text, kind)
        case "from" if kind in ("email", "notice"):
            reader.sender(path, text)
        case _:
            pass
