"""Exit 2 for wrong use, 1 for problems, and what to do about it each time."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cs_engine.cli import COMMANDS, main
from tests.unit.cli.conftest import Call

WRONG = {
    "chek": 'did you mean "check"?',
    "draw wach": 'mend: did you mean "watch"?',
    "draw nope": "mend: one of: nobody, watch, welcome-all",
    "preview welcome-all helo --account acc0": 'mend: did you mean "hello"?',
    "preview welcome-all rest --account acc0": "mend: steps that send: hello, more, last",
    "preview welcome-all hello --account nope": "mend: look it up in the accounts source; ids are exact",
    "preview welcome-all hello --account acc0 -o mail.pdf": "mend: for mail use .html",
    "preview welcome-all hello": "Missing option '--account'",
    "why nope watch": "mend: look it up",
    "why acc0 wach": 'mend: did you mean "watch"?',
    "run wach": 'mend: did you mean "watch"?',
    "run wach --dry-run": 'mend: did you mean "watch"?',
    "run --now 2026-03-02T10:00": "add Z or an offset: 2026-03-02T10:00Z",
    "run --now yesterday": "write it as 2012-08-13T17:00Z",
    "run --from 2026-03-02": "go together: --from",
    "run --now 2026-03-02 --from 2026-03-02 --to 2026-03-03 --every 1d": "leave one of them out",
    "run --from 2026-03-02 --to 2026-03-03 --every 0d": "write it as 1d, 6h or 15m",
    "run --from 2026-03-02 --to 2026-03-03 --every often": "write it as 1d, 6h or 15m",
    "run --dry-run --from 2026-03-05 --to 2026-03-03 --every 1d": "mend: change them round",
    "run --dry-run --now 2026-03-01T10:00Z": "mend: run at 2026-03-02T10:00:00+00:00 or later",
    "run --now 2026-03-01T10:00Z": "mend: run at 2026-03-02T10:00:00+00:00 or later",
    "run --from 2026-02-26 --to 2026-02-28 --every 1d": "mend: run at 2026-03-02T10:00:00+00:00 or later",
    "run --dry-run --from 2026-02-26 --to 2026-02-28 --every 1d": "mend: run at 2026-03-02T10:00:00+00:00 or later",
    "run --format yaml": "'yaml' is not one of",
    "init .": "mend: name a new folder",
    "suppress nope": "mend: write it as name@company.example",
    "suppress": "Missing argument",
    "approve nope": "the id of a run begins run_",
    "approve run_1": "nothing waits since run_1",
    "apply --existing all": "'all' is not one of",
    "pause wach --reason x": 'mend: did you mean "watch"?',
    "pause watch": "Missing option '--reason'",
    "pause watch --account nope --reason x": "mend: look it up in the accounts source",
    "pause watch --reason=": "it says nothing",
    "skip acc0 welcome-all --reason=": "it says nothing",
    "resume watch": "watch is not paused",
    "resume watch --account acc0": "watch is not paused for acc0",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_use_exits_2_with_a_mend(line: str, project: Path, call: Call) -> None:
    said = call(*line.split())
    assert (said.code, said.out) == (2, "")
    assert WRONG[line] in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "span", ["--now 2026-03-01", "--from 2026-02-26 --to 2026-02-28 --every 1d", "--from 2026-03-05 --to 2026-03-03 --every 1d"]
)
def test_a_run_that_cannot_be_is_refused_before_a_server_is_started_for_it(span: str, project: Path, call: Call) -> None:
    assert call("run", *span.split()).code == 2
    assert not (project / ".cs-engine" / "prefect.log").exists()


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "init"])
def test_outside_a_project_each_command_says_where_to_go(command: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = {
        "preview": "p s --account a",
        "why": "a p",
        "draw": "p",
        "new": "expansion-seats",
        "touch": "a --kind call --by x",
        "enrol": "p a",
        "pause": "p --reason r",
        "resume": "p",
        "confirm": "a m --reason r",
        "skip": "a p --reason r",
        "postpone": "a p --by 1d --reason r",
        "approve": "run_1",
        "suppress": "someone@customer.example",
        "unsuppress": "someone@customer.example",
        "export": "someone@customer.example",
        "erase": "someone@customer.example",
        "edit": "a p --show",
        "predict": "likely_churn",
    }.get(command, "")
    said = call(command, *arguments.split())
    assert said.code == (1 if command == "doctor" else 2)
    assert "is no cs-engine project" in said.err + said.out
    assert "cs-engine init DIR" in said.err + said.out
    assert list(tmp_path.iterdir()) == [], "and makes nothing"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_has_an_example_of_it(command: str, call: Call) -> None:
    said = call(command, "--help")
    assert said.code == 0
    assert "Example" in said.out or "Then" in said.out
    assert any(mark in said.out for mark in (f"  cs-engine {command}", "$schema=")), said.out


def test_the_command_list_does_not_stand_in_the_way_of_pythons(project: Path, call: Call) -> None:
    """Importing cs_engine.cli.list gives the package that name."""
    assert call("list").code == 0
    assert 'did you mean "check"?' in call("chek").err
    assert call("--help").code == 0


def test_problems_exit_1_and_are_told_with_place_and_mend(project: Path, call: Call) -> None:
    file = project / "playbooks" / "watch.yaml"
    sound = call("check").out
    file.write_text(file.read_text().replace("cta: call", "cta: call\n    tempalte: x"))
    said = call("check")
    assert said.code == 1
    assert "playbooks/watch.yaml:" in said.out
    assert 'unknown key "tempalte"' in said.out
    counted = sound.partition(" playbooks checked: ")[0].split()[-1]
    assert f"{counted} playbooks checked: 1 error(s)" in said.out, "the broken one counts too"
    problems = json.loads(call("check", "--format", "json").out)
    assert problems
    for problem in problems:
        assert set(problem) == {"file", "line", "column", "code", "level", "message", "mend"}
    assert call("draw", "watch").code == 1, "what is broken cannot be drawn"
    said = call("deploy")
    assert said.code == 1
    assert "watch" in said.err


def test_a_project_without_problems_exits_0(project: Path, call: Call) -> None:
    assert call("check", "--format", "json").code == 0


def test_a_wrong_setting_is_named_without_its_value(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CS_ENGINE_EMAIL", "pigeon-4711")
    said = call("check")
    assert said.code == 1
    assert "CS_ENGINE_EMAIL" in said.err
    assert "pigeon-4711" not in said.err


def test_what_cannot_be_written_is_named(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = call("init", str(tmp_path / "file" / "project"))
    assert said.code == 1
    assert str(tmp_path / "file") in said.err
    assert "mend: " in said.err


def test_what_nobody_expected_is_named_without_its_text(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(project / ".cs-engine" / "state.db")) as database:
        database.execute("DROP TABLE milestones")
    said = call("run", "--dry-run")
    assert said.code == 1
    assert said.err.endswith(
        "error: OperationalError inside cs-engine\n  mend: run it with CS_ENGINE_DEBUG=1 and report what it shows\n"
    ), said.err
    monkeypatch.setenv("CS_ENGINE_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["cs-engine", "run", "--dry-run"])
    with pytest.raises(Exception, match="no such table: milestones"):
        main()
