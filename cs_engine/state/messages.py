"""Messages, the outbox: planned with the decision that caused them, moved on by delivery. Every move is guarded by the state it
leaves, and writes a journal line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey.approval import REFUSED
from cs_engine.journey.message import LATE, Move, NewMessage, State, accepted, late
from cs_engine.ports import Counts, JournalLine, MessageView
from cs_engine.state import ctas, enrolments, journal, schema
from cs_engine.state.database import Tx

HAS_LEFT = "(e.id IS NULL OR e.state <> 'active' OR e.step <> {messages}.step) AND {messages}.kind NOT IN ('cta_update', 'alarm')"
"""Its enrolment finished or stands elsewhere. An update of a CTA is meant for just then; an alarm has none."""
WHY_LEFT = "CASE WHEN e.state = 'finished' THEN e.finished_reason ELSE 'left_step' END"


_NEW = (*NewMessage._fields, "moved_at")


_NOT_SENT = (State.PLANNED, State.REJECTED)
"""Moves to these say that it was not accepted: it does not count under a cap."""


class Subject(NamedTuple):
    """What a journal line and the end of a step need to know of a message."""

    id: str
    playbook: str
    account_id: str
    subject_id: str
    enrolment_id: str
    step: str
    kind: str
    cta_id: str
    reason: str
    """Why it waited so far."""


def plan(tx: Tx, new: Sequence[NewMessage]) -> None:
    """Plans them; those whose id is there are left as they are."""
    columns = list(zip(*sorted(new), strict=True))
    planned_at = columns[NewMessage._fields.index("planned_at")] if columns else ()
    tx.upsert(schema.messages, _NEW, list(zip(*columns, planned_at, strict=True)), "ON CONFLICT DO NOTHING")


class _Stands(NamedTuple):
    """A message whose attempt ended too late, as the settling transaction finds it."""

    state: State
    fence: int
    subject: Subject


def settle(tx: Tx, moves: Sequence[Move], now: Micros) -> list[Move]:
    """Makes the moves whose message is still in the state that they leave and, where they say whose attempt they are the end of, has not
    been claimed since. The outcome of an attempt that comes too late does what it still can. The moves that were made.
    """
    rows = tx.rows(
        f"SELECT state, fence, provider_id, {', '.join(Subject._fields)} FROM messages "
        f"WHERE {tx.among('id', 'ids')} ORDER BY id{tx.lock_rows}",
        ids=tx.ids(move.id for move in moves),
    )
    there = {row[3]: row for row in rows}
    good: list[tuple[Subject, Move]] = []
    tardy: list[tuple[_Stands, Move]] = []
    for move in moves:
        # Popped: of two moves of one message in one call, the first counts.
        if (row := there.pop(move.id, None)) is None:
            continue
        subject = Subject._make(row[3:])
        if row[0] == move.was and (move.fence is None or move.fence == row[1]):
            good.append((subject, _in_the_end(move, row[2]) if row[2] else move))
        elif move.fence is not None:
            tardy.append((_Stands(State(row[0]), row[1], subject), move))
    apply(tx, good, now)
    return [move for _, move in good] + (_settle_late(tx, tardy, now) if tardy else [])


def _in_the_end(move: Move, accepted_as: str) -> Move:
    """The move, unless it ends an attempt before which another is known by now to have been accepted: what the provider called that."""
    if move.was is not State.DISPATCHING or move.state is State.ACCEPTED:
        return move
    return accepted(move.id, accepted_as)._replace(reason=LATE)


def _settle_late(tx: Tx, tardy: Sequence[tuple[_Stands, Move]], now: Micros) -> list[Move]:
    """What came too late: journalled where it is news, and not thrown away."""
    moved, lines = [], []
    for found, move in tardy:
        latest = move.fence == found.fence
        if (still := late(move, found.state, latest=latest)) is not None:
            moved.append((found.subject, still))
        elif move.state is not State.UNCERTAIN and (move.state is not found.state or not latest):
            lines.append(_line(found.subject, move, now)._replace(event="late", reason=move.state.value))
    journal.append(tx, lines)
    apply(tx, moved, now)
    # What had been planned again counted under no cap.
    tx.update_each(schema.messages, ("sent_at",), "", ("id",), [(now, m.id) for _, m in moved if m.was is not State.UNCERTAIN])
    # Somebody is at it again: whatever that comes to, it was accepted.
    known = [(m.provider_id or m.id, m.id) for found, m in tardy if m.state is State.ACCEPTED and found.state is State.DISPATCHING]
    tx.update_each(schema.messages, ("provider_id",), "", ("id",), known)
    return [move for _, move in moved]


def apply(tx: Tx, moves: Sequence[tuple[Subject, Move]], now: Micros) -> None:
    """Writes moves that are known to hold (their rows are locked): the message, its CTA, its step's end, the journal."""
    plan(tx, [new for _, move in moves for new in move.instead])  # first: or their step would end with those that they stand for
    tx.update_each(
        schema.messages,
        ("state", "reason", "until", "provider_id", "moved_at", "settled_at"),
        "holder = '', lease_until = NULL",
        ("id",),
        [(m.state.value, m.reason, m.until, m.provider_id, now, now if m.state.settled else None, m.id) for _, m in moves],
    )
    tx.update_each(schema.messages, (), "attempts = attempts - 1", ("id",), [(m.id,) for _, m in moves if not m.counts])
    tx.update_each(schema.messages, (), "sent_at = NULL", ("id",), [(m.id,) for _, m in moves if m.state in _NOT_SENT])
    ctas.delivered(tx, [(s.cta_id, m.provider_id) for s, m in moves if s.kind == "cta" and m.state is State.ACCEPTED and m.provider_id])
    if refused := sorted({(s.cta_id, m.reason) for s, m in moves if s.kind == "cta" and m.reason == REFUSED}):
        ctas.close(tx, refused, now)
    enrolments.end_steps(tx, (s.enrolment_id for s, m in moves if m.state.settled), now)
    journal.append(tx, [_line(subject, move, now) for subject, move in moves if not _says_nothing_new(subject, move)])


