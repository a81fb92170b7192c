"""Our tables, as a tick asks for them: what state/ answers. `Store` is all of it; each part is what one phase needs, with the rows
that go into it and come out.
"""

from __future__ import annotations

from typing import Protocol

from cs_engine.ports.store.answers import Answers
from cs_engine.ports.store.approvals import Approvals
from cs_engine.ports.store.collector import Collector
from cs_engine.ports.store.ctas import Ctas
from cs_engine.ports.store.health import Health
from cs_engine.ports.store.ledger import Ledger
from cs_engine.ports.store.messages import Messages
from cs_engine.ports.store.milestones import Milestones
from cs_engine.ports.store.passages import Passages
from cs_engine.ports.store.people import People
from cs_engine.ports.store.playbooks import Playbooks
from cs_engine.ports.store.provider_events import ProviderEvents
from cs_engine.ports.store.records import Records
from cs_engine.ports.store.retention import Retention
from cs_engine.ports.store.ticks import Ticks


class Store(
    Ticks,
    People,
    Playbooks,
    Passages,
    Milestones,
    Health,
    Answers,
    Ledger,
    Messages,
    Approvals,
    Ctas,
    ProviderEvents,
    Collector,
    Retention,
    Records,
    Protocol,
):
    """Our tables. Every method is one transaction of its own."""
