"""Values that playbooks watch: looked at in every tick, for all subjects at once, and remembered; their changes begin passages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from cs_engine.instants import from_micros, to_micros
from cs_engine.language.expression import EVENT, Type
from cs_engine.playbook.plan import ChangeEntry, Plan, Scalar
from cs_engine.ports import Occurrences, ValueChange
from cs_engine.run.context import TickContext


def watch(tick: TickContext) -> None:
    """Looks at what any playbook watches, whether it is due or not: what changes and changes back between two runs of it is seen."""
    seen: set[str] = set()
    for plan in tick.engine.project.plans.values():
        entry = plan.event
        if isinstance(entry, ChangeEntry) and entry.name not in seen:
            seen.add(entry.name)
            values = dict(zip(tick.facts.ids(plan.subject), tick.facts.texts(entry.watched), strict=True))
            tick.engine.store.see(entry.name, values, tick.at)


def changes_of(tick: TickContext, plan: Plan, entry: ChangeEntry, since: datetime) -> Occurrences:
    """The changes that passages of that entry may begin with, after `since`, of subjects that are there."""
    index = tick.facts.rows(plan.subject)
    found = [
        (index[change.subject_id], change)
        for change in tick.engine.store.changes(entry.name, to_micros(since), tick.at)
        if change.subject_id in index and _among(change.was, entry.was) and _among(change.became, entry.became)
    ]
    found.sort(key=lambda one: (one[0], one[1].at))
    rows, at = np.array([row for row, _ in found], np.int64), np.array([change.at for _, change in found], np.int64)
    ids = [f"{change.subject_id} {_iso(change)}" for _, change in found]
    return Occurrences(rows, at, ids, [_kept(entry, id, change) for id, (_, change) in zip(ids, found, strict=True)])


def _kept(entry: ChangeEntry, id: str, change: ValueChange) -> str:
    values = {"id": id, "at": _iso(change), "was": _typed(change.was, entry), "became": _typed(change.became, entry)}
    return json.dumps({f"{EVENT}{name}": value for name, value in values.items()}, ensure_ascii=False)


def _iso(change: ValueChange) -> str:
    return from_micros(change.at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _typed(value: str, entry: ChangeEntry) -> str | float | bool | None:
    if not value:
        return None
    match entry.columns["was"]:
        case Type.BOOLEAN:
            return value == "true"
        case Type.NUMBER:
            return _number(value)
        case _:
            return value


def _among(value: str, wanted: Sequence[Scalar]) -> bool:
    """Whether a value is one of those that the author named; numbers as numbers."""
    return not wanted or any(_same(value, one) for one in wanted)


def _same(value: str, wanted: Scalar) -> bool:
    if isinstance(wanted, bool):
        return value == str(wanted).lower()
    if isinstance(wanted, int | float):
        return _number(value) == wanted
    return value == wanted


def _number(value: str) -> float | None:
    """None where it was text, before its column had numbers alone."""
    try:
        return float(value)
    except ValueError:
        return None
