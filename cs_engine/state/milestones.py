"""Milestones that accounts have reached, latched for good, and the definitions that have been evaluated before."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from cs_engine.instants import NEVER, Micros
from cs_engine.ports import JournalLine, MilestoneView, Reached
from cs_engine.state import journal, schema
from cs_engine.state.database import Tx


def reached(tx: Tx, known_by: Micros | None = None) -> dict[str, tuple[list[str], list[Micros]]]:
    """Milestone -> (accounts, when), aligned; `known_by`: those that a tick had seen by then."""
    sql = "SELECT milestone, account_id, reached_at FROM milestones WHERE known_at <= :known_by ORDER BY milestone, account_id"
    found: dict[str, tuple[list[str], list[Micros]]] = {}
    for milestone, rows in groupby(tx.rows(sql, known_by=NEVER if known_by is None else known_by), itemgetter(0)):
        _, accounts, instants = zip(*rows, strict=True)
        found[milestone] = list(accounts), list(instants)
    return found


def of(tx: Tx, account: str) -> list[MilestoneView]:
    """What one account has reached, oldest first."""
    sql = "SELECT milestone, reached_at, known_at, history, seen FROM milestones WHERE account_id = :account ORDER BY reached_at, milestone"
    return [MilestoneView(milestone, at, known, bool(past), seen) for milestone, at, known, past, seen in tx.rows(sql, account=account)]


def known(tx: Tx) -> set[str]:
    return {milestone for (milestone,) in tx.rows("SELECT milestone FROM milestone_definitions")}


def history(tx: Tx, milestone: str) -> list[str]:
    """Accounts of which it was true before we came."""
    return [
        account for (account,) in tx.rows("SELECT account_id FROM milestones WHERE milestone = :milestone AND history", milestone=milestone)
    ]


def latch(tx: Tx, milestone: str, reached: Sequence[Reached], now: Micros, history: bool, lines: Sequence[JournalLine]) -> None:
    """Latches those that are not yet, with their journal lines; what a twin latched before is left as it is."""
    tx.run(
        "INSERT INTO milestone_definitions (milestone, known_at) VALUES (:milestone, :now) ON CONFLICT DO NOTHING",
        milestone=milestone,
        now=now,
    )
    columns = ("account_id", "milestone", "reached_at", "history", "known_at", "seen")
    rows = [(account, milestone, at, history, now, seen) for account, at, seen in sorted(set(reached))]
    before = tx.insert_new(schema.milestones, columns, rows, {"milestone": milestone})
    journal.append(tx, [line for line in lines if line.account_id not in before])
