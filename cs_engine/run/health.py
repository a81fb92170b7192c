"""How healthy accounts are: seen in every tick for all of them at once, and remembered where it changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cs_engine.instants import Micros
from cs_engine.journey.health import HealthRow, to_remember
from cs_engine.language.expression import Expression, Grain
from cs_engine.playbook.project import Project
from cs_engine.ports import Facts, Rows
from cs_engine.run.context import TickContext
from cs_engine.usage import health as columns


def is_told(project: Project) -> bool:
    """Whether the project says what health is, and says it soundly."""
    return project.health is not None and columns.SCORE not in project.catalogue.broken


def asked_of(project: Project) -> Sequence[Expression]:
    """What the facts of a tick are asked beside all else; nothing where nobody says what health is."""
    return [columns.all_of_it()] if is_told(project) else []


def rows_of(facts: Facts, at: Micros, rows: Rows | None = None) -> list[HealthRow]:
    """The health of the accounts at these rows, in their order; None: of all that are there."""
    ids = facts.ids(Grain.ACCOUNT)
    which = np.arange(len(ids)) if rows is None else rows
    if not len(which):
        return []
    score, band, forced, scores, values = facts.columns(Grain.ACCOUNT, columns.told(), which)
    return [
        HealthRow(ids[row], at, None if s is None else round(s, columns.DECIMALS), b or "", f or "", parts, inputs)
        for row, s, b, f, parts, inputs in zip(which.tolist(), score, band, forced, scores, values, strict=True)
    ]


def see(tick: TickContext) -> None:
    """Remembers what has changed: a band at once, all else with the first tick of a day, so that what is kept is bounded, however often
    ticks come. A project that says nothing of health pays nothing.
    """
    if not is_told(tick.engine.project):
        return
    store, facts = tick.engine.store, tick.facts
    ids = facts.ids(Grain.ACCOUNT)
    if tick.opens_the_day:
        known = store.health()
        fresh = to_remember(known, rows_of(facts, tick.at))
        gone = known.keys() - set(ids)
    else:
        bands = store.health_bands()
        (now,) = facts.columns(Grain.ACCOUNT, [columns.BAND], np.arange(len(ids))) if ids else ([],)
        turned = [row for row, (id, band) in enumerate(zip(ids, now, strict=True)) if bands.get(id) != (band or "")]
        fresh = rows_of(facts, tick.at, np.array(turned, np.int64))
        gone = bands.keys() - set(ids)
    if fresh or gone:
        store.put_health(fresh, gone, tick.at)
