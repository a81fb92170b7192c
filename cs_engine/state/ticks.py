"""Ticks that were begun and completed, and who holds the one that is running."""

from __future__ import annotations

from cs_engine.errors import LostRace, TickBusy, TickTooEarly
from cs_engine.instants import Micros, from_micros
from cs_engine.ports import Tick
from cs_engine.state.database import Tx
from cs_engine.state.holder import is_dead

LEASE: Micros = 10 * 60 * 1_000_000
"""How long a holder that we cannot look at is believed to live after it was last heard of."""


def begin(tx: Tx, now: Micros, holder: str, wall: Micros) -> Tick:
    """Takes the tick for `holder`. Raises TickTooEarly, TickBusy."""
    row = tx.row(f"SELECT holder, lease_until FROM tick_holder{tx.lock_rows}")
    other, lease_until = row or ("", 0)
    before = last(tx)
    if before is not None and now < before:
        raise TickTooEarly(from_micros(now), from_micros(before))
    # A dead process of this host is known to be dead; of any other only the lease tells.
    if other and other != holder and wall < lease_until and not is_dead(other):
        raise TickBusy(f"another run holds the tick: {other}", "wait until it has ended, then run again")
    tx.run("UPDATE tick_holder SET holder = :holder, lease_until = :until", holder=holder, until=wall + LEASE)
    completed = tx.row("SELECT 1 FROM ticks WHERE now = :now AND completed_at IS NOT NULL", now=now)
    tx.run(
        "INSERT INTO ticks (now, holder, began_at) VALUES (:now, :holder, :wall) ON CONFLICT (now) DO UPDATE SET holder = excluded.holder",
        now=now,
        holder=holder,
        wall=wall,
    )
    return Tick(now, completed is not None)


def renew(tx: Tx, holder: str, wall: Micros) -> None:
    """Says that the holder lives."""
    tx.run("UPDATE tick_holder SET lease_until = :until WHERE holder = :holder", until=wall + LEASE, holder=holder)


def end(tx: Tx, now: Micros, holder: str, wall: Micros) -> None:
    """The tick is complete. Raises LostRace when another has taken it over meanwhile: then it is the other's to complete."""
    if not release(tx, holder):
        raise LostRace("another run took this tick over", "nothing: what both decided was done once; the other run completes the tick")
    tx.run("UPDATE ticks SET completed_at = coalesce(completed_at, :wall) WHERE now = :now", now=now, wall=wall)


def release(tx: Tx, holder: str) -> bool:
    """Gives the tick back; False when it was not held."""
    return tx.run("UPDATE tick_holder SET holder = '', lease_until = 0 WHERE holder = :holder", holder=holder) == 1


def last(tx: Tx) -> Micros | None:
    """The latest tick that was begun: what it decided stands, complete or not."""
    row = tx.row("SELECT max(now) FROM ticks")
    return row[0] if row else None


def before(tx: Tx, now: Micros, limit: int) -> list[Micros]:
    """The nows of the ticks completed before that one, the latest first."""
    rows = tx.rows(
        "SELECT now FROM ticks WHERE now < :now AND completed_at IS NOT NULL ORDER BY now DESC LIMIT :limit", now=now, limit=limit
    )
    return [row[0] for row in rows]
