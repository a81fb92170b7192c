"""Mails that wait for a yes: as they were read, and what was said. One row a message, answered once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.journey.approval import AWAITING, Answer, Approval
from cs_engine.journey.message import Alarm
from cs_engine.ports import Envelope, JournalLine
from cs_engine.state import journal, orders, schema
from cs_engine.state.database import Tx

_ALL = ", ".join(f"a.{name}" for name in Approval._fields)
_OPEN = "JOIN messages m ON m.id = a.message_id AND m.settled_at IS NULL"


def ask(tx: Tx, asked: Sequence[Approval], alarms: Sequence[Alarm], lines: Sequence[JournalLine]) -> None:
    """Keeps them with the words that tell of them; what was asked before stays as it was read."""
    rows = sorted((*a[: Approval._fields.index("answer")], a.answer.value, *a[Approval._fields.index("by") :]) for a in asked)
    tx.upsert(schema.approvals, Approval._fields, rows, "ON CONFLICT DO NOTHING")
    orders.sound(tx, alarms)
    journal.append(tx, lines)


def of(tx: Tx, ids: Collection[str]) -> dict[str, Approval]:
    """By message."""
    rows = tx.rows(f"SELECT {_ALL} FROM approvals a WHERE {tx.among('a.message_id', 'ids')}", ids=tx.ids(ids))
    return {row[0]: _read(row) for row in rows}


def envelope(tx: Tx, message_id: str) -> Envelope | None:
    row = tx.row(
        "SELECT m.digest, m.recipient, m.recipient_kind, coalesce(c.name, ''), coalesce(a.name, ''), m.state, m.reason, "
        "m.settled_at IS NOT NULL FROM messages m "
        "LEFT JOIN contacts c ON c.id = m.recipient AND m.recipient_kind = 'contact' LEFT JOIN accounts a ON a.id = m.account_id "
        "WHERE m.id = :id",
        id=message_id,
    )
    return None if row is None else Envelope(*row)._replace(settled=bool(row[7]))


def of_passages(tx: Tx, enrolments: Collection[str]) -> list[Approval]:
    rows = tx.rows(
        f"SELECT {_ALL} FROM messages m JOIN approvals a ON a.message_id = m.id WHERE {tx.among('m.enrolment_id', 'ids')} "
        "ORDER BY a.asked_at, a.message_id",
        ids=tx.ids(sorted(enrolments)),
    )
    return [_read(row) for row in rows]


def waiting(tx: Tx) -> list[Approval]:
    """Those without an answer whose mail could still go, oldest first."""
    return [
        _read(row)
        for row in tx.rows(f"SELECT {_ALL} FROM approvals a {_OPEN} WHERE a.answer = 'waiting' ORDER BY a.asked_at, a.message_id")
    ]


def escalate(tx: Tx, ids: Collection[str], at: Micros, alarms: Sequence[Alarm], lines: Sequence[JournalLine]) -> None:
    tx.run(
        f"UPDATE approvals SET escalated_at = :at WHERE escalated_at IS NULL AND {tx.among('message_id', 'ids')}", at=at, ids=tx.ids(ids)
    )
    orders.sound(tx, alarms)
    journal.append(tx, lines)


def move_deadlines(tx: Tx, moved: Sequence[tuple[str, Micros]]) -> None:
    rows = [(deadline, id) for id, deadline in moved]
    tx.update_each(schema.approvals, ("deadline",), "escalated_at = NULL", ("message_id",), rows)


def answer(tx: Tx, given: Approval, line: JournalLine) -> bool:
    """Writes the answer, and wakes the mail; False when there was one, or the mail is settled."""
    there = tx.row(f"SELECT a.message_id FROM approvals a {_OPEN} WHERE a.message_id = :id AND a.answer = 'waiting'", id=given.message_id)
    if there is None:
        return False
    changed = tx.run(
        "UPDATE approvals SET answer = :answer, by = :by, answered_at = :at, reason = :reason, "
        "subject = :subject, text = :text, html = :html "
        "WHERE message_id = :id AND answer = 'waiting'",
        answer=given.answer.value, by=given.by, at=given.answered_at, reason=given.reason, subject=given.subject, text=given.text,
        html=given.html, id=given.message_id,
    )  # fmt: skip
    if not changed:
        return False
    # Whatever the clock of the next tick shows: it may be claimed then, and its copies with it.
    tx.run(
        "UPDATE messages SET until = 0 WHERE enrolment_id = :passage AND step = :step AND state = 'held' AND reason = :why "
        "AND (id = :id OR kind = 'cta_copy')",
        passage=given.enrolment_id,
        step=given.step,
        id=given.message_id,
        why=AWAITING,
    )
    journal.append(tx, [line])
    return True


def _read(row: Sequence[object]) -> Approval:
    found = Approval(*row)  # type: ignore[arg-type]
    return found._replace(answer=Answer(found.answer))
