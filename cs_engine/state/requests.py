"""Requests to enrol: by hand, or by a step of another playbook. Each waits for the playbook's next tick."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.ports import EnrolRequest
from cs_engine.state import schema
from cs_engine.state.database import Tx


def put(tx: Tx, requests: Sequence[EnrolRequest]) -> None:
    rows = sorted({(row.playbook, row.subject_id): row for row in requests}.values())
    tx.upsert(schema.enrol_requests, EnrolRequest._fields, rows, "ON CONFLICT DO NOTHING")


def of(tx: Tx, playbook: str) -> dict[str, str]:
    """Subject -> by whom."""
    return dict(tx.rows("SELECT subject_id, by FROM enrol_requests WHERE playbook = :playbook", playbook=playbook))


def drop(tx: Tx, playbook: str, subjects: Collection[str]) -> None:
    sql = f"DELETE FROM enrol_requests WHERE playbook = :playbook AND {tx.among('subject_id', 'subjects')}"
    tx.run(sql, playbook=playbook, subjects=tx.ids(subjects))
