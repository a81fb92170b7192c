"""What is old goes: lines of the journal and orders for steps of passages that ended long ago, changes and spells that are over."""

from __future__ import annotations

from collections.abc import Mapping

from cs_engine.instants import Micros
from cs_engine.state.database import Tx

_ENDED = "SELECT id FROM enrolments WHERE state = 'finished' AND finished_at < :before"
_STANDING = "('paused', 'resumed')"
"""Events by which the past tells when a playbook stood still: few, and kept."""


def journal(tx: Tx, before: Micros, limit: int) -> int:
    """Deletes at most so many lines of passages that ended before then, and of no passage, that were written before then; how many."""
    bound = _last_before(tx, before)
    if bound is None:
        return 0
    return tx.run(
        "DELETE FROM journal WHERE line IN (SELECT line FROM journal WHERE line <= :bound AND at < :before "
        f"AND (enrolment_id IN ({_ENDED}) OR (enrolment_id = '' AND event NOT IN {_STANDING})) ORDER BY line LIMIT :limit)",
        bound=bound,
        before=before,
        limit=limit,
    )


def _last_before(tx: Tx, before: Micros) -> int | None:
    """The last line of those that may be old: lines are written in the order of time, and no index is kept of it."""
    row = tx.row("SELECT min(line), max(line) FROM journal")
    if row is None or row[0] is None:
        return None
    low, high = int(row[0]) - 1, int(row[1])
    while low < high:  # all up to `low` are old, or there are none
        middle = (low + high + 1) // 2
        at = tx.row("SELECT at FROM journal WHERE line <= :line ORDER BY line DESC LIMIT 1", line=middle)
        if at is not None and at[0] < before:
            low = middle
        else:
            high = middle - 1
    return low


def orders(tx: Tx, before: Micros) -> int:
    """Deletes orders for steps of passages that ended before then."""
    return tx.run(f"DELETE FROM step_orders WHERE enrolment_id IN ({_ENDED})", before=before)


def changes(tx: Tx, before: Micros, needed: Mapping[str, Micros]) -> int:
    """Deletes changes of watched values before then. `needed`: of these values those after that instant are looked at still."""
    names = [name for (name,) in tx.rows("SELECT DISTINCT name FROM changes WHERE at < :before", before=before)]
    sql = "DELETE FROM changes WHERE name = :name AND at < :before"
    return sum(tx.run(sql, name=name, before=min(before, needed.get(name, before))) for name in names)


def spells(tx: Tx, before: Micros) -> int:
    """Deletes spells that were over before then; those that go on have no end."""
    return tx.run("DELETE FROM spells WHERE until < :before", before=before)


def health(tx: Tx, before: Micros) -> int:
    """Deletes health that had become another before then; that which holds has no end."""
    return tx.run("DELETE FROM health WHERE until < :before", before=before)
