"""How soon a warm `cs-engine serve` mails somebody whose event came: from the call to the mail that lies in the mailbox.

    .venv/bin/python -m benchmarks.warm [--accounts 500] [--events 20]

`serve` runs as a command of its own; a playbook enters by the event and mails at once. The events come one after another, each of
another account, when the mail of the one before lies there. Beside it, in the same run: `cs-engine run` of the same project, which is
what a schedule would start, Prefect embedded.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from benchmarks.posting import timed
from tests.stories.world import World, copy_of, make_base

KEY = "key-of-the-benchmark"
HEADERS = {"Authorization": f"Basic {b64encode(f'{KEY}:'.encode()).decode()}", "Content-Type": "application/json"}
COMMAND = (sys.executable, "-c", "from cs_engine.cli import main; main()")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--accounts", type=int, default=500)
    options.add_argument("--events", type=int, default=20)
    given = options.parse_args()
    with TemporaryDirectory(prefix="cs-engine-bench-") as name:
        root = project(Path(name), given.accounts)
        environment = {**os.environ, "CS_ENGINE_PROJECT": str(root), "CS_ENGINE_WRITE_KEYS": KEY, "PYTHONUNBUFFERED": "1"}
        by_schedule, _ = timed(lambda: subprocess.run([*COMMAND, "run", "--quiet"], env=environment, check=True, capture_output=True))
        log = Path(name) / "log"
        with log.open("wb") as out, subprocess.Popen([*COMMAND, "serve", "--port", "0"], stdout=out, stderr=out, env=environment) as serve:
            try:
                until(lambda: "Serving" in log.read_text())
                found = re.search(r"at (http://127\.0\.0\.1:\d+)", log.read_text())
                assert found is not None
                took = [mailed(root, found[1], n) for n in range(given.events)]
            finally:
                serve.terminate()
    print(f"{given.accounts:,} accounts, {given.events} events one after another")
    print(f"{'from the event to its mail, first':<44}{took[0]:>8.2f} s   (the playbooks are compiled, the facts are read)")
    print(f"{'from the event to its mail, median':<44}{median(took[1:]):>8.2f} s   {median(took[1:]) / by_schedule:.0%} of a run")
    print(f"{'from the event to its mail, longest':<44}{max(took):>8.2f} s   {max(took) / by_schedule:.0%} of a run; 5 s are promised")
    print(f"{'cs-engine run, Prefect embedded':<44}{by_schedule:>8.2f} s")


def project(folder: Path, accounts: int) -> Path:
    """Where a playbook mails the champion of each account that invites somebody."""
    world = World(copy_of(make_base(folder / "base"), folder / "project"))
    for n in range(accounts):
        world.customer(f"account{n}", f"ann{n}")
    files = {name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts")}
    world.project(sources={**files, "usage": {"collector": True}}, quiet_hours=None)
    world.playbook("greet", "- {id: one, email: one}", enter={"event": "invited"}, existing=None)
    assert world.loaded.plans
    world.close()
    return world.root


def mailed(root: Path, url: str, n: int) -> float:
    """Seconds from the call until one more mail lies there."""
    mailbox = root / ".cs-engine/mailbox"
    before = len(list(mailbox.rglob("*.eml")))
    body = json.dumps({"userId": f"ann{n}", "event": "invited", "context": {"groupId": f"account{n}"}})
    start = time.perf_counter()
    connection = http.client.HTTPConnection(str(urlsplit(url).hostname), urlsplit(url).port, timeout=60)
    connection.request("POST", "/v1/track", body, HEADERS)
    assert connection.getresponse().status == 200
    until(lambda: len(list(mailbox.rglob("*.eml"))) > before)
    return time.perf_counter() - start


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


if __name__ == "__main__":
    main()
