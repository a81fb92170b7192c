"""Plans (every version that somebody entered with) and playbooks (which version is live, and when it is due)."""

from __future__ import annotations

from collections.abc import Mapping

from cs_engine.errors import CsEngineError
from cs_engine.instants import Micros
from cs_engine.ports import PlaybookState
from cs_engine.state import schema
from cs_engine.state.database import Tx


def playbooks(tx: Tx) -> dict[str, PlaybookState]:
    found = tx.rows("SELECT playbook, digest, first_run_at, next_due_at FROM playbooks ORDER BY playbook")
    return {row[0]: PlaybookState(*row) for row in found}


def register(tx: Tx, playbook: str, digest: str, bundle: str, now: Micros) -> None:
    """Keeps the plan and makes it the live one. A playbook is due as soon as it is known."""
    tx.run(
        "INSERT INTO plans (digest, playbook, bundle, registered_at) VALUES (:digest, :playbook, :bundle, :now) ON CONFLICT DO NOTHING",
        digest=digest,
        playbook=playbook,
        bundle=bundle,
        now=now,
    )
    tx.run(
        "INSERT INTO playbooks (playbook, digest, first_run_at, next_due_at) VALUES (:playbook, :digest, :now, :now) "
        "ON CONFLICT (playbook) DO UPDATE SET digest = excluded.digest",
        playbook=playbook,
        digest=digest,
        now=now,
    )


def bundle(tx: Tx, digest: str) -> str:
    """The source of a registered plan."""
    row = tx.row("SELECT bundle FROM plans WHERE digest = :digest", digest=digest)
    if row is None:
        raise CsEngineError(f"no plan {digest} was ever registered here")
    return str(row[0])


def versions(tx: Tx, playbook: str) -> list[str]:
    """The digests of all versions of it, oldest first."""
    rows = tx.rows("SELECT digest FROM plans WHERE playbook = :playbook ORDER BY registered_at, digest", playbook=playbook)
    return [row[0] for row in rows]


def set_due(tx: Tx, next_due: Mapping[str, Micros]) -> None:
    tx.update_each(schema.playbooks, ("next_due_at",), "", ("playbook",), [(at, playbook) for playbook, at in next_due.items()])
