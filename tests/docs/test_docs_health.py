"""What docs/health.md and docs/milestones.md show is so: the shipped definition, and what the commands say of the shipped sample."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from cs_engine.run.tick import run_tick
from cs_engine.wiring import assemble
from tests.docs.markdown import ROOT, Command, blocks, commands

PAGE = ROOT / "docs/health.md"
SHOWN = [
    command
    for page in (PAGE, ROOT / "docs/milestones.md")
    for block in blocks(page)
    if block.language == "console"
    for command in commands(block)
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shipped project after three ticks over nobody's playbooks."""
    root = tmp_path_factory.mktemp("sample")
    for part in ("playbooks", "templates", "data"):
        shutil.copytree(ROOT / part, root / part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CS_ENGINE_PROJECT", os.fspath(root))
        with assemble() as assembled:
            assembled.refresh()
            for day in (14, 16, 21):
                run_tick(assembled.engine, datetime(2012, 8, day, 17, tzinfo=UTC), only=["none"])
        yield root


def test_the_page_shows_the_shipped_health() -> None:
    shown = next(block.text for block in blocks(PAGE) if block.language == "text")
    lines = (ROOT / "playbooks/health.yaml").read_text(encoding="utf-8").splitlines()
    assert shown.strip().splitlines() == [line for line in lines if not line.startswith("#")]


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize("shown", SHOWN, ids=[command.line for command in SHOWN])
def test_the_command_says_what_the_page_shows(shown: Command, capsys: pytest.CaptureFixture[str]) -> None:
    _, name, *rest = shown.line.split()
    import_module(f"cs_engine.cli.{name}").command.main(rest, standalone_mode=False)
    # Tables fill their lines with spaces, and end with an empty one.
    assert [line.rstrip() for line in capsys.readouterr().out.rstrip().splitlines()] == [line.rstrip() for line in shown.shown]
