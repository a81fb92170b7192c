"""What the engine keeps below the project is for the user who runs it alone: it holds addresses."""

from __future__ import annotations

from pathlib import Path

from cs_engine.settings import Settings
from cs_engine.starter import make_project


def test_the_work_folder_is_made_for_its_user_alone(tmp_path: Path) -> None:
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "project.yaml").touch()
    settings = Settings(cs_engine_project=tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/.cs-engine/state.db"
    assert (tmp_path / ".cs-engine").stat().st_mode & 0o777 == 0o700


def test_a_new_projects_work_folder_too(tmp_path: Path) -> None:
    make_project(tmp_path)
    assert (tmp_path / ".cs-engine").stat().st_mode & 0o777 == 0o700
