"""What commands print and leave behind: JSON for tools, no trace of a dry run, nothing imported that is not needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.prefect_house import REPOSITORY, environment
from tests.stories.world import day
from tests.unit.cli.conftest import Call

NOW = day(1).isoformat()


def snapshot(project: Path) -> dict[str, bytes]:
    """Every file of state and mailbox. (A reader of SQLite makes and unmakes the files beside it.)"""
    kept = project / ".cs-engine"
    return {
        str(file.relative_to(kept)): file.read_bytes()
        for file in sorted(kept.rglob("*"))
        if file.is_file() and "state.db-" not in file.name
    }


def test_run_as_json_has_just_the_promised_keys(project: Path, call: Call) -> None:
    said = call("run", "--dry-run", "--format", "json", "--now", NOW)
    assert said.code == 0
    report = json.loads(said.out)
    assert set(report) == {"now", "playbooks", "delivery", "milestones", "guards", "failures"}
    assert report["now"] == "2026-03-03T10:00:00Z"
    assert set(report["delivery"]) == {"accepted", "held", "skipped", "rejected", "uncertain", "pending"}
    assert {part["playbook"] for part in report["playbooks"]} == {"welcome-all", "watch", "nobody"}
    for part in report["playbooks"]:
        assert set(part) == {
            "playbook",
            "version",
            "matched",
            "entered",
            "advanced",
            "finished",
            "messages",
            "passed_over",
            "paused",
            "mode",
            "left_out",
            "shadow",
            "control",
        }
        assert set(part["messages"]) == {"planned", "held", "skipped"}
        assert set(part["control"]) == {"entered", "advanced", "finished"}


def test_a_span_as_json_is_a_list_with_an_object_a_tick(project: Path, call: Call) -> None:
    said = call("run", "--dry-run", "--format", "json", "--from", NOW, "--to", day(3).isoformat(), "--every", "1d")
    assert [report["now"][:10] for report in json.loads(said.out)] == ["2026-03-03", "2026-03-04", "2026-03-05"]


def test_quiet_says_nothing(project: Path, call: Call) -> None:
    said = call("run", "--dry-run", "--quiet", "--now", NOW)
    assert (said.code, said.out, said.err) == (0, "", "")


def test_a_dry_run_changes_nothing_and_needs_no_prefect(project: Path, call: Call) -> None:
    before = snapshot(project)
    code = "import sys\nfrom cs_engine.cli import main\ntry:\n    main()\nfinally:\n    assert 'prefect' not in sys.modules, 'imported'\n"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--dry-run", "--now", NOW, "--format", "json"],
        cwd=project, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["delivery"]["accepted"] > 0, "it decided and rendered"
    assert snapshot(project) == before


def test_check_imports_little() -> None:
    """Prefect, the vendors' clients and the databases are for those who need them: without them it takes about a second."""
    heavy = ("prefect", "aiohttp", "sendgrid", "slack_sdk", "alembic", "sqlalchemy", "fastapi", "httpx")
    code = (
        "import sys\nfrom cs_engine.cli import main\ntry:\n    main()\nfinally:\n"
        f"    found = [name for name in {heavy!r} if name in sys.modules]\n    assert not found, found\n"
        "    assert len(sys.modules) < 900, len(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "--format", "json"],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)) == (0, []), done.stdout + done.stderr


def test_help_and_completion_import_no_command(call: Call) -> None:
    code = "import sys\nfrom cs_engine.cli import main\ntry:\n    main()\nfinally:\n    assert 'pydantic' not in sys.modules\n"
    done = subprocess.run([sys.executable, "-c", code, "--help"], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "doctor" in done.stdout


def test_a_new_project_names_all_settings_and_passes_check_without_a_warning(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cs_engine.settings import Settings

    assert call("init", str(tmp_path / "x")).code == 0
    project = tmp_path / "x"
    for name in ("README.md", ".gitignore", ".env.example", "prefect.yaml", "flows/tick.py", "flows/playbooks.py"):
        assert (project / name).is_file(), name
    settings = (project / ".env.example").read_text()
    for field in Settings.model_fields:
        assert f"\n# {field.upper()}=" in settings
    assert all(line.startswith("#") for line in settings.splitlines() if line), "copied as it is, it changes nothing"
    monkeypatch.chdir(project)
    said = call("check", "--format", "json")
    assert (said.code, json.loads(said.out)) == (0, [])
    assert call("deploy", "--check").code == 0


def test_the_schemas_of_a_new_project_are_where_its_files_say(tmp_path: Path, call: Call) -> None:
    """Editors complete at once: each file's first line leads to a schema that is there."""
    call("init", str(tmp_path / "x"))
    files = sorted((tmp_path / "x" / "playbooks").rglob("*.yaml"))
    assert len(files) > 8
    for file in files:
        first = file.read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema="), file
        schema = (file.parent / first.partition("$schema=")[2]).resolve()
        assert json.loads(schema.read_text())["$schema"].startswith("http://json-schema.org/draft-07"), file


def test_doctor_tells_each_part_and_is_content_with_a_new_project(project: Path, call: Call) -> None:
    said = call("doctor", "--format", "json")
    findings = json.loads(said.out)
    assert {"project", "playbooks", "database", "usage", "channels", "keys", "deployments", "prefect"} == {f["what"] for f in findings}
    assert said.code == 0
    assert {f["state"] for f in findings} <= {"ok", "warning"}
    for finding in findings:
        assert set(finding) == {"what", "state", "message", "mend"}
        assert bool(finding["mend"]) == (finding["state"] != "ok")


def test_doctor_says_once_that_the_database_is_away(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four parts of it look into the database, and all others are told all the same."""
    monkeypatch.setenv("CS_ENGINE_DATABASE_URL", "postgresql+psycopg://me:secret@127.0.0.1:9/state")
    said = call("doctor", "--format", "json")
    findings = json.loads(said.out)
    assert [f["what"] for f in findings if f["state"] == "wrong"] == ["database"]
    assert "host, user, password and database in CS_ENGINE_DATABASE_URL" in said.out
    assert "secret@" not in said.out
    assert {"playbooks", "channels", "keys", "deployments", "prefect"} <= {f["what"] for f in findings}


def test_doctor_names_the_settings_for_a_prefect_server_of_ones_own(project: Path) -> None:
    from cs_engine.server_settings import SERVER_SETTINGS

    done = subprocess.run(
        [sys.executable, "-c", "from cs_engine.cli import main; main()", "doctor"],
        cwd=project, env=environment(PREFECT_API_URL="http://127.0.0.1:9/api"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, "that server does not answer"
    assert "wrong    prefect: no server answers at PREFECT_API_URL=http://127.0.0.1:9/api" in done.stdout
    for name, value in SERVER_SETTINGS.items():
        assert f"{name}={value}" in done.stdout


def test_one_check_tells_what_is_wrong_with_project_yaml_and_with_the_conditions_of_playbooks(project: Path, call: Call) -> None:
    """Where `sources` can be read, a misspelt key or zone beside it hides neither unknown names nor unknown templates."""
    settings = project / "playbooks" / "project.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "local: ja\n", encoding="utf-8")
    (project / "playbooks" / "late.yaml").write_text(
        "playbook: late\nenter: changes_7dd > 0\nsteps:\n  - {id: a, email: nowhere}\n", encoding="utf-8"
    )
    said = call("check")
    assert said.code == 1
    for found in ("P103", "X211", "P203"):
        assert f" {found} " in said.out + said.err


def test_a_time_zone_that_does_not_exist_is_a_problem_at_its_place(project: Path, call: Call) -> None:
    """The columns of sources that were never synced are told all the same."""
    settings = project / "playbooks" / "project.yaml"
    written = [line for line in settings.read_text(encoding="utf-8").split("\n") if not line.startswith("timezone:")]
    settings.write_text("\n".join(["timezone: Asia/Tokio", *written]), encoding="utf-8")
    said = call("check")
    assert said.code == 1
    assert 'playbooks/project.yaml:1:11 error P206 there is no time zone "Asia/Tokio"; did you mean "Asia/Tokyo"?' in said.out


def test_why_shows_the_parts_of_a_condition_and_the_way_of_a_passage(project: Path, call: Call) -> None:
    text = (project / "playbooks/watch.yaml").read_text(encoding="utf-8")
    (project / "playbooks/watch.yaml").write_text(text.replace("uses_7d > 0", "uses_7d > 0 and account.seats > 1"), encoding="utf-8")
    said = call("why", "acc0", "watch")
    assert said.code == 0, said.err
    assert "├ true   uses_7d > 0   [uses_7d = 1]\n" in said.out
    assert "└ true   account.seats > 1   [account.seats = 5]\n" in said.out
    assert "▶ tell  CTA call to csm" in said.out
    before = call("why", "acc0", "watch", "--at", day(0, 8).isoformat())
    assert "as it was then" in before.out
    assert "the playbook had not run yet" in before.out
    that_day = json.loads(call("why", "acc0", "watch", "--at", str(day(0).date()), "--format", "json").out)
    assert [step["state"] for step in that_day["passages"][0]["steps"]] == ["here"], "a day is told as it ended"


def test_what_people_log_is_in_the_ledger_and_counts(project: Path, call: Call) -> None:
    at = day(1, 9).isoformat()
    said = call("touch", "acc0", "--contact", "con0", "--kind", "call", "--by", "ALEX@vendor.example", "--at", at)
    assert (said.code, said.out) == (0, "Logged: call with acc0.\n")
    assert call("touch", "acc0", "--contact", "con0", "--kind", "call", "--by", "alex@vendor.example", "--at", at).out.startswith(
        "That was"
    )
    assert call("touch", "acc0", "--kind", "meeting", "--by", "alex@vendor.example", "--at", day(1, 10).isoformat()).code == 0
    lines = json.loads(call("ledger", "acc0", "--format", "json").out)
    assert [(line["what"], line["contact"], line["by"]) for line in lines] == [
        ("meeting", "", "alex@vendor.example"), ("talked", "", ""), ("call", "con0", "alex@vendor.example"), ("mail", "con0", ""),
    ]  # fmt: skip
    assert "Touches and reactions of acc0" in call("ledger", "acc0").out
    assert json.loads(call("ledger", "--format", "json").out) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nobody", "--by", "alex@vendor.example"), "no account 'nobody'"),
        (("acc0", "--contact", "con1", "--by", "alex@vendor.example"), "acc0 has no contact 'con1'"),
        (("acc0", "--by", "alxe@vendor.example"), 'did you mean "alex@vendor.example"?'),
        (("acc0", "--by", "alex@vendor.example", "--at", "2999-01-01"), "that has not happened yet"),
    ],
)
def test_a_touch_that_cannot_be_is_not_written(project: Path, call: Call, arguments: tuple[str, ...], said: str) -> None:
    found = call("touch", *arguments, "--kind", "call")
    assert (found.code, said in found.err) == (2, True), found.err
    assert json.loads(call("ledger", "acc0", "--format", "json").out)[0]["what"] == "mail", "nothing was written"


def test_a_drawing_goes_to_a_file_or_to_standard_output(project: Path, call: Call) -> None:
    assert call("draw", "watch", "--format", "svg", "-o", "watch.svg").code == 0
    drawn = (project / "watch.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<svg ")
    assert call("draw", "watch", "--format", "svg").out == drawn + "\n"
    assert call("draw", "watch").out.startswith("flowchart TD")
