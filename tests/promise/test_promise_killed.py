"""Dying anywhere and running again loses nothing and sends nothing twice: an engine is killed at many points of its life."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.promise.town import build


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    build(folder)
    return folder


def trial(town: Path, work: Path, points: int, seed: int) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """What became of all deaths, and those that left another state than the undisturbed life, by where they happened."""
    command = [sys.executable, "-m", "tests.promise.deaths", str(town), str(work), str(points), str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return said, {f"{each['kind']} {each.get('at')} {each.get('stage')}": each["differences"] for each in said if each.get("differences")}


def check(town: Path, work: Path, points: int, seed: int) -> None:
    said, wrong = trial(town, work, points, seed)
    assert not wrong, json.dumps(wrong, indent=1)
    undisturbed, often, *once = said
    assert undisturbed["messages"] > 300, "there is enough to lose"
    assert undisturbed["files"] > 250
    assert often["deaths"] >= 6
    assert len(once) == points
    assert sum(each["killed"] for each in once) > 0.9 * points, "nearly all died where they should"


def test_killed_between_any_two_statements_and_run_again_it_is_as_if_nothing_had_happened(town: Path, tmp_path: Path) -> None:
    check(town, tmp_path, 40, 1)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_every_kind_of_event(town: Path, tmp_path: Path, seed: int) -> None:
    check(town, tmp_path, 500, seed)
