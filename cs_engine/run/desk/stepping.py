"""Somebody of us skips or postpones one account's step: decided on what stands, written under its guard, else decided again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from cs_engine.clock import Clock
from cs_engine.errors import LostRace, WrongUse
from cs_engine.instants import Micros, to_micros
from cs_engine.journey.edits import is_mail
from cs_engine.journey.message import State
from cs_engine.journey.step_orders import StepOrder, ahead, can_wait, has_effect, next_step
from cs_engine.language.problems import did_you_mean
from cs_engine.playbook.bundle import compile_bundle
from cs_engine.playbook.plan import SHADOW, Plan
from cs_engine.playbook.project import Project
from cs_engine.ports import EnrolmentView, OrderedStep, Store

_MOST_RACES = 5


class Office(Protocol):
    """What giving an order takes: an engine has it, and so has the web."""

    @property
    def project(self) -> Project: ...

    @property
    def store(self) -> Store: ...

    @property
    def wall(self) -> Clock: ...


class Ordered(NamedTuple):
    """What became of an order for one passage."""

    subject: str
    step: str
    fresh: bool
    """False: it stood already, and nothing was changed."""


def skip(
    engine: Office, account: str, playbook: str, step: str | None, reason: str, by: str = "", *, passage: str = ""
) -> list[Ordered]:  # fmt: skip
    """Skips the step for every passage of the account that is inside, or the one of that id: the next one with an effect when `step` is
    None. What is planned of it and has not left is skipped at once; the passage goes on in the next tick. Raises WrongUse when there is
    nothing to skip.
    """
    at = moment(engine)
    return _order(engine, _Whose(account, playbook, passage), step, lambda whose, name: StepOrder(whose, name, "skip", 0, at, by, reason))


def postpone(
    engine: Office, account: str, playbook: str, step: str | None, until: Micros, reason: str, by: str = "", *, passage: str = ""
) -> list[Ordered]:  # fmt: skip
    """The step's message, or the wait, does not go or end before `until`. Raises WrongUse when there is nothing to postpone."""
    at = moment(engine)
    if until <= at:
        raise WrongUse("that time has passed: nothing was postponed", "name a later one")
    whose = _Whose(account, playbook, passage)
    return _order(engine, whose, step, lambda of, name: StepOrder(of, name, "postpone", until, at, by, reason))


class Open(NamedTuple):
    """What may be ordered for one passage."""

    steps: list[str]
    """Those that may still come, in the plan's order."""
    next: str | None
    """The next one that does something, where that can be told."""


def open_steps(engine: Office, account: str, playbook: str, passage: str, kind: str) -> Open:
    """The steps of that passage that may be skipped or postponed, or whose mail may be edited (`kind`); none when it has ended."""
    found = next((one for one in engine.store.enrolments_of(account, playbook) if one.id == passage and one.state == "active"), None)
    if found is None:
        return Open([], None)
    standing = {(order.enrolment_id, order.step): order for order in engine.store.step_orders_of(account, playbook)}
    plan, ended = plan_of(engine, found), has_ended(found, under_way(engine, account, playbook), standing)
    skipped = {step for (whose, step), order in standing.items() if whose == passage and order.kind == "skip"}
    fits = {"skip": lambda _: True, "postpone": can_wait, "edit": is_mail}[kind]
    may = [step.id for step in plan.steps if fits(step) and (kind == "skip" or step.id not in skipped)]
    still = set(ahead(plan, found.step, ended))
    following = next_step(plan, found.step, ended, is_mail if kind == "edit" else has_effect)
    steps = [step for step in may if step in still]
    return Open(steps, following if following in steps else None)


def moment(engine: Office) -> Micros:
    """When an order is given: the last tick's now, which a span may have left in the past, else the clock's."""
    last = engine.store.last_tick()
    return to_micros(engine.wall.now()) if last is None else last


class _Whose(NamedTuple):
    account: str
    playbook: str
    passage: str
    """'': all of the account's."""


