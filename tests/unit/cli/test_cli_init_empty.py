"""`init --empty`: a project without the sample, that is sound and takes a recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Call


def test_an_empty_project_passes_check_and_takes_data_and_a_recipe(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("init", str(tmp_path / "ours"), "--empty").code == 0
    monkeypatch.chdir(tmp_path / "ours")
    said = call("check")
    assert (said.code, said.out.strip().split("\n")) == (
        0, ["0 playbooks checked: 0 error(s), 0 warning(s). Next: cs-engine new --list, for a first playbook"]
    )  # fmt: skip
    made = {str(file.relative_to(Path())) for file in Path().rglob("*") if file.is_file()}
    assert {"playbooks/project.yaml", "playbooks/team.yaml", "templates/email/layout.mjml", "flows/tick.py", "prefect.yaml"} < made
    assert {file for file in made if file.startswith("templates/slack")} == {f"templates/slack/not_yet{ja}.yaml" for ja in ("", ".ja")}
    assert not any("contributions" in file for file in made)
    assert "2012" not in Path("README.md").read_text(encoding="utf-8")
    with Path("data/accounts.csv").open("a", encoding="utf-8") as file:
        file.write("a1,Acme,starter,2026-03-01,lead@vendor.example,en,UTC\n")
    assert call("sync").code == 0
    assert call("new", "self-serve-onboarding").code == 0
    said = call("check")
    assert said.code == 0, said.out
    assert call("run", "--dry-run", "--now", "2026-03-02T10:00:00Z").code == 0
