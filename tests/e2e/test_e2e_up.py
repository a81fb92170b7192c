"""`cs-engine up`: what it says is there, it ticks, events that come start playbooks, and it ends with all that it has started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

import pytest

from cs_engine.prefect_server import answers
from tests.e2e.prefect_house import new_home
from tests.stories.world import World, make_base

pytestmark = pytest.mark.e2e

COMMAND = [sys.executable, "-c", "from cs_engine.cli import main; main()", "up", "--port", "0"]
KEY = "key-of-the-product"
STARTS_WITHIN, ENDS_WITHIN = 240.0, 60.0


@pytest.fixture
def project(tmp_path: Path, prefect_database: Path) -> Path:
    world = World(make_base(tmp_path / "project"))
    files = {name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts")}
    world.customer().project(sources={**files, "usage": {"collector": True}}, quiet_hours=None)
    world.playbook("p", "- {id: hi, email: one}").playbook("q", "- {id: two, email: two}", enter={"event": "invited"})
    assert world.loaded.plans
    world.close()
    new_home(prefect_database, world.root / "prefect")
    return world.root


def started(project: Path, log: Path) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_API")}
    environment |= {
        "CS_ENGINE_PROJECT": str(project),
        "PREFECT_HOME": str(project / "prefect"),
        "PYTHONUNBUFFERED": "1",
        "CS_ENGINE_WRITE_KEYS": KEY,
    }
    with log.open("wb") as out:
        return subprocess.Popen(COMMAND, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True)


def said(log: Path, process: subprocess.Popen[bytes], pattern: str) -> str:
    """What the pattern's group holds, once it has been said."""
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline:
        text = log.read_text()
        if found := re.search(pattern, text):
            return found[1]
        assert process.poll() is None, text
        time.sleep(0.2)
    raise AssertionError(log.read_text())


def send(web: str, call: bytes) -> None:
    credentials = b64encode(f"{KEY}:".encode()).decode()
    request = urllib.request.Request(f"{web}/v1/track", call, {"Authorization": f"Basic {credentials}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.read() == b'{"success":true}'


def alive(port: str) -> bool:
    return answers(f"http://127.0.0.1:{port}/api", seconds=1)


@pytest.mark.parametrize("ends_by", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_to_look_ticks_and_ends_with_all_that_it_started(project: Path, tmp_path: Path, ends_by: signal.Signals) -> None:
    log = tmp_path / "log"
    process = started(project, log)
    try:
        web = said(log, process, r"Web +(http://127\.0\.0\.1:\d+)")
        with urllib.request.urlopen(f"{web}/healthz") as answer:
            assert answer.read() == b"ok\n"
        port = said(log, process, r"Prefect +http://127\.0\.0\.1:(\d+)/api")
        assert said(log, process, r"(\d+) playbooks, 1 moved") == "1"
        assert alive(port)
        send(web, b'{"userId": "ann", "event": "invited", "context": {"groupId": "acme"}}')
        assert said(log, process, r"events came: 1 playbooks, 1 moved, (\d+) messages sent") == "1"
        process.send_signal(ends_by)
        assert process.wait(ENDS_WITHIN) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
    assert "Ended" in log.read_text()
    assert not alive(port)
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{web}/healthz", timeout=2)
