"""Standing orders about playbooks, their failures, and the alarms that tell of both."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.journey.aftermath import NOT_ARRIVED
from cs_engine.journey.message import Alarm
from cs_engine.journey.mode import COMPLAINED, MODE, Reception
from cs_engine.journey.orders import FAILURE_SPAN, FAILURES, Order, PlaybookFailure
from cs_engine.state import messages, schema
from cs_engine.state.database import Tx


def standing(tx: Tx, at: Micros) -> list[Order]:
    """All orders, and how often each playbook has failed in the 24 hours before `at`: one query for all playbooks."""
    rows = tx.rows(
        "SELECT playbook, account_id, kind, at, by, reason, value FROM standing_orders "
        f"UNION ALL SELECT playbook, '', '{FAILURES}', max(at), '', '', CAST(sum(n) AS TEXT) FROM failures "
        "WHERE at > :since AND at <= :until GROUP BY playbook",
        since=at - FAILURE_SPAN,
        until=at,
    )
    return [Order(*row) for row in rows]


def put(tx: Tx, orders: Sequence[Order]) -> None:
    """Gives them; one that stands already is replaced."""
    again = ", ".join(f"{name} = excluded.{name}" for name in ("at", "by", "reason", "value"))
    rows = sorted({order[:3]: order for order in orders}.values())
    tx.upsert(schema.standing_orders, Order._fields, rows, f"ON CONFLICT (playbook, account_id, kind) DO UPDATE SET {again}")


def drop(tx: Tx, orders: Sequence[tuple[str, str, str]]) -> int:
    """Takes back (playbook, account, kind); how many stood."""
    sql = "DELETE FROM standing_orders WHERE playbook = :playbook AND account_id = :account AND kind = :kind"
    return sum(tx.run(sql, playbook=playbook, account=account, kind=kind) for playbook, account, kind in orders)


def fail(tx: Tx, failures: Sequence[PlaybookFailure]) -> None:
    """Counts failures. A step that raises again as its tick is run again counts once; messages are given up once each."""
    added = "failures.n + CASE WHEN excluded.what = 'message' THEN excluded.n ELSE 0 END"
    again = f"ON CONFLICT (playbook, at, step, what, reason) DO UPDATE SET n = {added}"
    tx.upsert(schema.failures, PlaybookFailure._fields, sorted(failures), again)


def forget_failures(tx: Tx, playbook: str) -> None:
    tx.run("DELETE FROM failures WHERE playbook = :playbook", playbook=playbook)


def sound(tx: Tx, alarms: Sequence[Alarm]) -> None:
    """Plans them, with their texts; again is nothing."""
    messages.plan(tx, [alarm.message for alarm in alarms])
    rows = sorted({alarm.message.id: alarm.text for alarm in alarms}.items())
    tx.upsert(schema.alarms, ("id", "text"), rows, "ON CONFLICT DO NOTHING")


def texts(tx: Tx, ids: Collection[str]) -> dict[str, str]:
    return dict(tx.rows(f"SELECT id, text FROM alarms WHERE {tx.among('id', 'ids')}", ids=tx.ids(ids)))


def is_partial(tx: Tx, playbook: str) -> bool:
    """Whether it is in a mode in which only some may enter."""
    sql = f"SELECT 1 FROM standing_orders WHERE playbook = :playbook AND kind = '{MODE}' AND value IN ('canary', 'ramp')"
    return tx.row(sql, playbook=playbook) is not None


def receptions(tx: Tx) -> list[Reception]:
    """Of each playbook with an order about its mode: what became of its mail to customers since then, one query for all."""
    refused = f"m.state = 'rejected' OR coalesce(d.state, '') IN ({', '.join(repr(state) for state in NOT_ARRIVED)})"
    complained = ", ".join(f"'{reason}'" for reason in COMPLAINED)
    rows = tx.rows(
        f"SELECT m.playbook, sum(CASE WHEN {refused} THEN 0 ELSE 1 END), sum(CASE WHEN {refused} THEN 1 ELSE 0 END), "
        "count(DISTINCT CASE WHEN s.email_hash IS NOT NULL OR d.complained_at IS NOT NULL THEN m.recipient END) "
        f"FROM standing_orders o JOIN messages m ON m.playbook = o.playbook AND m.settled_at IS NOT NULL AND m.settled_at >= o.at "
        "AND m.state IN ('accepted', 'rejected') AND m.recipient_kind = 'contact' AND m.channel = 'email' "
        "LEFT JOIN deliveries d ON d.message_id = m.id LEFT JOIN contacts c ON c.id = m.recipient "
        f"LEFT JOIN suppressions s ON s.email_hash = c.email_hash AND c.email_hash <> '' AND s.reason IN ({complained}) "
        f"WHERE o.kind = '{MODE}' AND o.value IN ('canary', 'ramp') GROUP BY m.playbook ORDER BY m.playbook"
    )
    return [Reception(*row) for row in rows]
