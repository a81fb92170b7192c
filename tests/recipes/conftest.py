from __future__ import annotations

from pathlib import Path

import pytest

from cs_engine.settings import Settings
from cs_engine.starter import make_project
from cs_engine.wiring import open_store


@pytest.fixture(scope="session")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that `init` has just made, its database made too: to be copied."""
    folder = tmp_path_factory.mktemp("starter") / "project"
    folder.mkdir()
    make_project(folder)
    open_store(Settings(cs_engine_project=folder)).close()
    return folder
