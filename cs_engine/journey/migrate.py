"""Moving people from one version of a playbook to another, by the ids of steps. Pure.

Who stands at a step that is still there stays where they are, with the time that they have waited: a wait that is shorter now lets go
who is past it, one that is longer keeps them. Who stands at a step that is gone goes on where the playbook's `redirect` says, or ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey.enrolment import ARRIVE, Standing, step_of
from cs_engine.playbook.draw import what
from cs_engine.playbook.plan import AddressedStep, AnyStep, Plan, SendingStep, Wait, WaitDate, WaitUntil

REMOVED = "step_removed"
PLAYBOOK_REMOVED = "playbook_removed"
"""Why a passage ends whose playbook somebody took out of the project."""


class Way(NamedTuple):
    """Where those go who stand at one step."""

    kind: Literal["stays", "redirected", "removed"]
    step: str
    """The pointer in the new version; of who ends, where they stood."""


class Migration(NamedTuple):
    """Applied as UPDATE … WHERE id = :id AND revision = :revision. Timers are kept, but of who is redirected."""

    id: str
    revision: int
    digest: str
    step: str
    otherwise_done: bool
    since: Micros
    step_ended_at: Micros | None
    repeats: int


def way(new: Plan, step: str) -> Way:
    """Where somebody goes who stands at that step of an older version."""
    base = step_of(step)
    if new.step(base) is not None:
        return Way("stays", step)
    # A step with a date is two: who waits for the date of a step that is redirected goes along.
    dated = base.removesuffix(".at")
    target = new.redirect.get(base) or new.redirect.get(dated)
    if target is None and dated != base and new.step(dated) is not None:
        target = dated  # it has no date any more, and is the same step
    return Way("redirected", f"{target}{ARRIVE}") if target is not None else Way("removed", step)


def moved(who: Standing, new: Plan, at: Micros) -> Migration | None:
    """How somebody comes into the new version; None for who ends, since the step is gone."""
    to = way(new, who.step)
    if to.kind == "removed":
        return None
    if to.kind == "redirected":
        return Migration(who.id, who.revision, new.digest, to.step, False, at, None, 0)
    keeps_waiting = who.otherwise_done and isinstance(new.step(who.step), WaitUntil)
    return Migration(who.id, who.revision, new.digest, who.step, keeps_waiting, who.since, who.step_ended_at, who.repeats)


def behind(old: Plan, new: Plan, step: str) -> list[str]:
    """Steps of the new version that the old one had not, and that who comes to stand at that step has passed: they never apply to them."""
    base, known = step_of(step), {s.id for s in old.steps}
    found: list[str] = []
    for one in new.steps:
        if one.id == base:
            return found
        if one.id not in known:
            found.append(one.id)
    return found


def unsafe(old: Plan, new: Plan, standing: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(what is wrong, how to mend it) about moving people who stand at these steps."""
    if old.subject is not new.subject:
        yield f"{old.subject}s passed through, now {new.subject}s do", "give the new playbook another id"
        return
    if missing := sorted(_kept(new) - _kept(old)):
        said = ", ".join(missing)
        yield f"it reads what was not kept as they entered: {said}", "leave that out, or let those inside stay on their version"
    for id in sorted(set(standing)):
        before, after = old.step(id), new.step(id)
        if before is not None and after is not None and (said := _changed_kind(before, after)):
            yield f'the step "{id}" {said}', "give the new step another id, and redirect the old one to it"
    for id in _asked_before(old, set(standing)):
        asks, asked = _questions(new.step(id)), _questions(old.step(id))
        if more := sorted(field for field, question in asks.items() if asked.get(field) != question):
            said = ", ".join(more)
            yield f'the step "{id}" has asked already, and asks otherwise now: {said}', "ask it in a step of its own, with another id"


def _asked_before(old: Plan, standing: Collection[str]) -> list[str]:
    """The steps that may have asked somebody who stands at one of these: theirs are the questions that they were sent."""
    order = [step.id for step in old.steps]
    last = max((order.index(id) for pointer in standing if (id := step_of(pointer)) in order), default=-1)
    return [step.id for step in old.steps[: last + 1] if _questions(step)]


def _questions(step: AnyStep | None) -> dict[str, tuple[str, ...]]:
    """Field -> what can be answered; {} of a step that asks nothing."""
    asks = step.ask if isinstance(step, AddressedStep) else ()
    return {question.field: (question.kind, *(str(choice.value) for choice in question.choices)) for question in asks}


def _kept(plan: Plan) -> set[str]:
    """What passages of it know that was kept as they began."""
    of_event = (f"event.{name}" for name in plan.event.columns) if plan.event is not None else ()
    return {*(f"at_entry({kept.text})" for kept in plan.at_entry.values()), *of_event}


def _changed_kind(before: AnyStep, after: AnyStep) -> str:
    """Who waits would be taken for somebody whose mail is on its way, or the other way round."""
    sends, waits = SendingStep, (Wait, WaitUntil, WaitDate)
    if isinstance(after, sends) and not isinstance(before, sends):
        return "did not send, and does now"
    if isinstance(before, sends) and isinstance(after, waits):
        return "sent, and waits now"
    return ""


class Difference(NamedTuple):
    """What has become of the steps of a playbook."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, tuple[str, str]]
    """Step -> (what it did, what it does)."""


def difference(old: Plan, new: Plan) -> Difference:
    """By the ids of steps."""
    before, after = ({step.id: step for step in plan.steps} for plan in (old, new))
    both = {id: (what(before[id]), what(after[id])) for id in after if id in before}
    return Difference(
        tuple(id for id in after if id not in before),
        tuple(id for id in before if id not in after),
        {id: said for id, said in both.items() if said[0] != said[1]},
    )
