"""What the collector took: one row a call, in the order in which they were kept."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.instants import Micros
from cs_engine.ports import CollectedMark
from cs_engine.state import schema
from cs_engine.state.database import Tx
from cs_engine.usage.collected import Arrived, Collected

_COLUMNS = (*Collected._fields, "received_at")
_SHOWN = ", ".join(Collected._fields)
_LOCK = 0x63735F636F6C6C65
"""PostgreSQL's advisory lock of those who keep calls: 'cs_colle'."""


def in_turn(tx: Tx) -> None:
    """One keeps at a time: a reader who has seen a sequence has then seen all before it. SQLite has one writer anyway."""
    if not tx.embedded:
        tx.rows("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)


def put(tx: Tx, calls: Sequence[Collected], received_at: Micros) -> int:
    """Keeps those whose message is not there yet; how many."""
    rows = [(*call, received_at) for call in calls]
    return tx.insert_or_leave(schema.collected, _COLUMNS, rows, "message_id")


def after(tx: Tx, sequence: int, limit: int) -> list[Arrived]:
    found = tx.rows(
        f"SELECT sequence, received_at, {_SHOWN} FROM collected WHERE sequence > :after ORDER BY sequence LIMIT :limit",
        after=sequence,
        limit=limit,
    )
    return [Arrived(number, Collected(*call), received) for number, received, *call in found]


def mark(tx: Tx) -> CollectedMark:
    # Two queries of their own: each is a look at one end of the key.
    first, last = (tx.row(f"SELECT {end}(sequence) FROM collected") for end in ("min", "max"))
    edition, profiles = tx.row("SELECT edition, profiles FROM collector") or (0, 0)
    return CollectedMark((first and first[0]) or 0, (last and last[0]) or 0, edition, profiles)


def changed(tx: Tx) -> None:
    """Something was taken out of rows that stand."""
    tx.run("INSERT INTO collector (id, edition) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET edition = collector.edition + 1")


def forget(tx: Tx, before: Micros, limit: int) -> int:
    """Deletes the oldest that came before then."""
    return tx.run(
        "DELETE FROM collected WHERE sequence IN (SELECT sequence FROM collected ORDER BY sequence LIMIT :limit) AND received_at < :before",
        before=before,
        limit=limit,
    )
