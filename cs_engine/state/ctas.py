"""Calls to action of CSMs: one row an account, playbook and step, opened again when it fires after it was closed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from cs_engine.instants import Micros
from cs_engine.journey.cta import Mark
from cs_engine.journey.message import State
from cs_engine.journey.workload import Fresh
from cs_engine.ports import CtaFired, CtaView, JournalLine, OpenCta
from cs_engine.state import journal, schema
from cs_engine.state.database import Tx

_NEW = (*CtaFired._fields, "opened_at")
_AGAIN = (
    "ON CONFLICT (id) DO UPDATE SET enrolment_id = excluded.enrolment_id, staff = excluded.staff, priority = excluded.priority, "
    "due_at = excluded.due_at, fired_at = excluded.fired_at, minutes = excluded.minutes, "
    # A snoozed one stays snoozed. One that was closed opens anew, as a new message: the old one is history.
    "state = CASE ctas.state WHEN 'closed' THEN 'open' ELSE ctas.state END, "
    "opened_at = CASE ctas.state WHEN 'closed' THEN excluded.opened_at ELSE ctas.opened_at END, "
    "provider_ref = CASE ctas.state WHEN 'closed' THEN '' ELSE ctas.provider_ref END, "
    "told = CASE ctas.state WHEN 'closed' THEN '' ELSE ctas.told END, "
    "told_at = CASE ctas.state WHEN 'closed' THEN NULL ELSE ctas.told_at END, "
    "escalated_at = CASE ctas.state WHEN 'closed' THEN NULL ELSE ctas.escalated_at END, "
    "snoozed_until = CASE ctas.state WHEN 'closed' THEN NULL ELSE ctas.snoozed_until END, "
    "closed_at = NULL, closed_reason = '', closed_by = ''"
)
_VIEW = ", ".join(f"c.{name}" for name in CtaView._fields)


def fire(tx: Tx, fired: Sequence[CtaFired]) -> None:
    """Opens each, or updates the open one."""
    rows = [(*row, row.fired_at) for row in {row.id: row for row in fired}.values()]
    tx.upsert(schema.ctas, _NEW, rows, _AGAIN)


def delivered(tx: Tx, refs: Sequence[tuple[str, str]]) -> None:
    """(cta id, where its message stands)."""
    tx.update_each(schema.ctas, ("provider_ref",), "", ("id",), [(ref, id) for id, ref in dict(refs).items()])


def opened(tx: Tx) -> list[OpenCta]:
    """All that are open; a snoozed one is."""
    rows = tx.rows(
        "SELECT c.id, c.account_id, c.playbook, c.step, c.enrolment_id, coalesce(e.subject_id, c.account_id), coalesce(e.digest, ''), "
        "c.fired_at, c.staff, coalesce(e.finished_reason, ''), c.priority, c.due_at, c.opened_at, c.state, c.snoozed_until, "
        "c.escalated_at, c.told, c.provider_ref "
        "FROM ctas c LEFT JOIN enrolments e ON e.id = c.enrolment_id WHERE c.state <> 'closed' ORDER BY c.id"
    )
    return [OpenCta(*row) for row in rows]


def open_before(tx: Tx, now: Micros) -> dict[str, int]:
    """Account -> how many of its CTAs were open when the tick at `now` began, whatever has become of them in it."""
    return dict(
        tx.rows(
            "SELECT account_id, count(*) FROM ctas WHERE opened_at < :now AND (closed_at IS NULL OR closed_at >= :now) GROUP BY account_id",
            now=now,
        )
    )


def of(tx: Tx, ids: Collection[str]) -> dict[str, CtaView]:
    """By id."""
    rows = tx.rows(f"SELECT {_VIEW} FROM ctas c WHERE {tx.among('c.id', 'ids')}", ids=tx.ids(ids))
    return {row[0]: CtaView(*row) for row in rows}


def told_by(tx: Tx, message_id: str) -> CtaView | None:
    """The CTA that a message tells of; None when it told of an earlier opening, which is history."""
    row = tx.row(
        f"SELECT {_VIEW} FROM messages m JOIN ctas c ON c.id = m.cta_id WHERE m.id = :id AND m.planned_at >= c.opened_at", id=message_id
    )
    return None if row is None else CtaView(*row)


def close(tx: Tx, closing: Sequence[tuple[str, str]], now: Micros, by: str = "") -> int:
    """(cta id, reason); `by`: who of us did. Those that are closed already are left as they are; how many were not."""
    rows = tx.rows(
        f"SELECT c.id, c.playbook, c.account_id, coalesce(e.subject_id, c.account_id), c.enrolment_id, c.step FROM ctas c "
        f"LEFT JOIN enrolments e ON e.id = c.enrolment_id WHERE c.state <> 'closed' AND {tx.among('c.id', 'ids')}"
        + ("" if tx.embedded else " FOR UPDATE OF c"),
        ids=tx.ids(id for id, _ in closing),
    )
    why = dict(closing)
    closed = [(now, why[row[0]], by, row[0]) for row in rows]
    tx.update_each(schema.ctas, ("closed_at", "closed_reason", "closed_by"), "state = 'closed', snoozed_until = NULL", ("id",), closed)
    lines = [
        JournalLine(now, playbook, account, subject, enrolment, step, "cta_closed", f"{why[id]} by {by}" if by else why[id], "")
        for id, playbook, account, subject, enrolment, step in rows
    ]
    journal.append(tx, lines)
    return len(rows)


def snooze(tx: Tx, cta: CtaView, until: Micros) -> bool:
    """Open until it is done, and out of the way until then. False when it is closed by now, or snoozed until then already."""
    changed = tx.run(
        "UPDATE ctas SET state = 'snoozed', snoozed_until = :until WHERE id = :id AND opened_at = :opened AND state <> 'closed' "
        "AND (snoozed_until IS NULL OR snoozed_until <> :until)",
        id=cta.id, opened=cta.opened_at, until=until,
    )  # fmt: skip
    return bool(changed)


def wake(tx: Tx, ids: Collection[str], now: Micros) -> None:
    """What was snoozed until now is open again; who puts it off beyond its day puts that off too."""
    tx.run(
        "UPDATE ctas SET state = 'open', snoozed_until = NULL, "
        "due_at = CASE WHEN due_at < snoozed_until THEN snoozed_until ELSE due_at END "
        f"WHERE state = 'snoozed' AND snoozed_until <= :now AND {tx.among('id', 'ids')}",
        now=now, ids=tx.ids(ids),
    )  # fmt: skip


def escalate(tx: Tx, ids: Collection[str], at: Micros) -> None:
    tx.run(f"UPDATE ctas SET escalated_at = :at WHERE escalated_at IS NULL AND {tx.among('id', 'ids')}", at=at, ids=tx.ids(ids))


def fresh(tx: Tx, at: Micros) -> list[Fresh]:
    """Messages that would tell of a CTA, no post of which stands, and may be claimed at that instant."""
    rows = tx.rows(
        "SELECT m.id, m.state, m.playbook, m.digest, m.step, c.id, c.staff, c.priority, c.due_at, c.fired_at, c.minutes, c.told "
        "FROM messages m JOIN ctas c ON c.id = m.cta_id WHERE m.settled_at IS NULL AND m.kind = 'cta' AND m.state IN ('planned', 'held') "
        "AND (m.until IS NULL OR m.until <= :at) AND c.state <> 'closed' AND c.provider_ref = '' ORDER BY m.id",
        at=at,
    )
    return [Fresh(row[0], State(row[1]), *row[2:]) for row in rows]


def minutes_told(tx: Tx, since: Micros) -> list[tuple[str, Micros, int]]:
    """(staff, when, minutes) of what was told by messages of their own since."""
    rows = tx.rows("SELECT staff, told_at, minutes FROM ctas WHERE told = 'own' AND told_at >= :since", since=since)
    return [(row[0], row[1], row[2]) for row in rows]


def tell(tx: Tx, ids: Collection[str], how: str, now: Micros) -> None:
    """Notes how they are told: own | digest."""
    tx.run(f"UPDATE ctas SET told = :how, told_at = :now WHERE {tx.among('id', 'ids')}", how=how, now=now, ids=tx.ids(ids))


def mark(tx: Tx, marks: Sequence[Mark]) -> list[Mark]:
    """Keeps those that say something new; answers them."""
    before = {tuple(row[:4]): row[4] for row in _marks(tx, {mark.cta_id for mark in marks})}
    fresh = [mark for mark in marks if before.get(tuple(mark[:4])) != mark.value]
    again = ", ".join(f"{name} = excluded.{name}" for name in ("value", "by", "at"))
    tx.upsert(schema.cta_marks, Mark._fields, sorted(fresh), f"ON CONFLICT (cta_id, opened_at, kind, item) DO UPDATE SET {again}")
    return fresh


def marks(tx: Tx, ids: Collection[str]) -> list[Mark]:
    """Of these CTAs, as they are open now."""
    return [Mark(*row) for row in _marks(tx, ids)]


def _marks(tx: Tx, ids: Collection[str]) -> list[tuple[Any, ...]]:
    columns = ", ".join(f"k.{name}" for name in Mark._fields)
    return tx.rows(
        f"SELECT {columns} FROM cta_marks k JOIN ctas c ON c.id = k.cta_id AND c.opened_at = k.opened_at "
        f"WHERE {tx.among('k.cta_id', 'ids')} ORDER BY k.cta_id, k.kind, k.item",
        ids=tx.ids(ids),
    )


def show_again(tx: Tx, cta: CtaView, message_id: str, now: Micros) -> None:
    """Plans that the alert is edited to what is so by then, as a message of that id. One that never went out is not."""
    columns = (
        "enrolment_id", "playbook", "digest", "step", "channel", "template", "topic", "account_id", "subject_id", "recipient",
        "recipient_kind", "cta_id", "priority",
    )  # fmt: skip
    named = ", ".join(columns)
    tx.run(
        f"INSERT INTO messages (id, kind, planned_at, moved_at, {named}) SELECT CAST(:id AS TEXT), 'cta_update', CAST(:now AS BIGINT), "
        f"CAST(:now AS BIGINT), {named} FROM messages WHERE enrolment_id = :enrolment AND step = :step AND cta_id = :cta AND kind = 'cta' "
        "AND state = 'accepted' ORDER BY planned_at DESC, id DESC LIMIT 1 ON CONFLICT DO NOTHING",
        id=message_id, now=now, enrolment=cta.enrolment_id, step=cta.step, cta=cta.id,
    )  # fmt: skip
