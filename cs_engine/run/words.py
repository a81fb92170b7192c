"""Milestones that customers confirm: who was asked, and what is known of their word. Whoever has none asks nothing here."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.playbook.plan import Notice
from cs_engine.run.context import Engine


class Words(NamedTuple):
    """What a tick knows of them: parts of the overlay that go by the same names."""

    claimed: dict[str, tuple[list[str], list[Micros]]]
    doubted: dict[str, tuple[list[str], list[Micros]]]
    first_looks: frozenset[str]


def see_to_asked(engine: Engine, at: Micros) -> None:
    """Before a tick reads anything: notes who has been asked, and who cannot be; what need not be confirmed any more counts."""
    journey, store = engine.project.journey, engine.store
    confirmed = journey.confirmed()
    for milestone in store.asking_milestones() & journey.milestones().keys() - confirmed:
        store.ask_no_more(milestone, at)
    if not confirmed:
        return
    for plan in engine.project.plans.values():
        for step in plan.steps:
            if isinstance(step, Notice) and step.milestone in confirmed:
                store.see_to_asked(step.milestone, plan.playbook, step.id, at)


def known(engine: Engine, confirmed: Collection[str], at: Micros) -> Words:
    """What was known at a moment."""
    store = engine.store
    first = frozenset(confirmed) - store.known_milestones(at)
    return Words(store.claims(confirmed, at), store.doubts(confirmed, at), first)
