"""Customers by number, and what the tests of delivery ask about all of them at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

from tests.stories.world import World

REPOSITORY = Path(__file__).parents[2]

ONE_TICK = """
import sys
from datetime import datetime
from pathlib import Path
from cs_engine.run.tick import run_tick
from cs_engine.settings import Settings
from cs_engine.wiring import assemble

with assemble(Settings(cs_engine_project=Path(sys.argv[1]))) as assembled:
    assembled.refresh()
    run_tick(assembled.engine, datetime.fromisoformat(sys.argv[2]))
"""


def crowd(world: World, customers: int) -> World:
    """Accounts acc0, acc1, … each with a champion c0@customer.example, …"""
    for number in range(customers):
        world.customer(f"acc{number}", f"c{number}")
    return world


def address(number: int) -> str:
    return f"c{number}@customer.example"


def states(world: World, customers: int, playbook: str = "hello") -> Counter[str]:
    """How many messages of passages of these stand in which state, with its reason."""
    with world.engine.store.database.read() as tx:  # type: ignore[attr-defined]
        rows = tx.rows(
            "SELECT m.state, m.reason, count(*) FROM messages m JOIN enrolments e ON e.id = m.enrolment_id "
            "WHERE e.playbook = :playbook AND CAST(substr(e.account_id, 4) AS INTEGER) < :customers GROUP BY m.state, m.reason",
            playbook=playbook,
            customers=customers,
        )
    return Counter({f"{state} {reason}".strip(): n for state, reason, n in rows})


def anew(world: World) -> World:
    """Another process: what the channels remember is gone."""
    world.close()
    return world


def tick_elsewhere(world: World, at: datetime) -> subprocess.Popen[bytes]:
    """The tick, in a process of its own, which may be killed."""
    assert world.engine is not None  # what was told of the world is written down
    world.close()
    return subprocess.Popen([sys.executable, "-c", ONE_TICK, str(world.root), at.isoformat()], cwd=REPOSITORY, env=dict(os.environ))
