"""How healthy accounts are: seen in every tick for all of them at once, and remembered where it changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time

import numpy as np

from cs_engine.instants import Micros, to_micros
from cs_engine.journey.health import HealthRow, to_remember
from cs_engine.language.expression import Expression, Grain
from cs_engine.playbook.project import Project
from cs_engine.ports import Facts
from cs_engine.run.context import TickContext
from cs_engine.usage import health as columns


def is_told(project: Project) -> bool:
    """Whether the project says what health is, and says it soundly."""
    return project.health is not None and columns.SCORE not in project.catalogue.broken


def asked_of(project: Project) -> Sequence[Expression]:
    """What the facts of a tick are asked beside all else; nothing where nobody says what health is."""
    return [columns.all_of_it()] if is_told(project) else []


def rows_of(facts: Facts, at: Micros) -> list[HealthRow]:
    """The health of all accounts that are there, in the order of their rows."""
    ids = facts.ids(Grain.ACCOUNT)
    if not ids:
        return []
    score, band, forced, scores, values = facts.columns(Grain.ACCOUNT, columns.told(), np.arange(len(ids)))
    return [
        HealthRow(id, at, None if s is None else round(s, columns.DECIMALS), b or "", f or "", parts, inputs)
        for id, s, b, f, parts, inputs in zip(ids, score, band, forced, scores, values, strict=True)
    ]


def see(tick: TickContext) -> None:
    """Remembers what has changed. A project that says nothing of health pays nothing."""
    if not is_told(tick.engine.project):
        return
    store = tick.engine.store
    day_began = to_micros(datetime.combine(tick.now.astimezone(tick.zone).date(), time(), tick.zone))
    fresh, gone = to_remember(store.health(), rows_of(tick.facts, tick.at), day_began)
    if fresh or gone:
        store.put_health(fresh, gone, tick.at)
