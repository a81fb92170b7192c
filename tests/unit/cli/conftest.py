from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cs_engine.cli import main
from tests.e2e.prefect_house import make_project
from tests.stories.world import copy_of, day


@dataclass(frozen=True)
class Said:
    """What a command did, as a shell sees it."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture(scope="session")
def one_tick_old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project that has lived through one tick: day 0, 10:00."""
    world = make_project(tmp_path_factory.mktemp("cli") / "project")
    world.tick(day(0))
    world.close()
    return world.root


@pytest.fixture
def project(one_tick_old: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in: the current folder."""
    folder = copy_of(one_tick_old, here)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """The console script, in this process."""
    for name in ("CS_ENGINE_PROJECT", "CS_ENGINE_DATABASE_URL", "CS_ENGINE_SECRET_KEYS", "CS_ENGINE_DEBUG", "PREFECT_API_URL"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["cs-engine", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Said(int(ended.value.code or 0), captured.out, captured.err)

    return call
