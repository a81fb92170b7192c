"""What fails is seen in Prefect by name, without the customer's data that the failure quoted; the rest goes on."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.prefect_house import CANARY, Server, cs_engine, mailbox, make_project
from tests.stories.world import day


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The canary breaks a template and, in the database itself, a playbook's enrolments."""
    folder = tmp_path / "failing"
    world = make_project(folder)
    world.mail("one", "Hello {{ account.name }}", "{{ {'a': 1}[contact.name] if 'kanarie' in contact.name else 'fine' }}")
    world.playbook("unlucky", "- id: try\n  email: two\n", enter="uses > 0", priority=90)
    world.close()
    with sqlite3.connect(folder / ".cs-engine" / "state.db") as database:
        database.execute(
            "CREATE TRIGGER unlucky BEFORE INSERT ON enrolments WHEN NEW.playbook = 'unlucky' "
            "BEGIN SELECT json_extract('{}', NEW.subject_id); END"  # bad JSON path: 'kanarie7261'
        )
    database.close()
    return folder


def test_a_playbook_that_raises_is_failed_by_name_and_the_others_go_on(server: Server, project: Path) -> None:
    before = {run["id"] for run in server.flow_runs("tick")}
    done = cs_engine(project, "run", "--now", day(0).isoformat(), "--format", "json", **server.environment)

    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["failures"] == ["unlucky/enter: OperationalError"]
    entered = {part["playbook"]: part["entered"] for part in report["playbooks"]}
    assert entered["unlucky"] == 0
    assert entered["welcome-all"] > 0
    assert report["delivery"]["accepted"] == len(mailbox(project)) > 0
    assert report["delivery"]["rejected"] == 1, "the canary's mail, alone"
    assert "Traceback" not in done.stderr
    assert "leaked" not in done.stderr, "nothing of the tick outlives it"
    assert "failed, the rest went on: unlucky/enter: OperationalError" in done.stderr

    (run,) = (run for run in server.flow_runs("tick") if run["id"] not in before)
    assert (run["state"]["type"], run["state"]["message"]) == ("FAILED", "1 failure(s): unlucky/enter: OperationalError")
    tasks = server.task_runs(run["id"], "unlucky/enter", "welcome-all/enter", "deliver", "feedback")
    state, message = tasks.pop("unlucky/enter")
    assert state == "FAILED"
    assert message.endswith("UnitFailed: unlucky/enter: OperationalError")
    assert {state for state, _ in tasks.values()} == {"COMPLETED"}

    written = server.everything() + (done.stdout + done.stderr).encode()
    assert b"unlucky/enter" in written, "the search looks where it should"
    assert CANARY.encode() not in written


def test_what_stops_a_tick_is_named_without_its_text(server: Server, project: Path) -> None:
    """The first phase fails, in which nothing is a single playbook's: the tick is not done, and says so."""
    with sqlite3.connect(project / ".cs-engine" / "state.db") as database:
        database.execute(f"CREATE TRIGGER full BEFORE INSERT ON plans BEGIN SELECT json_extract('{{}}', '{CANARY}'); END")
    database.close()
    before = {run["id"] for run in server.flow_runs("tick")}
    done = cs_engine(project, "run", "--now", day(0).isoformat(), **server.environment)
    assert done.returncode == 1
    assert "OperationalError inside cs-engine" in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert "leaked" not in done.stderr
    (run,) = (run for run in server.flow_runs("tick") if run["id"] not in before)
    assert (run["state"]["type"], run["state"]["message"]) == ("FAILED", "OperationalError")
    assert server.task_runs(run["id"], "observe")["observe"][0] == "FAILED"
    assert CANARY.encode() not in server.everything()


def test_a_time_before_the_last_tick_exits_2_and_is_no_run_of_prefects(server: Server, tmp_path: Path) -> None:
    make_project(tmp_path / "late").close()
    first = cs_engine(tmp_path / "late", "run", "--now", day(2).isoformat(), "--quiet", **server.environment)
    assert (first.returncode, first.stdout) == (0, ""), first.stderr
    done = cs_engine(tmp_path / "late", "run", "watch", "--now", day(1).isoformat(), **server.environment)
    assert done.returncode == 2
    assert "lies before the last tick" in done.stderr
    assert server.flow_runs("watch") == []


def test_a_server_that_does_not_answer_is_said_with_its_mend(tmp_path: Path) -> None:
    make_project(tmp_path / "alone").close()
    done = cs_engine(tmp_path / "alone", "run", "--now", day(0).isoformat(), PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert ("error: no Prefect server answers at PREFECT_API_URL=http://127.0.0.1:9/api\n  mend: ") in done.stderr
    assert mailbox(tmp_path / "alone") == {}
