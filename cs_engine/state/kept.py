"""What was kept of passages when they began. Only those have a row whose playbook asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cs_engine.ports import Kept
from cs_engine.state import schema
from cs_engine.state.database import Tx


def put(tx: Tx, kept: Sequence[Kept]) -> None:
    """Keeps it for good: what is there already is left as it is."""
    tx.upsert(schema.kept_at_entry, Kept._fields, sorted(kept), "ON CONFLICT DO NOTHING")


def of(tx: Tx, enrolments: Iterable[str]) -> dict[str, str]:
    """Enrolment -> JSON; those without a row are left out."""
    sql = f"SELECT enrolment_id, kept FROM kept_at_entry WHERE {tx.among('enrolment_id', 'ids')}"
    return dict(tx.rows(sql, ids=tx.ids(enrolments)))
