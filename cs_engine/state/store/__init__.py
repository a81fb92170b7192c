"""The store: each method one transaction over the table modules. What goes in and comes out are values.

Its parts are those of cs_engine.ports.store, module by module.
"""

from __future__ import annotations

from contextlib import closing

from cs_engine.clock import Clock
from cs_engine.state import copying
from cs_engine.state.database import BUSY_SECONDS, Database
from cs_engine.state.store.answers import Answers
from cs_engine.state.store.approvals import Approvals
from cs_engine.state.store.collector import Collector
from cs_engine.state.store.ctas import Ctas
from cs_engine.state.store.health import Health
from cs_engine.state.store.ledger import Ledger
from cs_engine.state.store.messages import Messages
from cs_engine.state.store.milestones import Milestones
from cs_engine.state.store.passages import Passages
from cs_engine.state.store.people import People
from cs_engine.state.store.playbooks import Playbooks
from cs_engine.state.store.provider_events import ProviderEvents
from cs_engine.state.store.records import Records
from cs_engine.state.store.retention import Retention
from cs_engine.state.store.ticks import Ticks


def open_store(url: str, clock: Clock | None = None, patience: float = BUSY_SECONDS) -> SqlStore:
    """The store at `url`, its folders made, its schema as it is: call `migrate` next. Raises SettingsError for a URL that cannot be.

    `patience`: seconds that a writer waits for another one on SQLite.
    """
    store = SqlStore(url, clock, patience)
    store.make_folder()
    return store


def copy_store(url: str, target: SqlStore) -> None:
    """Fills the migrated, empty `target` with what is at `url`, where nobody then holds the tick. Nothing at `url` is changed, or made."""
    with closing(Database(url)) as source:
        copying.copy(source, target.database)


class SqlStore(
    Ticks,
    People,
    Playbooks,
    Records,
    Passages,
    Answers,
    Ledger,
    Milestones,
    Health,
    Messages,
    Approvals,
    Ctas,
    ProviderEvents,
    Collector,
    Retention,
):
    """The `Store` of cs_engine.ports on SQLite (`sqlite:///file`, `sqlite://` in memory) or PostgreSQL (`postgresql+psycopg://…`)."""


__all__ = ["SqlStore", "copy_store", "open_store"]