def _order(engine: Office, whose: _Whose, step: str | None, make: Callable[[str, str], StepOrder]) -> list[Ordered]:
    for left in reversed(range(_MOST_RACES)):
        given = _decided(engine, whose, step, make)
        try:
            fresh = engine.store.order_steps(given, given[0].order.at)
        except LostRace:
            if not left:
                raise
            continue
        return [Ordered(one.subject_id, one.order.step, new) for one, new in zip(given, fresh, strict=True)]
    raise LostRace


def _decided(engine: Office, whose: _Whose, step: str | None, make: Callable[[str, str], StepOrder]) -> list[OrderedStep]:
    """The orders for those passages of the account that they mean something to."""
    store, (account, playbook, only) = engine.store, whose
    inside = [one for one in store.enrolments_of(account, playbook) if one.state == "active" and only in ("", one.id)]
    if not inside:
        raise WrongUse(f"{account} is not inside {playbook}: there is nothing to order", f"cs-engine why {account} {playbook}")
    sent = under_way(engine, account, playbook)
    standing = {(order.enrolment_id, order.step): order for order in store.step_orders_of(account, playbook)}
    given, refused = [], []
    for passage in inside:
        try:
            plan = plan_of(engine, passage)
            order = make(passage.id, _meant(plan, passage, step, has_ended(passage, sent, standing)))
            _check(plan, order, standing.get((order.enrolment_id, order.step)))
        except WrongUse as wrong:
            refused.append(wrong)
        else:
            given.append(OrderedStep(order, playbook, account, passage.subject_id, passage.step, passage.since))
    if not given:
        raise refused[0]
    return given


def under_way(engine: Office, account: str, playbook: str) -> dict[tuple[str, str], bool]:
    """(passage, step) with messages -> whether one of them has not been settled."""
    found: dict[tuple[str, str], bool] = {}
    for message in engine.store.messages_of(account, playbook):
        key = (message.enrolment_id, message.step)
        found[key] = found.get(key, False) or not State(message.state).settled
    return found


def has_ended(
    passage: EnrolmentView, sent: Mapping[tuple[str, str], bool], standing: Mapping[tuple[str, str], StepOrder]
) -> bool:  # fmt: skip
    """Whether the messages of the step where it stands have been settled; `sent`: as `under_way` says. A step that was skipped and has
    not been left yet is still the next one: the same order again is the same.
    """
    key = (passage.id, passage.step)
    here = standing.get(key)
    return sent.get(key) is False and (here is None or here.kind != "skip")


def _meant(plan: Plan, passage: EnrolmentView, step: str | None, ended: bool) -> str:
    """The step that is meant. `ended`: the messages of the step where it stands have been settled."""
    still = ahead(plan, passage.step, ended)
    if step is None:
        found = next_step(plan, passage.step, ended)
        if found is None:
            if not still:
                raise WrongUse(f"it stands at {passage.step}, and nothing is left to come", "it ends by itself")
            raise WrongUse(f"it stands at {passage.step}, and what comes next is not decided yet", f"name one: {', '.join(still)}")
        return found
    if step in still:
        return step
    known = [one.id for one in plan.steps]
    if step not in known:
        raise WrongUse(f"{plan.playbook} has no step {step!r}", did_you_mean(step, known) or f"one of: {', '.join(known)}")
    raise WrongUse(f"{step} is behind it: it stands at {passage.step}", f"still to come: {', '.join(still) or 'nothing'}")


def _check(plan: Plan, order: StepOrder, before: StepOrder | None) -> None:
    step = plan.step(order.step)
    if order.kind == "postpone" and step is not None and not can_wait(step):
        raise WrongUse(f"{order.step} sends nothing and is no wait: it cannot be postponed", "postpone the wait before it, or skip it")
    if order.kind == "postpone" and before is not None and before.kind == "skip":
        raise WrongUse(f"{order.step} is skipped already: it cannot be postponed", "name a later step")


def plan_of(engine: Office, passage: EnrolmentView) -> Plan:
    """The version that the passage is on; in shadow it is the same."""
    digest = passage.digest.removesuffix(SHADOW)
    for plan in engine.project.plans.values():
        if plan.digest == digest:
            return plan
    older, problems = compile_bundle(engine.store.bundle(digest), engine.project)
    if older is None:
        raise WrongUse(f"the version that it is on no longer compiles: {problems[0].message}", "cs-engine check")
    return older
