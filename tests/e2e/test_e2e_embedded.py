"""`cs-engine run` with no Prefect server but the one it brings along: killed in the middle, and called again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cs_engine.errors import PrefectDown
from cs_engine.prefect_server import embedded_server
from tests.e2e.prefect_house import BIN, CANARY, cs_engine, environment, mailbox, make_project, reference, wait_for
from tests.stories.world import day

DAYS = 8
SPAN = ("run", "--from", day(0).isoformat(), "--to", day(DAYS).isoformat(), "--every", "1d", "--quiet")


def test_a_span_killed_in_the_middle_goes_on_and_ends_as_if_nothing_had_been(tmp_path: Path, embedded_home: Path) -> None:
    whole = reference(tmp_path / "whole", DAYS)
    project, home = tmp_path / "killed", str(embedded_home)
    make_project(project).close()

    process = subprocess.Popen([BIN / "cs-engine", *SPAN], cwd=project, env=environment(PREFECT_HOME=home), start_new_session=True)
    try:
        wait_for(lambda: len(mailbox(project)) > len(whole) // 3, 150)
        children = _children(process.pid, "cs_engine.prefect_server")
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert len(mailbox(project)) < len(whole)
    assert children, "Prefect's server ran"
    wait_for(lambda: not any(map(_alive, children)), 30)

    again = cs_engine(project, *SPAN, PREFECT_HOME=home)
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert "going on" in again.stderr
    assert mailbox(project) == whole

    with closing(sqlite3.connect(Path(home) / "prefect.db")) as database:
        flows = Counter(row[0] for row in database.execute("SELECT state_type FROM flow_run"))
        unfinished = database.execute(
            "SELECT count(*) FROM task_run t JOIN flow_run f ON f.id = t.flow_run_id "
            "WHERE f.state_type = 'COMPLETED' AND t.state_type <> 'COMPLETED'"
        ).fetchone()
    assert flows["COMPLETED"] >= 2
    assert unfinished == (0,), "all tasks were told before the server ended"
    written = b"".join(file.read_bytes() for file in Path(home).rglob("*") if file.is_file())
    assert CANARY.encode() not in written
    assert CANARY.encode() not in (project / ".cs-engine" / "prefect.log").read_bytes()


def test_a_server_that_does_not_come_up_in_time_is_tried_twice_and_then_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "0.05")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    server = embedded_server(tmp_path)
    with pytest.raises(PrefectDown) as said:
        server.url()
    assert said.value.message == "Prefect's server did not start within 0.05 seconds, 2 times"
    assert "prefect server start" in said.value.mend
    assert str(tmp_path / ".cs-engine" / "prefect.log") in said.value.mend
    assert _children(os.getpid(), "cs_engine.prefect_server") == [], "none is left behind"


def test_a_server_that_ends_by_itself_is_said_to_have_ended_and_where_it_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "a file"
    nowhere.write_text("")
    monkeypatch.setenv("PREFECT_HOME", str(nowhere / "home"))
    with pytest.raises(PrefectDown) as said:
        embedded_server(tmp_path).url()
    assert said.value.message == "Prefect's server ended by itself before it answered, 2 times"
    assert "a PREFECT_HOME that cannot be written is one reason" in said.value.mend


def _children(pid: int, named: str = "") -> list[int]:
    """Its child processes, of which the command line holds `named`. Without `ps` where there is /proc: a small machine has none."""
    if not Path("/proc/self/stat").exists():
        said = subprocess.run(["ps", "-axo", "pid=,ppid=,command="], capture_output=True, text=True, check=True).stdout
        rows = [line.split(maxsplit=2) for line in said.splitlines()]
        return [int(child) for child, parent, *command in rows if int(parent) == pid and named in " ".join(command)]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state != "Z" and named.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def _alive(pid: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    if Path("/proc/self/stat").exists():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
