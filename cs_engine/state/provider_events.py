"""What mail providers told, an event a row: kept before the provider is answered, applied by the next tick."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.instants import Micros
from cs_engine.journey.provider_event import ProviderEvent
from cs_engine.state import schema
from cs_engine.state.database import Tx

_COLUMNS = (*ProviderEvent._fields, "received_at")


def receive(tx: Tx, events: Sequence[ProviderEvent], received_at: Micros) -> set[str]:
    """Keeps them; the ids of those that are new. The same again is nothing, whether told under its own id or under another."""
    # In the order of ids: two who bring the same wait for each other, and never both.
    rows = [(*event, received_at) for event in sorted({event.id: event for event in events}.values())]
    return {row[0] for row in rows} - tx.insert_new(schema.provider_events, _COLUMNS, rows)


def last(tx: Tx) -> Micros | None:
    """When the last one came; None when none ever did."""
    row = tx.row("SELECT max(received_at) FROM provider_events")
    return row[0] if row else None
