"""`plan` and `apply`, as a shell sees them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.conftest import Call

NEW = "playbook: more\ntopic: tips\nsteps:\n  - {id: a, email: one}\n"


def test_plan_says_when_nothing_changes(project: Path, call: Call) -> None:
    said = call("plan")
    assert (said.code, said.out) == (0, "Nothing changes: 3 playbook(s) as they were.\n")
    assert json.loads(call("plan", "--format", "json").out) == []


def test_apply_asks_who_matches_already_and_without_a_terminal_wants_to_be_told(project: Path, call: Call) -> None:
    (project / "playbooks/more.yaml").write_text(NEW)
    said = call("plan")
    assert "more: new, version " in said.out
    assert "match already" not in call("plan", "--now", "2026-03-01T10:00Z").out, "before anybody signed up"
    assert "  7 match already: say --existing skip or include; without it they are left out" in said.out
    said = call("apply", "--quiet")
    assert (said.code, said.out) == (2, "")
    assert "accounts or contacts match already: more (7); nothing was changed" in said.err
    said = call("apply", "--existing", "include")
    assert (said.code, said.out.splitlines()[-2:]) == (
        0, ["more: who matches already is taken at its first run.", "Applied. The next run works with it."],
    )  # fmt: skip
    assert "  7 match already: they enter\n" in call("plan").out


def test_those_inside_are_moved_when_somebody_says_so(project: Path, call: Call) -> None:
    file = project / "playbooks/welcome-all.yaml"
    file.write_text(file.read_text().replace("id: hello", "id: greet") + 'redirect: {hello: "greet"}\n')
    said = call("plan")
    assert "  + greet\n  - hello\n" in said.out
    assert "    2 at hello: go on at greet\n" in said.out
    said = call("apply", "--migrate")
    assert said.code == 0
    assert "welcome-all: 0 moved, " in said.out
    assert "inside" not in call("plan").out


def test_a_broken_playbook_is_told_and_the_others_are_planned(project: Path, call: Call) -> None:
    (project / "playbooks/more.yaml").write_text(NEW.replace("email", "emial"))
    said = call("plan")
    assert said.code == 1
    assert "more: broken\n  has errors, so nobody enters: cs-engine check\n" in said.out


def test_those_inside_a_playbook_that_was_removed_end_if_somebody_says_so(project: Path, call: Call) -> None:
    (project / "playbooks/welcome-all.yaml").unlink()
    assert "go on to its end, unless apply says --removed end" in call("plan").out
    said = call("apply", "--quiet")
    assert said.code == 2
    assert "people are inside playbooks that were removed: welcome-all (2); nothing was changed" in said.err
    assert "ended" not in call("apply", "--removed", "keep").out
    assert "welcome-all: removed" in call("plan").out, "they are there still"
    said = call("apply", "--removed", "end")
    assert (said.code, "welcome-all: 2 ended (playbook_removed)" in said.out) == (0, True)
    assert call("plan").out == "Nothing changes: 2 playbook(s) as they were.\n"
