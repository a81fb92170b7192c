"""Sixty customers and the three playbooks that write to them: something of every kind that can be half done."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.stories.world import World, day, make_base

MOMENTS: tuple[datetime, ...] = tuple(day(number) for number in range(6))

HELLO = """
    - {id: one, email: one, to: everyone}
    - {id: rest, wait: 1 day}
    - {id: two, email: two, if: uses < 5}
    - id: active
      wait_until: uses >= 3
      at_most: 2 days
      otherwise:
        - {id: help, email: help}
        - {id: call, cta: call, due: 2 days}
      after: keep_waiting
    - {id: three, email: three}
"""

QUIET = """
    - {id: alarm, cta: call, close_when: quiet_days < 2}
    - {id: pause, wait: 1 day}
    - {id: back, email: help}
"""


def build(folder: Path, customers: int = 60) -> World:
    """The files of the town, nobody synced yet. Zones differ, so that some mail is held; some have no address, one is suppressed."""
    world = World(make_base(folder))
    zones = ("", "Asia/Tokyo", "Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland")
    for number in range(customers):
        account = f"acc{number:03d}"
        world.account(account, timezone=zones[number % 5], csm="alex@vendor.example" if number % 4 else "")
        world.contact(f"{account}-a", account)
        if number % 20 == 7:
            world.contact(f"{account}-a", account, email="")
        if number % 3 == 0:
            world.contact(f"{account}-b", account, role="operator")
        for at in range(number % 6):
            world.uses(account, day(at, 9 - number % 3))
    world.playbook("hello", HELLO, goal="uses >= 5", priority=60)
    world.playbook("quiet", QUIET, enter="quiet_days >= 3", exit="account.plan = 'gone'")
    world.milestone("start", "uses >= 2", notice="well_done")
    world.suppress("acc004-a@customer.example")
    world.close()
    return world
