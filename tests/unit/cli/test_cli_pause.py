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


def test_list_and_doctor_show_what_is_paused_and_what_is_not_for_all(project: Path, call: Call) -> None:
    file = project / "playbooks/nobody.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "mode: canary 5%\n", encoding="utf-8")
    call("pause", "watch", "--reason", "wrong prices")
    call("pause", "welcome-all", "--account", "acc0", "--reason", "in talks")
    rows = {row["playbook"]: row for row in json.loads(call("list", "--format", "json").out)["playbooks"]}
    assert rows["watch"]["paused"].endswith("Z: wrong prices")
    assert rows["welcome-all"]["paused"].startswith("acc0 since ")
    assert (rows["nobody"]["mode"], rows["nobody"]["paused"], rows["watch"]["mode"]) == ("canary 5%", "", "live")
    found = [f for f in json.loads(call("doctor", "--format", "json").out) if f["what"] == "playbooks"][1:]
    assert [(f["state"], f["message"].partition(":")[0], f["mend"]) for f in found] == [
        ("ok", "nobody is in mode canary 5%", ""),
        ("warning", "watch is paused", "cs-engine resume watch"),
        ("warning", "welcome-all is paused", "cs-engine resume welcome-all --account acc0"),
    ]
    call("pause", "welcome-all", "--account", "acc1", "--reason", "in talks")
    assert "2 accounts" in call("list", "--format", "json").out
