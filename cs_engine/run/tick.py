"""One tick, phase by phase. Who executes the units (Prefect's tasks, or this process at once) is the caller's."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Protocol

from cs_engine.errors import LostRace, TickBusy, TickTooEarly
from cs_engine.playbook.plan import Plan
from cs_engine.run.advance import advance, leave, standing, with_mail
from cs_engine.run.context import Engine, TickContext
from cs_engine.run.ctas.closing import close_ctas
from cs_engine.run.delivery.alarms import fail, named
from cs_engine.run.delivery.deliver import deliver, stocks
from cs_engine.run.delivery.feedback import settle_doubts
from cs_engine.run.enrol import enrol
from cs_engine.run.guarding import tell
from cs_engine.run.modes import as_it_runs, note, orders_of
from cs_engine.run.observe import observe
from cs_engine.run.report import TickReport
from cs_engine.run.retention import forget, forgets

ENTER = "enter"
"""The unit in which new passages begin."""


class UnitFailed(Exception):
    """A unit of a tick failed; the others went on. Carries no customer's data."""


class Do(Protocol):
    """Executes one unit. `playbook` and `step` name it; both '' for the tick's own phases. Raises UnitFailed."""

    def __call__(self, playbook: str, step: str, work: Callable[[], None]) -> None: ...


def at_once(playbook: str, step: str, work: Callable[[], None]) -> None:  # noqa: ARG001 - a name for those who show it
    """Executes the unit here and now."""
    work()


def run_tick(
    engine: Engine,
    now: datetime,
    only: Collection[str] = (),
    do: Do = at_once,
    horizon: datetime | None = None,
    *,
    narrow: bool = False,
) -> TickReport:
    """Observe, advance, enrol, deliver, feedback, in LANGUAGE order; a playbook that fails does not stop the others.

    `now` is aware. With a `horizon` (the next tick of a span) delivery's clock runs on to it, so that mail held until a moment
    in between goes at that moment. Run twice at the same `now` it does nothing new; dying anywhere and run again it loses nothing.
    `narrow`: it looks at `only` these playbooks, and does what follows for them; milestones, health, what is watched and the CTAs of others
    are seen to by the next tick that is none, and the playbooks stay as due as they were. Raises TickTooEarly, TickBusy.
    """
    box: list[TickContext] = []
    try:
        do("", "observe", partial(_observe, engine, now, only, horizon, box, narrow=narrow))
        tick = box[0]
        try:
            _phases(tick, do)
        finally:
            tick.facts.close()
        if tick.narrow:
            engine.store.release_tick(engine.holder)
        else:
            engine.store.end_tick(tick.at, engine.holder, tick.next_due)
    except (TickTooEarly, TickBusy):
        raise
    except BaseException:
        engine.store.release_tick(engine.holder)
        raise
    return tick.report


def _observe(
    engine: Engine, now: datetime, only: Collection[str], horizon: datetime | None, box: list[TickContext], *, narrow: bool
) -> None:
    box.append(observe(engine, now, only, horizon, narrow=narrow))


def _phases(tick: TickContext, do: Do) -> None:
    if not tick.unfit:
        _decide(tick, do)
    if tick.guards.limits:
        _unit(tick, do, "", "guards", partial(tell, tick))
    _unit(tick, do, "", "deliver", partial(deliver, tick))
    _unit(tick, do, "", "feedback", partial(settle_doubts, tick))
    if forgets(tick):
        _unit(tick, do, "", "retention", partial(forget, tick))
    stocks(tick)
    tick.report.failures += [f"{failure.text}: {failure.reason}" for failure in tick.facts.failed]


def _decide(tick: TickContext, do: Do) -> None:
    plans: dict[str, list[Plan]] = {}
    for plan in tick.plans.values():
        plans.setdefault(plan.playbook, []).append(plan)
    for playbook in tick.due:
        for plan in plans.get(playbook, []):
            for step, members in standing(tick, plan):
                _unit(tick, do, playbook, step, partial(advance, tick, plan, step, members))
    for plan, step, members in with_mail(tick):
        _unit(tick, do, "", "ways out", partial(leave, tick, plan, step, members))
    for playbook in tick.due:
        live = tick.engine.project.plans.get(playbook)
        if live is not None:
            _unit(tick, do, playbook, ENTER, partial(_enrol, tick, as_it_runs(tick, live)))
    if orders_of(tick):
        _unit(tick, do, "", "modes", partial(note, tick))
    if not tick.narrow:
        _unit(tick, do, "", "close CTAs", partial(close_ctas, tick))


def _enrol(tick: TickContext, plan: Plan) -> None:
    try:
        enrol(tick, plan)
    except LostRace:  # a twin run took them first; what is left is decided again
        enrol(tick, plan)


def _unit(tick: TickContext, do: Do, playbook: str, step: str, work: Callable[[], None]) -> None:
    """Executes a unit; a failure is counted and said, without the data it may carry."""
    name = f"{playbook}/{step}" if playbook else step
    reasons: list[str] = []

    def scrubbed() -> None:
        try:
            with _uncollected():
                work()
        except Exception as error:  # noqa: BLE001 - one playbook's failure is not the others'
            reasons.append(named(error))
            raise UnitFailed(f"{name}: {reasons[-1]}") from None

    try:
        do(playbook, step, scrubbed)
    except UnitFailed as failure:
        tick.report.failures.append(str(failure))
        tick.next_due.pop(playbook, None)  # it stays due: what it did not do is the next tick's
        if playbook and reasons:
            _count(tick, playbook, step, reasons[-1])


def _count(tick: TickContext, playbook: str, step: str, reason: str) -> None:
    """Counts a playbook's failure. Where that fails too, the database perhaps being what is wrong, the other playbooks still run."""
    try:
        fail(tick, playbook, step, "step", reason)
    except Exception as error:  # noqa: BLE001 - as above
        tick.report.failures.append(f"{playbook}/{step}: its failure could not be counted: {named(error)}")


@contextmanager
def _uncollected() -> Iterator[None]:
    """A batch makes hundreds of thousands of rows, none in a cycle: the collector would walk them in vain, a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
