"""`cs-engine run` with no Prefect server but the one it brings along: killed in the middle, and called again."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

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
        children = _children(process.pid)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert len(mailbox(project)) < len(whole)
    assert children, "Prefect's server ran"
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children) or None, 30)

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


def _children(pid: int) -> list[int]:
    said = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(child) for child in said.split()]
