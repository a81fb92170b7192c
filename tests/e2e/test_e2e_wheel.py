"""Packaging: a wheel built here and installed elsewhere makes a project and runs it, with nothing of this repository in reach."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.e2e.prefect_house import REPOSITORY, environment, mailbox

ACCOUNT = "acc_e46983976a"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=REPOSITORY, check=True, capture_output=True
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel; what it depends on is read from this one, so that nothing is downloaded."""
    home = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "-q", "--no-deps", "--no-index", wheel],
        check=True, capture_output=True, env=environment(),
    )  # fmt: skip
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home / "bin"


def test_the_wheel_holds_what_a_new_project_needs_and_no_byte_code(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    for needed in (
        "cs_engine/py.typed",
        "cs_engine/starter/playbooks/project.yaml",
        "cs_engine/starter/templates/email/layout.mjml",
        "cs_engine/starter/flows/tick.py",
        "cs_engine/starter/data/contributions/README.md",
        "cs_engine/starter/data/contributions/usage_events.csv.gz",
        "cs_engine/recipes/expansion-seats/playbook.yaml",
        "cs_engine/recipes/expansion-seats/seats_short.ja.md",
    ):
        assert needed in names
    assert [name for name in names if name.endswith(".pyc") or "/.cs-engine/" in name or name.startswith("tests/")] == []


def test_the_wheel_tells_pip_which_fastapi_prefects_server_can_bear(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        (metadata,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        told = file.read(metadata).decode()
    (bound,) = (Requirement(line.partition(": ")[2]) for line in told.splitlines() if line.startswith("Requires-Dist: fastapi"))
    assert "0.150.0" in bound.specifier
    assert "0.151.0" not in bound.specifier, "Prefect 3.8's server answers 422, or dies at its start"


def test_from_the_wheel_alone_a_project_is_made_checked_and_run(elsewhere: Path, tmp_path: Path, embedded_home: Path) -> None:
    def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [elsewhere / "cs-engine", *arguments],
            cwd=cwd, env=environment(PREFECT_HOME=str(embedded_home)), capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done

    where = subprocess.run(
        [elsewhere / "python", "-c", "import cs_engine; print(cs_engine.__file__)"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.startswith(str(elsewhere.parent)), "not the checkout"

    call("init", "x", cwd=tmp_path)
    project = tmp_path / "x"
    assert json.loads(call("check", "--format", "json", cwd=project).stdout) == [], "no problem, and no warning"
    call("run", "--quiet", "--now", "2012-08-13T17:00Z", cwd=project)
    assert len(mailbox(project)) > 5
    call("run", "--quiet", "--dry-run", "--now", "2012-08-14T17:00Z", cwd=project)

    assert "onboarding-self-serve" in call("list", cwd=project).stdout
    assert call("draw", "win-back", cwd=project).stdout.startswith(("flowchart", "---"))
    assert "Subject: " in call("preview", "onboarding-self-serve", "welcome", "--account", ACCOUNT, cwd=project).stdout
    assert ACCOUNT in call("why", ACCOUNT, "went-quiet", cwd=project).stdout
    assert "playbook.json" in call("schema", cwd=project).stdout
    assert "in step" in call("deploy", "--check", cwd=project).stdout
    assert "Suppressed" in call("suppress", "someone@customer.example", cwd=project).stdout
    assert "wrong" not in {finding["state"] for finding in json.loads(call("doctor", "--format", "json", cwd=project).stdout)}
