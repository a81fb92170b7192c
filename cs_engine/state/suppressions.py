"""Addresses that must never be mailed again, as keyed hashes. They outlive the contacts that they came from."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cs_engine.instants import Micros
from cs_engine.state import schema
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


def drop(tx: Tx, hashes: Collection[str]) -> list[tuple[str, Micros]]:
    """Takes them back; (reason, since) of those that stood."""
    rows = tx.rows(
        f"DELETE FROM suppressions WHERE {tx.among('email_hash', 'hashes')} RETURNING reason, suppressed_at", hashes=tx.ids(hashes)
    )
    return sorted({(reason, at) for reason, at in rows}, key=lambda row: row[1])


def add_all(tx: Tx, rows: Iterable[tuple[str, str, Micros]]) -> None:
    """(hash, reason, since when) of many at once; of one that is suppressed already the first reason stays."""
    earliest = {hashed: (hashed, reason, at) for hashed, reason, at in sorted(rows, key=lambda row: row[2], reverse=True)}
    tx.upsert(schema.suppressions, ("email_hash", "reason", "suppressed_at"), sorted(earliest.values()), "ON CONFLICT DO NOTHING")


def all_hashes(tx: Tx, reason: str = "") -> set[str]:
    """`reason`: only of those that were suppressed for it."""
    only = "WHERE reason = :reason" if reason else ""
    return {hashed for (hashed,) in tx.rows(f"SELECT email_hash FROM suppressions {only}", **{"reason": reason} if reason else {})}


def among(tx: Tx, hashes: Collection[str]) -> set[str]:
    """Those of these that are suppressed."""
    rows = tx.rows(f"SELECT email_hash FROM suppressions WHERE {tx.among('email_hash', 'hashes')}", hashes=tx.ids(hashes))
    return {hashed for (hashed,) in rows}


def contacts(tx: Tx) -> set[str]:
    """The contacts whose address is suppressed."""
    sql = "SELECT c.id FROM suppressions s JOIN contacts c ON c.email_hash = s.email_hash WHERE c.email_hash <> ''"
    return {contact for (contact,) in tx.rows(sql)}


def add_alike(tx: Tx, pairs: Iterable[tuple[str, str]]) -> None:
    """What is suppressed under the first hash of a pair is under the second, too: for the same reason, since then."""
    for known, other in pairs:
        tx.run(
            "INSERT INTO suppressions (email_hash, reason, suppressed_at) "
            "SELECT :other, reason, suppressed_at FROM suppressions WHERE email_hash = :known ON CONFLICT DO NOTHING",
            known=known,
            other=other,
        )
