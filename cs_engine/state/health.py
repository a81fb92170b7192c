"""How healthy accounts have been: a row for as long as a score and band held, the last one open."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import NEVER, Micros
from cs_engine.journey.health import HealthRow
from cs_engine.state import schema
from cs_engine.state.database import Tx

_COLUMNS = "account_id, since, score, band, forced, scores, inputs"


def standing(tx: Tx) -> dict[str, HealthRow]:
    return {row[0]: HealthRow(*row) for row in tx.rows(f"SELECT {_COLUMNS} FROM health WHERE until = :never", never=NEVER)}


def bands(tx: Tx) -> dict[str, str]:
    return dict(tx.rows("SELECT account_id, band FROM health WHERE until = :never", never=NEVER))


def put(tx: Tx, rows: Sequence[HealthRow], gone: Collection[str], now: Micros) -> None:
    """Ends what held of these accounts and begins anew. A tick that is run again corrects what it wrote itself."""
    accounts = tx.ids([*(row.account for row in rows), *gone])
    tx.run(f"UPDATE health SET until = :now WHERE until = :never AND {tx.among('account_id', 'accounts')}",
           now=now, never=NEVER, accounts=accounts)  # fmt: skip
    columns = ("account_id", "since", "score", "band", "forced", "scores", "inputs", "until")
    taken = ", ".join(f"{name} = excluded.{name}" for name in columns[2:])
    fresh = [(row.account, now, *row[2:], NEVER) for row in rows]
    tx.upsert(schema.health, columns, fresh, f"ON CONFLICT (account_id, since) DO UPDATE SET {taken}")


def at(tx: Tx, at: Micros) -> dict[str, HealthRow]:
    found = tx.rows(f"SELECT {_COLUMNS} FROM health WHERE since <= :at AND until > :at", at=at)
    return {row[0]: HealthRow(*row) for row in found}


def of(tx: Tx, account: str, since: Micros) -> list[HealthRow]:
    """From then on, with what held then; oldest first."""
    sql = f"SELECT {_COLUMNS} FROM health WHERE account_id = :account AND until > :since ORDER BY since"
    return [HealthRow(*row) for row in tx.rows(sql, account=account, since=since)]


def began(tx: Tx) -> Micros | None:
    row = tx.row("SELECT min(since) FROM health")
    return None if row is None else row[0]
