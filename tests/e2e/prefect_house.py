"""A real Prefect server and a real worker, in processes of their own; and a small project to run on them."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

from cs_engine.prefect_server import answers
from cs_engine.server_settings import SERVER_SETTINGS
from tests.stories.world import World, day, make_base

REPOSITORY = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

CANARY = "kanarie7261"
"""In names and an address of the project's people. Prefect must never come to know it."""

STEPS = """
- id: hello
  email: one
- id: rest
  wait: 2 days
- id: more
  email: two
- id: longer
  wait: 2 days
- id: last
  email: three
"""


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would steer Prefect, the engine or a make in it, and with `more`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "CS_ENGINE_", "MAKE", "MFLAGS"))}
    # As a user's shell: no terminal to ask questions in, lines that are not folded.
    return {**clean, "COLUMNS": "200", "PREFECT_LOGGING_COLORS": "false", **more}


def make_project(folder: Path) -> World:
    """Three playbooks, six customers who use the product, and the canary; in the layout that `cs-engine init` makes."""
    make_base(folder)
    shutil.copytree(REPOSITORY / "flows", folder / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    world = World(folder)
    for number in range(6):
        world.customer(f"acc{number}", f"con{number}").uses(f"acc{number}", day(number, 9))
    world.account(CANARY, name=f"{CANARY} Industries").contact(
        "canary-contact", CANARY, email=f"{CANARY}@{CANARY}.example", name=f"Mx {CANARY}"
    )
    world.uses(CANARY, day(0, 9))
    world.playbook("welcome-all", STEPS, enter="uses > 0", priority=60)
    world.playbook("watch", "- id: tell\n  cta: call\n", enter="uses_7d > 0")
    world.playbook("nobody", "- id: silent\n  email: help\n", enter="uses > 99")
    world._write_people()
    return world


_SECOND = re.compile(rb"(?m)(^Date: .* \d\d:\d\d):\d\d(?= \+0000\r?$)")


def reference(folder: Path, days: int) -> dict[str, bytes]:
    """What an uninterrupted run without Prefect leaves in the mailbox of such a project: file name -> bytes."""
    world = make_project(folder)
    try:
        world.span(day(0), day(days), timedelta(days=1))
    finally:
        world.close()
    return mailbox(folder)


def mailbox(project: Path) -> dict[str, bytes]:
    """File name -> bytes; when a mail was written to the minute, for delivery's clock goes on while a slow machine delivers."""
    files = (project / ".cs-engine" / "mailbox").glob("msg_*")
    return {file.name: _SECOND.sub(rb"\1:00", file.read_bytes(), count=1) for file in files}


def cs_engine(project: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as a user calls it, in the project's folder."""
    return subprocess.run(
        [BIN / "cs-engine", *arguments], cwd=project, env=environment(**env), capture_output=True, text=True, timeout=180, check=False
    )


@dataclass
class Server:
    """A Prefect server that a user might run, with the settings that `cs-engine doctor` names."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def environment(self) -> dict[str, str]:
        """For whoever talks to it."""
        return {"PREFECT_API_URL": self.url, "PREFECT_HOME": str(self.home / "client")}

    def ask(self, path: str, body: Mapping[str, Any] | None = None, method: str = "POST") -> Any:
        data = json.dumps(body or {}).encode() if method != "GET" else None
        request = urllib.request.Request(f"{self.url}/{path}", data, {"Content-Type": "application/json"}, method=method)
        text = b""
        for patience in (1, 2, 4, 8, 0):
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    text = response.read()
                break
            except urllib.error.HTTPError as error:
                # What a server on SQLite says while its file is locked; Prefect's own client waits and asks again, too.
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE or not patience:
                    raise
                time.sleep(patience)
        return json.loads(text) if text else None

    def prefect(self, *arguments: str, cwd: Path, seconds: float = 90) -> str:
        """Prefect's own command line; what it printed."""
        done = subprocess.run(
            [BIN / "prefect", "--no-prompt", *arguments],
            cwd=cwd, env=environment(**self.environment), capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        """Its runs, oldest first."""
        runs: list[dict[str, Any]] = self.ask("flow_runs/filter", {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_ASC"})
        return runs

    def task_runs(self, flow_run: str, *names: str) -> dict[str, tuple[str, str]]:
        """Name -> (state, its message), once the server has recorded the ends of those `names`: it does so a little later."""
        body = {"flow_runs": {"id": {"any_": [flow_run]}}, "limit": 200}

        def settled() -> dict[str, tuple[str, str]] | None:
            found = {run["name"]: (run["state"]["type"], run["state"]["message"] or "") for run in self.ask("task_runs/filter", body)}
            ended = {name for name, (state, _) in found.items() if state in ("COMPLETED", "FAILED")}
            return found if ended.issuperset({*names, *found}) else None

        return wait_for(settled, 30)

    def finished(self, flow_run: str, seconds: float = 120) -> dict[str, Any]:
        """The flow run, when its state is final."""

        def final() -> dict[str, Any] | None:
            run: dict[str, Any] = self.ask(f"flow_runs/{flow_run}", method="GET")
            return run if run["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None

        return wait_for(final, seconds)

    def everything(self) -> bytes:
        """All that it and its clients have written, logs and database and what the database holds back."""
        return b"".join(file.read_bytes() for file in sorted(self.home.rglob("*")) if file.is_file())

    def stop(self) -> None:
        stop(self.process)


def make_database(home: Path) -> Path:
    """Prefect's database in an empty home, made once: a hundred migrations take a server six seconds of processor time."""
    home.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [BIN / "prefect", "--no-prompt", "server", "database", "upgrade", "--yes"],
        env=environment(PREFECT_HOME=str(home), **SERVER_SETTINGS), capture_output=True, check=True, timeout=180,
    )  # fmt: skip
    return home / "prefect.db"


def new_home(database: Path, home: Path) -> Path:
    """A home of Prefect's own, as after the first start of a server."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(database, home / "prefect.db")
    return home


def start_server(home: Path) -> Server:
    """Begins to start; `wait_until_up` waits."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"],
            env=environment(PREFECT_HOME=str(home), **SERVER_SETTINGS), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    return Server(home, port, process)


def wait_until_up(server: Server) -> Server:
    def up() -> bool:
        assert server.process.poll() is None, (server.home / "server.log").read_text()
        return answers(server.url)

    wait_for(up, 120)
    return server


def start_worker(server: Server, cwd: Path) -> subprocess.Popen[bytes]:
    with (server.home / "worker.log").open("wb") as log:
        return subprocess.Popen(
            [BIN / "prefect", "worker", "start", "--pool", "default", "--type", "process"],
            cwd=cwd, env=environment(**server.environment, PREFECT_WORKER_QUERY_SECONDS="2"), stdout=log, stderr=log,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


def stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


T = TypeVar("T")


def wait_for(ready: Callable[[], T | None], seconds: float) -> T:
    """What `ready` gives as soon as that is something; AssertionError when it takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"nothing within {seconds} seconds")
