"""Calls to action of CSMs: one row an account, playbook and step, opened again when it fires after it was closed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.ports import CtaFired, CtaView, JournalLine, OpenCta
from cs_engine.state import journal, schema
from cs_engine.state.database import Tx

_NEW = (*CtaFired._fields, "opened_at")
_AGAIN = (
    "ON CONFLICT (id) DO UPDATE SET enrolment_id = excluded.enrolment_id, staff = excluded.staff, priority = excluded.priority, "
    "due_at = excluded.due_at, fired_at = excluded.fired_at, "
    # A snoozed one stays snoozed. One that was closed opens anew, as a new message: the old one is history.
    "state = CASE ctas.state WHEN 'closed' THEN 'open' ELSE ctas.state END, "
    "opened_at = CASE ctas.state WHEN 'closed' THEN excluded.opened_at ELSE ctas.opened_at END, "
    "provider_ref = CASE ctas.state WHEN 'closed' THEN '' ELSE ctas.provider_ref END, "
    "closed_at = NULL, closed_reason = ''"
)


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
        "c.fired_at, c.staff, coalesce(e.finished_reason, '') "
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
    rows = tx.rows(f"SELECT {', '.join(CtaView._fields)} FROM ctas WHERE {tx.among('id', 'ids')}", ids=tx.ids(ids))
    return {row[0]: CtaView(*row) for row in rows}


def close(tx: Tx, closing: Sequence[tuple[str, str]], now: Micros) -> None:
    """(cta id, reason). Those that are closed already are left as they are."""
    rows = tx.rows(
        f"SELECT c.id, c.playbook, c.account_id, coalesce(e.subject_id, c.account_id), c.enrolment_id, c.step FROM ctas c "
        f"LEFT JOIN enrolments e ON e.id = c.enrolment_id WHERE c.state <> 'closed' AND {tx.among('c.id', 'ids')}"
        + ("" if tx.embedded else " FOR UPDATE OF c"),
        ids=tx.ids(id for id, _ in closing),
    )
    why = dict(closing)
    tx.update_each(schema.ctas, ("closed_at", "closed_reason"), "state = 'closed'", ("id",), [(now, why[row[0]], row[0]) for row in rows])
    lines = [
        JournalLine(now, playbook, account, subject, enrolment, step, "cta_closed", why[id], "")
        for id, playbook, account, subject, enrolment, step in rows
    ]
    journal.append(tx, lines)
