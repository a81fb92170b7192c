"""A tick that is run by two at once is run once: by the tick's lock, and without it by the guards of the rows alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.promise.crowd import REPOSITORY
from tests.promise.town import MOMENTS, build


@pytest.mark.parametrize("lock", ["locked", "unlocked"])
def test_twins_send_nothing_twice_and_lose_nothing(tmp_path: Path, lock: str) -> None:
    build(tmp_path / "town")
    command = [sys.executable, "-m", "tests.promise.twins", str(tmp_path / "town"), str(tmp_path), lock]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0"}, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    stages = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(stages) == len(MOMENTS) + 1
    assert not [stage for stage in stages if stage["differences"]], done.stdout
    ends = [end for stage in stages for end in stage["ends"]]
    assert set(ends) <= ({0, 3} if lock == "locked" else {0}), done.stderr[-3000:]
