"""What somebody of us does with a CTA: done, snoozed, judged, its items ticked off. Pure."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from cs_engine.instants import Micros

DONE = "done"
"""Why a CTA is closed that somebody did."""
USEFUL, FALSE_ALARM = "useful", "false_alarm"
"""What somebody may say of one: with these the precision of a playbook's CTAs is told."""
OWN, DIGEST = "own", "digest"
"""How a CTA was told: by a message of its own, or in the day's digest. '' where nobody asks."""


PRIORITIES = ("high", "normal", "low")


class Urgent(Protocol):
    """What says how urgent a CTA is."""

    @property
    def id(self) -> str: ...
    @property
    def priority(self) -> str: ...
    @property
    def due_at(self) -> Micros | None: ...
    @property
    def fired_at(self) -> Micros: ...


def by_urgency(cta: Urgent) -> tuple[int, float, Micros, str]:
    """A key to sort by: the highest priority first, then what is due first, then what fired first."""
    due = float("inf") if cta.due_at is None else float(cta.due_at)
    return PRIORITIES.index(cta.priority), due, cta.fired_at, cta.id


class Mark(NamedTuple):
    """What one of us said of a CTA, for as long as it is open. The same again is nothing; the last counts."""

    cta_id: str
    opened_at: Micros
    """Which opening of it."""
    kind: str
    """verdict | item"""
    item: str
    """Of a verdict whose it is, a staff e-mail; else the key of the checklist's item."""
    value: str
    """useful | false_alarm | done | open"""
    by: str
    at: Micros
