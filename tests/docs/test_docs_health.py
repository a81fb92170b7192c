"""What docs/health.md shows is so: the shipped definition, and what the command says of a shipped account."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cs_engine.run.tick import run_tick
from cs_engine.wiring import assemble
from tests.docs.markdown import ROOT, blocks, commands

PAGE = ROOT / "docs/health.md"


def test_the_page_shows_the_shipped_health() -> None:
    shown = next(block.text for block in blocks(PAGE) if block.language == "text")
    lines = (ROOT / "playbooks/health.yaml").read_text(encoding="utf-8").splitlines()
    assert shown.strip().splitlines() == [line for line in lines if not line.startswith("#")]


def test_the_command_says_what_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from cs_engine.cli.health import command

    for part in ("playbooks", "templates", "data"):
        shutil.copytree(ROOT / part, tmp_path / part)
    monkeypatch.setenv("CS_ENGINE_PROJECT", str(tmp_path))
    with assemble() as assembled:
        assembled.refresh()
        for day in (14, 16, 21):
            run_tick(assembled.engine, datetime(2012, 8, day, 17, tzinfo=UTC), only=["none"])
    (shown,) = [c for block in blocks(PAGE) if block.language == "console" for c in commands(block)]
    command.main(shown.line.split()[2:], standalone_mode=False)
    assert capsys.readouterr().out.splitlines() == [*shown.shown]
