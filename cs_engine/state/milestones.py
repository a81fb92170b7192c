"""Milestones that accounts have reached, latched for good, and the definitions that have been evaluated before."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.instants import Micros
from cs_engine.ports import JournalLine
from cs_engine.state import journal, schema
from cs_engine.state.database import Tx


def reached(tx: Tx) -> dict[str, tuple[list[str], list[Micros]]]:
    """Milestone -> (accounts, when), aligned."""
    found: dict[str, tuple[list[str], list[Micros]]] = {}
    for milestone, account, at in tx.rows("SELECT milestone, account_id, reached_at FROM milestones ORDER BY milestone, account_id"):
        accounts, instants = found.setdefault(milestone, ([], []))
        accounts.append(account)
        instants.append(at)
    return found


def known(tx: Tx) -> set[str]:
    return {milestone for (milestone,) in tx.rows("SELECT milestone FROM milestone_definitions")}


def history(tx: Tx, milestone: str) -> list[str]:
    """Accounts of which it was true before we came."""
    return [
        account for (account,) in tx.rows("SELECT account_id FROM milestones WHERE milestone = :milestone AND history", milestone=milestone)
    ]


def latch(tx: Tx, milestone: str, accounts: Sequence[str], now: Micros, history: bool, lines: Sequence[JournalLine]) -> None:
    """Latches those that are not yet, with their journal lines; what a twin latched before is left as it is."""
    tx.run(
        "INSERT INTO milestone_definitions (milestone, known_at) VALUES (:milestone, :now) ON CONFLICT DO NOTHING",
        milestone=milestone,
        now=now,
    )
    rows = [(account, milestone, now, history) for account in sorted(set(accounts))]
    before = tx.insert_new(schema.milestones, ("account_id", "milestone", "reached_at", "history"), rows, {"milestone": milestone})
    journal.append(tx, [line for line in lines if line.account_id not in before])
