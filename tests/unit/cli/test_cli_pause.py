"""`pause` and `resume`, as a shell sees them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.stories.world import day
from tests.unit.cli.conftest import Call


def test_what_is_paused_is_said_by_run_and_by_why_until_it_is_resumed(project: Path, call: Call) -> None:
    said = call("pause", "watch", "--reason", "wrong prices")
    assert (said.code, said.out) == (0, "Paused watch: wrong prices\nTo go on: cs-engine resume watch\n")
    run = call("run", "--dry-run", "--now", day(1).isoformat())
    assert "watch stands still: wrong prices (cs-engine resume watch)" in run.out
    parts = json.loads(call("run", "--dry-run", "--format", "json", "--now", day(1).isoformat()).out)["playbooks"]
    assert {part["playbook"]: part["paused"] for part in parts} == {"welcome-all": "", "watch": "wrong prices", "nobody": ""}
    assert ": wrong prices" in call("why", "acc0", "watch").out.split("\n\n")[1]
    assert call("resume", "watch").code == 0
    assert "stands still" not in call("run", "--dry-run", "--now", day(1).isoformat()).out


def test_an_account_is_paused_and_resumed_alone(project: Path, call: Call) -> None:
    said = call("pause", "welcome-all", "--account", "acc0", "--reason", "in talks")
    assert said.out.endswith("To go on: cs-engine resume welcome-all --account acc0\n")
    assert call("resume", "welcome-all").code == 2
    assert call("resume", "welcome-all", "--account", "acc0").code == 0
