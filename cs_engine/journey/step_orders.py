"""What somebody of us ordered for one passage: a step is skipped, or does not come before a time. Pure.

An order stands beside the plan until the passage is past its step. It is given in one transaction that moves the passage's revision
on, so that a tick that decided without it decides again; and it takes back what was planned and has not left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey.enrolment import step_of
from cs_engine.playbook.plan import AnyStep, Enrol, Plan, SendingStep, Set, Wait, WaitDate, WaitUntil

BY_HAND = "by_hand"
"""Why a message is skipped whose step somebody skipped."""
POSTPONED = "postponed"
"""Why a message waits whose step somebody postponed."""

Kind = Literal["skip", "postpone"]


class StepOrder(NamedTuple):
    enrolment_id: str
    step: str
    kind: str
    """skip | postpone"""
    until: Micros
    """Postponed: not before this instant. 0 when it is skipped."""
    at: Micros
    by: str
    """The e-mail of one of us; '' when nobody said."""
    reason: str

    def told(self) -> str:
        """By whom and why, for the journal."""
        return f"{self.by}: {self.reason}" if self.by else self.reason


OfPassage = Mapping[str, StepOrder]
"""Step -> what is ordered for it."""


def by_passage(orders: Iterable[StepOrder]) -> dict[str, dict[str, StepOrder]]:
    """Enrolment -> its orders."""
    found: dict[str, dict[str, StepOrder]] = {}
    for order in orders:
        found.setdefault(order.enrolment_id, {})[order.step] = order
    return found


def has_effect(step: AnyStep) -> bool:
    """Whether somebody can notice that it was done."""
    return isinstance(step, SendingStep | Set | Enrol)


def can_wait(step: AnyStep) -> bool:
    """Whether it can be postponed: a message waits as a row, a wait as a passage; others are done as they are come to."""
    return isinstance(step, SendingStep | Wait | WaitUntil | WaitDate)


def next_step(plan: Plan, standing: str, ended: bool, wanted: Callable[[AnyStep], bool] = has_effect) -> str | None:
    """The next step that is `wanted` for who stands there; None where that depends on what is not known yet. `ended`: the messages of
    the step have been settled, so it is behind.
    """
    here = plan.step(step_of(standing))
    if here is not None and ended:
        here = None if here.next.to is None else plan.step(here.next.to)
    while here is not None and not wanted(here):
        plain = has_effect(here) or isinstance(here, Wait | WaitDate)
        plain = plain or (isinstance(here, WaitUntil) and here.otherwise is None and here.after != "stop")
        if not plain or here.next.to is None:
            return None
        here = plan.step(here.next.to)
    return None if here is None else here.id


def ahead(plan: Plan, standing: str, ended: bool) -> list[str]:
    """The steps that may still come, in the plan's order, the one where it stands among them unless it has ended."""
    ids, here = [step.id for step in plan.steps], step_of(standing)
    return ids[ids.index(here) + ended :] if here in ids else []