def skip_left(tx: Tx, now: Micros) -> dict[str, int]:
    """Skips what is planned or held for somebody who has finished or left the step; how many of each playbook."""
    left = tx.rows(
        f"UPDATE messages SET state = 'skipped', until = NULL, moved_at = :now, settled_at = :now, "
        f"reason = coalesce((SELECT {WHY_LEFT} FROM enrolments e WHERE e.id = messages.enrolment_id), 'left_step') "
        f"WHERE settled_at IS NULL AND state IN ('planned', 'held') AND id IN (SELECT m.id FROM messages m "
        f"LEFT JOIN enrolments e ON e.id = m.enrolment_id "
        f"WHERE m.settled_at IS NULL AND m.state IN ('planned', 'held') AND {HAS_LEFT.format(messages='m')}) "
        f"RETURNING playbook, account_id, subject_id, enrolment_id, step, reason",
        now=now,
    )
    lines = [
        JournalLine(now, playbook, account, subject, enrolment, step, "skipped", reason, "")
        for playbook, account, subject, enrolment, step, reason in left
    ]
    journal.append(tx, lines)
    return Counter(row[0] for row in left)


def counts(tx: Tx) -> Counts:
    rows = tx.rows(
        "SELECT state, count(*) FROM messages WHERE settled_at IS NULL GROUP BY state "
        "UNION ALL SELECT state, count(*) FROM messages WHERE settled_at IS NOT NULL GROUP BY state"
    )
    n = dict.fromkeys(State, 0) | {State(state): count for state, count in rows}
    return Counts(
        planned=sum(n.values()),
        accepted=n[State.ACCEPTED],
        skipped=n[State.SKIPPED],
        rejected=n[State.REJECTED],
        uncertain=n[State.UNCERTAIN],
        held=n[State.HELD],
        pending=n[State.PLANNED] + n[State.DISPATCHING],
    )


