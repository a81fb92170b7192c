"""Guards in a tick: work that is too much is not done and not lost, data that are too little decide nothing, and somebody is told."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from cs_engine.errors import LostRace
from cs_engine.instants import Micros, to_micros
from cs_engine.journey.guards import BREACH, STOCK, WORK, Breach, Tally, approval, run_id
from cs_engine.journey.message import Alarm
from cs_engine.journey.orders import Order
from cs_engine.playbook.plan import Plan
from cs_engine.ports import Change, JournalLine
from cs_engine.run.context import Engine, TickContext
from cs_engine.run.delivery.alarms import alarm
from cs_engine.run.report import Held

ALL = "all playbooks"
_WAY = attrgetter("channel", "recipient_kind")


def work_of(change: Change) -> dict[str, int]:
    """What a change would do, of what is guarded."""
    mails = list(map(_WAY, change.messages)).count(("email", "contact"))
    return dict(zip(WORK, (len(change.enrolments), mails, len(change.ctas)), strict=True))


def allow(tick: TickContext, plan: Plan, change: Change, *, part: bool = False) -> Change | None:
    """The change with what is counted of it; None when it is beyond what this run may do. `part`: of a whole that is."""
    if not tick.guards.limits.most or plan.shadow:
        return change
    playbook = plan.playbook
    work = work_of(change)
    if not tick.guards.allow(playbook, work, part=part):
        return None
    return change._replace(tallies=[Tally(playbook, what, tick.at, n) for what, n in work.items() if n and what in tick.guards.limits.most])


def commit(tick: TickContext, change: Change) -> None:
    """Commits what was allowed. Raises LostRace when it did not come to be: then it counts no more."""
    try:
        tick.engine.store.commit(change, tick.at)
    except LostRace:
        tick.guards.undo(change.tallies)
        raise


def look(tick: TickContext) -> None:
    """Looks at the data before anything is decided on them; `tick.unfit` when nothing may be."""
    guards = tick.guards
    if not guards.limits.on_data:
        return
    stock = tick.facts.stock()
    have: dict[str, int] = dict(zip(STOCK, (stock.accounts, stock.contacts, stock.events), strict=True))
    sources = tick.engine.usage.states(tick.now) if guards.limits.sources else []
    tick.unfit = bool(guards.look(have, stock.newest, sources))
    if not tick.unfit and not guards.counted():
        tallies = [Tally("", what, tick.at, n) for what, n in have.items() if what in guards.limits.least]
        tick.engine.store.commit(Change(tallies=tallies), tick.at)


def tell(tick: TickContext) -> None:
    """Writes down what waits for a yes, and tells those whose it is, once; takes back what is over."""
    guards = tick.guards
    looked_at = {"", *(() if tick.unfit else tick.next_due), *(() if tick.unfit else set(tick.due) - set(tick.engine.project.plans))}
    orders, fresh = [], []
    for breach in guards.breaches():
        before = guards.standing(breach)
        run = before.by if before is not None else run_id(tick.at)
        since = before.at if before is not None else tick.at
        orders.append(Order(breach.playbook, "", f"{BREACH}{breach.what}", since, run, breach.reason, str(breach.n)))
        tick.report.guards.append(Held(run, breach.playbook, breach.what, breach.reason))
        if before is None:
            fresh.append(breach)
    over = guards.over(looked_at)
    if orders or over:
        lines = [_line(tick.at, breach.playbook, "held_for_approval", breach.reason) for breach in fresh]
        lines += [_line(tick.at, playbook, "released", kind) for playbook, _, kind in over if kind.startswith(BREACH)]
        tick.engine.store.order(orders, over, lines, list(_alarms(tick, fresh)))


def _alarms(tick: TickContext, breaches: Iterable[Breach]) -> Iterable[Alarm]:
    run = run_id(tick.at)
    for playbook, same in groupby(breaches, key=lambda breach: breach.playbook):
        reasons = "\n".join(f"• {breach.reason}" for breach in same)
        text = f":raised_hand: *{playbook or ALL}*: the work waits for a yes.\n{reasons}\nTo let it go: `cs-engine approve {run}`"
        yield alarm(tick, playbook, "guards", text)


def approve(engine: Engine, run: str, by: str) -> list[Order]:
    """Says yes to all that waits since that run; answers what did."""
    at = to_micros(engine.wall.now())
    waiting = [order for order in engine.store.orders(at) if order.kind.startswith(BREACH) and order.by == run]
    lines = [_line(at, order.playbook, "approved", f"{run} by {by}: {order.reason}") for order in waiting]
    engine.store.order([approval(order, at, by) for order in waiting], [order[:3] for order in waiting], lines)
    return waiting


def _line(at: Micros, playbook: str, event: str, reason: str) -> JournalLine:
    return JournalLine(at, playbook, "", "", "", "", event, reason, "")
