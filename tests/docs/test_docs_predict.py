"""What docs/predict.md shows is so: what is learned of the shipped sample, the file that is kept, and the playbook that is proposed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from yaml import safe_load

from cs_engine.cli.predict import command
from cs_engine.playbook.schema import schemas
from cs_engine.wiring import check_project
from tests.docs.markdown import ROOT, blocks, commands

PAGE = ROOT / "docs/predict.md"


def test_the_command_says_and_keeps_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("playbooks", "templates", "data"):
        shutil.copytree(ROOT / part, tmp_path / part)
    monkeypatch.setenv("CS_ENGINE_PROJECT", os.fspath(tmp_path))
    shown = {block.language: block for block in blocks(PAGE)}
    with (tmp_path / "playbooks/metrics.yaml").open("a", encoding="utf-8") as file:
        file.write(shown["yaml"].text)
    (line,) = commands(shown["console"])
    assert command.main(line.line.split()[2:], standalone_mode=False) == 0
    said = [one.rstrip() for one in capsys.readouterr().out.rstrip().splitlines()]
    assert said == [one.rstrip() for one in line.shown]
    assert (tmp_path / "playbooks/models/likely_silent_30d.yaml").read_text(encoding="utf-8") == shown["text"].text
    assert Draft7Validator(schemas()["model"]).is_valid(safe_load(shown["text"].text))
    proposed = [
        one.strip()
        for one in said
        if one.startswith("  ") and one.lstrip().startswith(("playbook:", "audience:", "enter:", "reenter:", "holdout:"))
    ]
    steps = ["vars: {app: a, docs: b, booking: c}", "topic: check_in", "existing: include", "steps: [{id: one, email: onboarding/welcome}]"]
    (tmp_path / "playbooks/proposed.yaml").write_text("\n".join([*proposed, *steps]) + "\n", encoding="utf-8")
    project, problems = check_project()
    assert [problem.render() for problem in problems] == []
    assert "likely-silent-30d" in project.plans
