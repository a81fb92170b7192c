"""Addresses that must never be mailed again, as keyed hashes. They outlive the contacts that they came from."""

from __future__ import annotations

from cs_engine.instants import Micros
from cs_engine.state.database import Tx


def add(tx: Tx, email_hash: str, reason: str, at: Micros) -> bool:
    """True when it was not suppressed before; the first reason stays."""
    added = tx.run(
        "INSERT INTO suppressions (email_hash, reason, suppressed_at) VALUES (:hash, :reason, :at) ON CONFLICT DO NOTHING",
        hash=email_hash,
        reason=reason,
        at=at,
    )
    return added == 1
