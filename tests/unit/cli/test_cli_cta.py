"""`cta`, as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stories.world import World, day
from tests.unit.cli.conftest import Call


@pytest.fixture
def alerted(project: Path) -> World:
    """An alert of one account stands."""
    world = World(project)
    world.write("templates/slack/call.yaml", 'text: "Call {{ account.name }}"\n')
    world.write(
        "playbooks/alarm.yaml",
        "playbook: alarm\nexisting: include\ntopic: tips\naudience: account.id = 'acc0'\nsteps:\n  - {id: call, cta: call, due: 1 day}\n",
    )
    world.tick(day(1))
    world.close()
    return world


def the_open_one(call: Call) -> dict[str, Any]:
    (row,) = [row for row in json.loads(call("cta", "--format", "json").out) if row["playbook"] == "alarm"]
    assert isinstance(row, dict)
    return row


def test_what_is_open_is_listed_and_done_once(alerted: World, call: Call) -> None:
    row = the_open_one(call)
    assert (row["account"], row["playbook"], row["priority"], row["due"], row["state"]) == ("acc0", "alarm", "normal", "2026-03-04", "open")
    assert row["cta"] in call("cta", "--staff", row["staff"]).out
    assert call("cta", row["cta"], "--false-alarm").out == "kept.\n"
    assert call("cta", row["cta"], "--false-alarm").out == "so already: nothing was changed.\n"
    assert call("cta", row["cta"], "--snooze", "2026-04-01").out == "snoozed until 2026-04-01.\n"
    assert call("cta", row["cta"], "--snooze", "2026-04-01").out == "snoozed until 2026-04-01 already: nothing was changed.\n"
    assert call("cta", row["cta"], "--done").out == "kept.\n"
    assert call("cta", row["cta"], "--done").out == "closed already (done): nothing was changed.\n"
    assert row["cta"] not in call("cta").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("cta_unknown", "--done"),
        ("cta_unknown",),
        ("--done",),
        ("cta_unknown", "--done", "--useful"),
        ("--staff", "nobody@vendor.example"),
        ("cta_unknown", "--snooze", "soon"),
    ],
)
def test_wrong_use_exits_2_and_says_how(alerted: World, call: Call, arguments: tuple[str, ...]) -> None:
    said = call("cta", *arguments)
    assert (said.code, bool(said.err)) == (2, True)


def test_a_day_that_has_come_exits_2(alerted: World, call: Call) -> None:
    row = the_open_one(call)
    said = call("cta", row["cta"], "--snooze", "2026-01-01")
    assert (said.code, "name a later one" in said.err) == (2, True)
