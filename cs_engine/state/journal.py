"""The journal: every move of everything, with its reason and the values that decided. Lines are only ever added."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import itemgetter

from cs_engine.instants import Micros
from cs_engine.ports import JournalLine
from cs_engine.state import schema
from cs_engine.state.database import Tx

_by_account = itemgetter(JournalLine._fields.index("account_id"))


def append(tx: Tx, lines: Sequence[JournalLine]) -> None:
    # By account, so that the index is written page after page; the sort keeps an account's lines in their order.
    tx.append(schema.journal, JournalLine._fields, sorted(lines, key=_by_account))


def pauses(tx: Tx, account_id: str, playbook: str, until: Micros) -> list[JournalLine]:
    """When the playbook, or the account in it, was paused and resumed by then, oldest first."""
    rows = tx.rows(
        f"SELECT {', '.join(JournalLine._fields)} FROM journal WHERE playbook = :playbook AND account_id IN ('', :account) "
        "AND event IN ('paused', 'resumed') AND at <= :until ORDER BY line",
        account=account_id,
        playbook=playbook,
        until=until,
    )
    return [JournalLine(*row) for row in rows]


def latest(tx: Tx, account_id: str, playbook: str, limit: int) -> list[JournalLine]:
    """The account's latest lines, oldest first."""
    rows = tx.rows(
        f"SELECT {', '.join(JournalLine._fields)} FROM journal WHERE account_id = :account AND playbook = :playbook "
        "ORDER BY line DESC LIMIT :limit",
        account=account_id,
        playbook=playbook,
        limit=limit,
    )
    return [JournalLine(*row) for row in reversed(rows)]


def of(
    tx: Tx, playbook: str, accounts: Collection[str], enrolments: Collection[str], events: Collection[str]
) -> list[JournalLine]:  # fmt: skip
    """The lines of these passages that tell of such events, oldest first. Found by account, which the index knows."""
    rows = tx.rows(
        f"SELECT {', '.join(JournalLine._fields)} FROM journal WHERE playbook = :playbook AND {tx.among('account_id', 'accounts')} "
        f"AND {tx.among('enrolment_id', 'enrolments')} AND {tx.among('event', 'events')} ORDER BY line",
        playbook=playbook,
        accounts=tx.ids(accounts),
        enrolments=tx.ids(enrolments),
        events=tx.ids(events),
    )
    return [JournalLine(*row) for row in rows]
