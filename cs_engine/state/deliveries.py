"""What became of messages after they were taken: a row beside each of which the provider has told anything."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cs_engine.instants import Micros
from cs_engine.journey.aftermath import NOT_ARRIVED, Delivery
from cs_engine.ports import Returned
from cs_engine.state import schema
from cs_engine.state.database import Tx

FAILED = " OR ".join(f"state = '{state}'" for state in NOT_ARRIVED)
"""SQL: of those that did not arrive. As the index has it."""
ARRIVED_OR_UNTOLD = f"messages.id NOT IN (SELECT message_id FROM deliveries WHERE ({FAILED}))"
"""SQL on messages: all but those that did not arrive."""


def put(tx: Tx, deliveries: Sequence[Delivery]) -> None:
    """The newest word on each message."""
    # That one has come back is said once, and once seen to stays so.
    names = [name for name in Delivery._fields if name not in ("message_id", "came_back")]
    again = ", ".join(f"{name} = excluded.{name}" for name in names)
    tx.upsert(
        schema.deliveries,
        Delivery._fields,
        sorted(deliveries),
        f"ON CONFLICT (message_id) DO UPDATE SET {again}, came_back = coalesce(deliveries.came_back, excluded.came_back)",
    )


def of(tx: Tx, messages: Collection[str]) -> dict[str, Delivery]:
    """By message; those of which nothing was told are left out."""
    sql = f"SELECT {', '.join(Delivery._fields)} FROM deliveries WHERE {tx.among('message_id', 'ids')}"
    return {row[0]: Delivery(*row) for row in tx.rows(sql, ids=tx.ids(sorted(messages)))}


def returned(tx: Tx) -> list[Returned]:
    """Mails to contacts that came back, and nobody has seen to."""
    rows = tx.rows(
        "SELECT m.id, m.enrolment_id, m.playbook, m.digest, m.step, m.kind, m.channel, m.template, m.topic, m.account_id, m.subject_id, "
        "m.recipient, m.cta_id, m.planned_at, d.reason, coalesce(e.state = 'active' AND e.step = m.step, false) "
        "FROM deliveries d JOIN messages m ON m.id = d.message_id LEFT JOIN enrolments e ON e.id = m.enrolment_id "
        "WHERE d.came_back = 0 AND m.recipient_kind = 'contact' ORDER BY m.account_id, m.recipient, m.id"
    )
    return [Returned(*row)._replace(stands=bool(row[-1])) for row in rows]


def see_to(tx: Tx, ids: Collection[str], now: Micros) -> None:
    tx.run(f"UPDATE deliveries SET came_back = :now WHERE {tx.among('message_id', 'ids')}", now=now, ids=tx.ids(sorted(ids)))
