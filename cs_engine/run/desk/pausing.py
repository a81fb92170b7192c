"""People pause playbooks, and let them go on. The ticks that follow do the rest: see hold.py."""

from __future__ import annotations

from cs_engine.instants import to_micros
from cs_engine.journey.orders import PAUSE, PERSON, Order
from cs_engine.ports import JournalLine
from cs_engine.run.context import Engine


def pause(engine: Engine, playbook: str, account: str, reason: str) -> None:
    """Pauses a playbook, or one account in it; again: for another reason."""
    at = to_micros(engine.wall.now())
    line = JournalLine(at, playbook, account, "", "", "", "paused", reason, "")
    engine.store.order([Order(playbook, account, PAUSE, at, PERSON, reason)], lines=[line])


def resume(engine: Engine, playbook: str, account: str) -> bool:
    """Takes the pause back, whoever gave it; False when there is none. A playbook's failures so far count no more."""
    standing = {order[:3] for order in engine.store.orders(to_micros(engine.wall.now()))}
    key = (playbook, account, PAUSE)
    if key not in standing:
        return False
    line = JournalLine(to_micros(engine.wall.now()), playbook, account, "", "", "", "resumed", "", "")
    engine.store.order(drop=[key], lines=[line])
    return True
