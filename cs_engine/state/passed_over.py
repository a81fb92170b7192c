"""Those who matched a playbook already at its first run and were not taken."""

from __future__ import annotations

from collections.abc import Iterable

from cs_engine.state import schema
from cs_engine.state.database import Tx


def of(tx: Tx, playbook: str) -> set[tuple[str, str]]:
    rows = tx.rows("SELECT subject_id, key FROM passed_over WHERE playbook = :playbook", playbook=playbook)
    return {(subject, key) for subject, key in rows}


def put(tx: Tx, playbook: str, add: Iterable[tuple[str, str]], drop: Iterable[tuple[str, str]]) -> None:
    """Adds and drops; adding who is there, or dropping who is not, is nothing."""
    for subject, key in drop:
        tx.run(
            "DELETE FROM passed_over WHERE playbook = :playbook AND subject_id = :subject AND key = :key",
            playbook=playbook,
            subject=subject,
            key=key,
        )
    rows = [(subject, playbook, key) for subject, key in sorted(add)]
    tx.upsert(schema.passed_over, ("subject_id", "playbook", "key"), rows, "ON CONFLICT DO NOTHING")
