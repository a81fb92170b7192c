"""What is old goes: lines of the journal and orders for steps of passages that ended long ago, changes and spells that are over, what was
told of messages that were settled long ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cs_engine.instants import Micros
from cs_engine.journey.message import State
from cs_engine.state.database import Tx
from cs_engine.state.deliveries import FAILED

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


class Settled(NamedTuple):
    """Messages that were settled long ago, and of which more is kept than need be."""

    state: State
    ids: list[str]
    before: Micros
    """All of that state that were settled before then are among them, or were bared before."""


def settled(tx: Tx, before: Micros, limit: int) -> Settled | None:
    """The oldest, of one state: about so many, for what was settled in one tick is not parted; None when there are none."""
    done = dict(tx.rows("SELECT what, before FROM forgotten"))
    for state in (state for state in State if state.settled):
        since = done.get(_named(state), 0)
        of_state = "settled_at IS NOT NULL AND state = :state AND settled_at >= :since AND settled_at < :before ORDER BY settled_at"
        bound = {"state": state.value, "since": since, "before": before}
        ends = [tx.row(f"SELECT settled_at FROM messages WHERE {of_state} LIMIT 1 OFFSET :n", **bound, n=n) for n in (0, limit)]
        first, last = (end[0] if end else None for end in ends)
        if first is None:
            continue
        bound["before"] = before if last is None else max(last, first + 1)
        ids = [id for (id,) in tx.rows(f"SELECT id FROM messages WHERE {of_state}", **bound)]
        return Settled(state, ids, int(bound["before"]))
    return None


def bare(tx: Tx, ids: Sequence[str]) -> None:
    """Takes from these messages what they said, and what was told of those that arrived. That one did not, or was complained of, stays:
    whether somebody was reached, and how many complain, goes by it.
    """
    bound = tx.ids(ids)
    tx.run(f"DELETE FROM deliveries WHERE {tx.among('message_id', 'ids')} AND complained_at IS NULL AND NOT ({FAILED})", ids=bound)
    tx.run(f"DELETE FROM alarms WHERE {tx.among('id', 'ids')}", ids=bound)
    tx.run(f"UPDATE approvals SET subject = '', text = '', html = '' WHERE {tx.among('message_id', 'ids')} AND text <> ''", ids=bound)


def bared(tx: Tx, done: Settled) -> None:
    """They are: the next time begins after them."""
    tx.run(
        "INSERT INTO forgotten (what, before) VALUES (:what, :before) ON CONFLICT (what) DO UPDATE SET before = excluded.before",
        what=_named(done.state),
        before=done.before,
    )


def _named(state: State) -> str:
    return f"messages {state.value}"


def events(tx: Tx, before: Micros, limit: int) -> int:
    """Deletes the oldest of providers' events that happened, and were applied, before then: so many at most."""
    # Their ids begin with their second: of those told long ago no other index is kept.
    return tx.run(
        "DELETE FROM provider_events WHERE id IN (SELECT id FROM provider_events WHERE id < :bound AND applied_at < :before "
        "ORDER BY id LIMIT :limit)",
        bound=f"{before // 1_000_000:08x}",
        before=before,
        limit=limit,
    )