def count_held(tx: Tx, reason: str) -> int:
    row = tx.row("SELECT count(*) FROM messages WHERE settled_at IS NULL AND state = 'held' AND reason = :reason", reason=reason)
    return int(row[0]) if row else 0


def count_waiting(tx: Tx, channel: str, now: Micros) -> int:
    row = tx.row(
        "SELECT count(*) FROM messages WHERE settled_at IS NULL AND state IN ('planned', 'held') AND channel = :channel "
        "AND (until IS NULL OR until <= :now)",
        channel=channel,
        now=now,
    )
    return int(row[0]) if row else 0


def emails_since(tx: Tx, since: Micros, before: Micros) -> tuple[list[str], list[str], list[int]]:
    """(account, contact, n) of mails to customers accepted at `since` or later, and before `before`, and of those that people logged."""
    rows = tx.rows(
        "SELECT account_id, recipient, count(*) FROM messages WHERE settled_at IS NOT NULL AND state = 'accepted' "
        "AND settled_at >= :since AND settled_at < :before AND recipient_kind = 'contact' GROUP BY account_id, recipient "
        "UNION ALL SELECT account_id, contact_id, count(*) FROM touches WHERE kind = 'mail' AND at >= :since AND at < :before "
        "GROUP BY account_id, contact_id",
        since=since,
        before=before,
    )
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def wake(tx: Tx, ids: Collection[str], delivery_now: Micros) -> None:
    """What is held of these may be claimed from now on."""
    tx.run(f"UPDATE messages SET until = :at WHERE state = 'held' AND {tx.among('id', 'ids')}", at=delivery_now, ids=tx.ids(ids))


def line_up(tx: Tx, places: Sequence[tuple[str, Micros]], reason: str) -> None:
    """Gives each that is held its own time, and the reason why it waits for it."""
    rows = [(until, reason, id, State.HELD.value) for id, until in places]
    tx.update_each(schema.messages, ("until", "reason"), "", ("id", "state"), rows)


def next_until(tx: Tx, channels: Collection[str] = ()) -> Micros | None:
    """The earliest instant that a planned or held message waits for. `channels`: of these alone."""
    waiting, chosen = "settled_at IS NULL AND state IN ('planned', 'held')", tx.ids(channels)
    only = f" AND {tx.among('channel', 'channels')}" if channels else ""
    row = tx.row(f"SELECT min(until) FROM messages WHERE {waiting}{only}", **{"channels": chosen} if channels else {})
    return row[0] if row else None


def of_account(tx: Tx, account_id: str, playbook: str) -> list[MessageView]:
    rows = tx.rows(
        "SELECT m.id, m.enrolment_id, m.step, m.kind, m.recipient, m.state, m.reason, m.until, m.planned_at, m.settled_at, m.moved_at, "
        "coalesce(d.state, ''), coalesce(d.reason, ''), d.at, "
        "coalesce(d.opens, 0), coalesce(d.clicks, 0), coalesce(d.machine_opens, 0), coalesce(d.machine_clicks, 0) "
        "FROM enrolments e JOIN messages m ON m.enrolment_id = e.id LEFT JOIN deliveries d ON d.message_id = m.id "
        "WHERE e.playbook = :playbook AND e.account_id = :account ORDER BY m.planned_at, m.id",
        playbook=playbook,
        account=account_id,
    )
    return [MessageView(*row) for row in rows]


def _says_nothing_new(subject: Subject, move: Move) -> bool:
    """Held on for the reason that held it."""
    return move.state is State.HELD and move.was is State.HELD and move.reason == subject.reason


def _line(subject: Subject, move: Move, now: Micros) -> JournalLine:
    event = "retried" if move.state is State.PLANNED else move.state.value
    return JournalLine(
        now, subject.playbook, subject.account_id, subject.subject_id, subject.enrolment_id, subject.step, event, move.reason, ""
    )
