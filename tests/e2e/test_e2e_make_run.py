"""`make run`: the main job on the shipped project and its real sample, as somebody sees it in a terminal."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.docs.markdown import blocks, shows
from tests.e2e.prefect_house import REPOSITORY, environment

NEEDED = ("Makefile", "pyproject.toml", "uv.lock", "playbooks", "templates", "flows", "data", "prefect.yaml")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make run` reads, in a folder of its own, so that nobody's state is touched."""
    folder = tmp_path_factory.mktemp("clone")
    for name in NEEDED:
        there = REPOSITORY / name
        if there.is_dir():
            shutil.copytree(there, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".cs-engine"))
        else:
            shutil.copy2(there, folder / name)
    return folder


def in_a_terminal(*command: str, cwd: Path, env: dict[str, str]) -> tuple[int, str]:
    """The exit code, and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    shown = bytearray()
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            part = os.read(ours, 65536)
        except OSError:  # what Linux says when the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    return process.wait(10), shown.decode(errors="replace")


def test_make_run_does_the_main_job_shows_that_it_moves_and_what_to_do_next(clone: Path, embedded_home: Path) -> None:
    # The environment is this one: what sets one up is not the matter here, and `-o` keeps make from doing so.
    venv = sys.prefix
    code, shown = in_a_terminal(
        "make", "run", f"VENV={venv}", "-o", f"{venv}/.set-up",
        cwd=clone, env=environment(PREFECT_HOME=str(embedded_home), TERM="xterm", PYTHONPATH=str(REPOSITORY), LINES="40"),
    )  # fmt: skip
    text = _ESCAPES.sub("", shown)
    assert code == 0, text[-3000:]
    assert "Checking the project" in text
    assert "0 error(s), 0 warning(s)" in text
    assert "Starting Prefect" in text
    days = [f"Tick 2012-08-{day}" for day in range(13, 31)]
    assert [day for day in days if day not in text] == [], "each day is shown as it is done"

    table = text[text.index("playbook") :]
    assert "onboarding-self-serve" in table
    assert re.search(r"Messages sent: ([1-9]\d*); skipped \d+, rejected 0; now held \d+, uncertain 0, pending 0\.", table)
    sent = list((clone / ".cs-engine" / "mailbox").glob("msg_*"))
    assert len(sent) > 100
    assert {file.suffix for file in sent} == {".eml", ".json"}
    assert shows(_summary_in_readme(), text[text.index("By playbook") : text.index("messages in the mailbox")]) == ""
    commands = re.findall(r"^\s+\S*cs-engine (\w.*?)\s{2,}", text[text.index("Try next") :], re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["list", "why", "draw", "run"]
    for command in commands[:3]:
        done = subprocess.run(
            [f"{venv}/bin/cs-engine", *command.split()], cwd=clone, env=environment(PYTHONPATH=str(REPOSITORY)), capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


def _summary_in_readme() -> tuple[str, ...]:
    """What the README shows of the run, up to the mails: which of them are picked hangs on who wrote its file first. Rules are as long
    as a table is wide, which hangs on the terminal.
    """
    (block,) = (block for block in blocks(REPOSITORY / "README.md") if "By playbook" in block.text)
    summary = block.text[block.text.index("By playbook") : block.text.index("messages in the mailbox")]
    return tuple("…" if line.strip(" ─") == "" else line for line in summary.split("\n") if line)


def test_setting_up_and_running_twice_start_from_nothing_and_keep_the_state_that_was_there() -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "run", "VENV=.venv-of-nobody"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    waiting, moved, checked, ran = (plan.index(part) for part in ("sleep 0.9", "state.previous.db", "cs-engine check", "cs-engine run"))
    assert waiting < moved < checked < ran
