"""Orders for single steps of single passages: on their own table, and on those of passages, messages and CTAs, which they change."""

from __future__ import annotations

from cs_engine.errors import OnItsWay
from cs_engine.instants import Micros
from cs_engine.journey import message
from cs_engine.journey.message import State
from cs_engine.journey.step_orders import BY_HAND, POSTPONED, StepOrder
from cs_engine.ports import JournalLine, OrderedStep
from cs_engine.state import ctas, enrolments, journal, messages, schema
from cs_engine.state.database import Tx

_COLUMNS = ", ".join(f"o.{name}" for name in StepOrder._fields)


def of_active(tx: Tx) -> list[StepOrder]:
    """Those of all active passages."""
    # Not a join: SQLite would begin with all who are active, and orders are few.
    active = "EXISTS (SELECT 1 FROM enrolments e WHERE e.id = o.enrolment_id AND e.state = 'active')"
    return [StepOrder(*row) for row in tx.rows(f"SELECT {_COLUMNS} FROM step_orders o WHERE {active}")]


def of_account(tx: Tx, account_id: str, playbook: str) -> list[StepOrder]:
    rows = tx.rows(
        f"SELECT {_COLUMNS} FROM enrolments e JOIN step_orders o ON o.enrolment_id = e.id "
        "WHERE e.playbook = :playbook AND e.account_id = :account ORDER BY o.at, o.enrolment_id, o.step",
        playbook=playbook,
        account=account_id,
    )
    return [StepOrder(*row) for row in rows]


def give(tx: Tx, given: OrderedStep, now: Micros) -> bool:
    """Gives one order; False when it stands already. Raises LostRace when the passage does not stand as the order was decided on,
    OnItsWay when a message of the step cannot be taken back.
    """
    order, fields = given.order, messages.Subject._fields
    # Messages first, then passages: the order in which delivery locks them.
    rows = tx.rows(
        f"SELECT state, {', '.join(fields)} FROM messages WHERE enrolment_id = :enrolment AND step = :step AND settled_at IS NULL "
        f"AND kind <> 'cta_update' ORDER BY id{tx.lock_rows}",
        enrolment=order.enrolment_id,
        step=order.step,
    )
    enrolments.overtake(tx, order.enrolment_id, given.standing, given.since)
    there = tx.row(
        "SELECT kind, until FROM step_orders WHERE enrolment_id = :enrolment AND step = :step",
        enrolment=order.enrolment_id,
        step=order.step,
    )
    if there == (order.kind, order.until):
        return False
    subjects = [(State(state), messages.Subject(*values)) for state, *values in rows]
    if any(state in (State.DISPATCHING, State.UNCERTAIN) for state, _ in subjects):
        raise OnItsWay(order.step)
    again = ", ".join(f"{name} = excluded.{name}" for name in ("kind", "until", "at", "by", "reason"))
    tx.upsert(schema.step_orders, StepOrder._fields, [tuple(order)], f"ON CONFLICT (enrolment_id, step) DO UPDATE SET {again}")
    line = JournalLine(
        now, given.playbook, given.account_id, given.subject_id, order.enrolment_id, order.step, _EVENTS[order.kind], order.told(), ""
    )  # fmt: skip
    journal.append(tx, [line])
    if order.kind == "skip":
        moves = [(subject, message.skipped(subject.id, state, BY_HAND)) for state, subject in subjects]
        ctas.close(tx, sorted({(subject.cta_id, BY_HAND) for _, subject in subjects if subject.cta_id}), now)
    else:
        moves = [(subject, message.held(subject.id, state, POSTPONED, order.until)) for state, subject in subjects]
    messages.apply(tx, moves, now)
    return True


_EVENTS = {"skip": "skip_ordered", "postpone": "postpone_ordered"}
