"""Funnels: what metrics.yaml says of steps that follow each other, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from cs_engine.language import durations
from cs_engine.language.expressions import compile_condition
from cs_engine.language.problems import Problems
from cs_engine.language.scope import PlaceOf
from cs_engine.language.seen import EVENT_NAME, doubt_event
from cs_engine.usage.model import WindowMetric
from cs_engine.usage.names import EventScope
from cs_engine.usage.window_checks import PlaceIn
from cs_engine.usage.windows import Funnel

_NAME_OF_EVENT = re.compile(r"[\w.:-]+")
"""A step that is this, and no column, names an event: one whose name has a space is written as a condition."""


class _Step(NamedTuple):
    said: str
    sql: str
    reads: tuple[str, ...]


def funnel(
    spec: WindowMetric, events: EventScope, at: PlaceIn, text: Callable[[int], PlaceOf], problems: Problems
) -> tuple[Funnel, tuple[str, ...]] | None:
    """The funnel over those events, and the columns that its steps read; None and at least one problem.

    `text` gives the places within the nth step.
    """
    before = len(problems.errors())
    texts = spec.funnel or ()
    if len(texts) < 2:
        problems.add(at("funnel"), "M109", "a funnel has at least two steps", "write what follows: funnel: [invited, joined]")
    if spec.by and spec.by not in events.columns:
        problems.add(at("by"), "M103", f'events of {spec.from_} have no column "{spec.by}"', "name it in project.yaml, or leave `by` out")
    found = [_step(given, events, at, text(i), i, problems) for i, given in enumerate(texts)]
    days, hours = _limit(spec, at, problems)
    steps = [step for step in found if step is not None]
    if len(problems.errors()) > before:
        return None
    made = Funnel(_all(s.sql for s in steps), _all(s.said for s in steps), days, hours, spec.as_ == "rate", spec.by is not None)
    return made, tuple(sorted({name for step in steps for name in step.reads}))


def _all(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(parts)


def _step(given: str, events: EventScope, at: PlaceIn, text: PlaceOf, number: int, problems: Problems) -> _Step | None:
    source, columns = events.source, events.columns
    if _NAME_OF_EVENT.fullmatch(given) and given not in columns:
        if EVENT_NAME in columns:
            doubt_event(given, events.seen, text, problems)
            return _Step(given, f"event = '{given}'", ("event",))
        message = f"events of {source} have no names"
        problems.add(
            at("funnel", number), "M109", message, f"name their column in project.yaml, `event:` of {source}, or write a condition"
        )
        return None
    found = compile_condition(given, text, events, problems)
    return None if found is None else _Step(found.text, found.sql, found.names)


def _limit(spec: WindowMetric, at: PlaceIn, problems: Problems) -> tuple[int | None, int | None]:
    """(days, hours) that the whole way may take; (None, None) where it may take any."""
    if spec.within is None:
        return None, None
    found = durations.check(spec.within, at("within"), problems)
    if found is None:
        return None, None
    if found.unit == "hours" and found.amount:
        return None, found.amount
    if found.unit in ("days", "weeks"):
        return found.amount * (7 if found.unit == "weeks" else 1), None
    problems.add(at("within"), "M109", "a funnel takes days, weeks or hours", "write 7 days, for example; 0 days is the same day")
    return None, None
