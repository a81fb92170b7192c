"""Deployed: prefect.yaml as `cs-engine deploy` writes it, taken by Prefect, run by a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.prefect_house import CANARY, REPOSITORY, Server, cs_engine, mailbox, make_project, start_worker, stop, wait_until_up
from tests.stories.world import day

PLAYBOOKS = {"welcome-all", "watch", "nobody"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deployed")
    world = make_project(folder)
    world.close()
    return folder


@pytest.fixture(scope="module")
def deployed(booting: Server, project: Path) -> dict[str, dict[str, Any]]:
    """Name -> deployment, as the server has it after what docs and `deploy --help` say."""
    server = wait_until_up(booting)
    assert cs_engine(project, "deploy").returncode == 0
    server.prefect("work-pool", "create", "default", "--type", "process", cwd=project)
    printed = server.prefect("deploy", "--all", cwd=project)
    assert "tick/tick" in printed
    found = {one["name"]: one for one in server.ask("deployments/filter")}
    # The schedule has been seen; from here on the tests say when.
    server.ask(f"deployments/{found['tick']['id']}", {"paused": True}, "PATCH")
    return found


def test_the_repositorys_prefect_yaml_is_in_step_with_its_playbooks() -> None:
    done = cs_engine(REPOSITORY, "deploy", "--check")
    assert (done.returncode, done.stdout) == (0, "prefect.yaml is in step with the playbooks.\n"), done.stderr


def test_deploy_all_takes_tick_on_its_schedule_and_each_playbook_without_one(server: Server, deployed: dict[str, dict[str, Any]]) -> None:
    assert set(deployed) == {"tick", *PLAYBOOKS}
    (schedule,) = deployed["tick"]["schedules"]
    assert (schedule["active"], schedule["schedule"]["interval"], schedule["schedule"]["timezone"]) == (True, 900, "UTC")
    for playbook in PLAYBOOKS:
        assert deployed[playbook]["schedules"] == []
        assert deployed[playbook]["entrypoint"] == f"flows/playbooks.py:{playbook.replace('-', '_')}"
    assert deployed["tick"]["entrypoint"] == "flows/tick.py:tick"
    flows = {flow["id"]: flow["name"] for flow in server.ask("flows/filter")}
    assert {name: flows[one["flow_id"]] for name, one in deployed.items()} == {name: name for name in deployed}
    assert {one["work_pool_name"] for one in deployed.values()} == {"default"}


def test_ticks_do_not_overlap_by_prefects_own_limit(deployed: dict[str, dict[str, Any]]) -> None:
    limits = {name: one["global_concurrency_limit"] for name, one in deployed.items()}
    assert limits.pop("tick")["limit"] == 1
    assert deployed["tick"]["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
    assert set(limits.values()) == {None}


def test_a_worker_runs_the_tick_and_a_playbook_alone(server: Server, deployed: dict[str, dict[str, Any]], project: Path) -> None:
    path, run = f"deployments/{deployed['tick']['id']}/create_flow_run", {"parameters": {"now": day(0).isoformat()}}
    begun = [server.ask(path, run)["id"] for _ in range(2)]  # the second finds the first at work
    worker = start_worker(server, project)
    try:
        ended = {one["state"]["type"]: one for one in map(server.finished, begun)}
        assert set(ended) == {"COMPLETED", "CANCELLED"}, [one["state"] for one in ended.values()]
        done = ended["COMPLETED"]
        assert "messages accepted" in done["state"]["message"]
        names = {"observe", *(f"{playbook}/enter" for playbook in PLAYBOOKS), "close CTAs", "deliver", "feedback"}
        tasks = server.task_runs(done["id"], *names)
        assert set(tasks) == names
        assert {state for state, _ in tasks.values()} == {"COMPLETED"}
        after_tick = mailbox(project)
        assert len(after_tick) > 1

        server.prefect("deployment", "run", "welcome-all/welcome-all", "-p", f"now={day(1).isoformat()}", cwd=project)
        (alone,) = server.flow_runs("welcome-all")
        state = server.finished(alone["id"])["state"]
        assert state["type"] == "COMPLETED", state
        assert "watch/enter" not in server.task_runs(
            alone["id"], "observe", "welcome-all/hello", "welcome-all/enter", "deliver", "feedback"
        )
        assert len(mailbox(project)) > len(after_tick), "the customer of the second day"
    finally:
        stop(worker)
    assert CANARY.encode() not in server.everything()


def test_deploy_check_says_when_the_file_is_out_of_step(project: Path, deployed: dict[str, dict[str, Any]]) -> None:
    file = project / "prefect.yaml"
    right = file.read_text()
    body = yaml.safe_load(right)
    body["deployments"].pop()
    file.write_text(yaml.safe_dump(body))
    done = cs_engine(project, "deploy", "--check")
    assert done.returncode == 1
    assert "out of step" in done.stderr
    assert "cs-engine deploy" in done.stderr
    file.write_text(right)
    assert cs_engine(project, "deploy", "--check").returncode == 0
