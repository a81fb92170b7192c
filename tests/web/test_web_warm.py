"""Events that come start playbooks within seconds: over real HTTP, from a real client, into the mailbox; by the machine's own clock."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from segment.analytics.client import Client  # type: ignore[import-untyped]

from cs_engine.channels.mailbox import mails
from cs_engine.clock import SystemClock
from cs_engine.instants import to_micros
from cs_engine.settings import Settings
from cs_engine.state import open_store
from cs_engine.usage.calls_segment import collected
from cs_engine.web import warm as warm_module
from cs_engine.web.house import house
from cs_engine.web.server import WebServer, listening
from cs_engine.web.warm import Warm
from tests.stories.world import World

KEY = "key-of-the-product"

Serves = Callable[[], str]


@pytest.fixture
def fed(world: World) -> World:
    files = {name: {"file": f"data/{name}.csv"} for name in ("accounts", "contacts")}
    world.customer().project(sources={**files, "usage": {"collector": True}}, quiet_hours=None)
    world.playbook("greet", "- {id: one, email: one}", enter={"event": "invited"}, existing=None)
    world.playbook("other", "- {id: two, email: two}", enter={"event": "something else"}, existing=None)
    assert world.loaded.plans
    world.close()
    return world


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def serve(fed: World, said: list[str]) -> Iterator[Serves]:
    """Serves as `cs-engine serve` does, in this process; gives the address once the loop has begun."""
    with ExitStack() as stack:

        def start(turn: threading.Lock | None = None) -> str:
            settings = Settings(cs_engine_project=fed.root, cs_engine_write_keys=KEY)
            warm = Warm(settings, said.append, turn)
            found = stack.enter_context(house(settings, arrived=warm.wake))
            web = stack.enter_context(WebServer(found, listening("127.0.0.1", 0)))
            assert found.collects
            stack.enter_context(warm)
            return web.url

        yield start


def begun(world: World) -> None:
    """The first run of the playbooks is over."""
    with open_store(f"sqlite:///{world.root}/.cs-engine/state.db") as store:
        until(lambda: len(store.playbooks()) == 2 and store.last_tick() is not None)


def until(true: Callable[[], object]) -> None:
    """Waits for it. Nothing here runs but the loop, so what is done at all is done by it."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def track(url: str, *events: str, user: str = "ann") -> None:
    client = Client(KEY, url, upload_interval=0.05)
    for event in events:
        client.track(user, event, {"role": "operator"}, {"groupId": "acme"})
    client.flush()
    client.join()


def sent(world: World) -> list[str]:
    return sorted(mail.subject for mail in mails(world.root))


def test_an_event_brings_its_mail_within_seconds(fed: World, serve: Serves, said: list[str]) -> None:
    url = serve()
    begun(fed)
    track(url, "looked", "invited")
    until(lambda: sent(fed))
    until(lambda: said)
    assert sent(fed) == ["One for Acme"]
    assert re.search(r"events came: 1 playbooks, 1 moved, 1 messages sent", said[0])


def test_events_that_another_process_took_are_found_too(fed: World, serve: Serves) -> None:
    serve()
    begun(fed)
    with open_store(f"sqlite:///{fed.root}/.cs-engine/state.db") as store:
        store.collect([collected({"userId": "ann", "event": "invited"}, to_micros(SystemClock().now()), "track")])
    until(lambda: sent(fed))


def test_what_came_while_nobody_served_is_done_as_soon_as_somebody_does(fed: World, serve: Serves) -> None:
    fed.tick(SystemClock().now())
    fed.close()
    with open_store(f"sqlite:///{fed.root}/.cs-engine/state.db") as store:
        store.collect([collected({"userId": "ann", "event": "invited"}, to_micros(SystemClock().now()), "track")])
    serve()
    until(lambda: sent(fed))


def test_while_another_holds_the_tick_it_waits_and_then_does_it(fed: World, serve: Serves) -> None:
    url = serve()
    begun(fed)
    with open_store(f"sqlite:///{fed.root}/.cs-engine/state.db") as store:
        other = f"another-host:1:{time.time()}"
        until(lambda: taken(store, other))
        track(url, "invited")
        time.sleep(1.2)
        assert sent(fed) == []
        store.release_tick(other)
    until(lambda: sent(fed))


def taken(store: object, holder: str) -> bool:
    from cs_engine.errors import TickBusy
    from cs_engine.state import SqlStore

    assert isinstance(store, SqlStore)
    try:
        store.begin_tick(to_micros(SystemClock().now()), holder)
    except TickBusy:
        return False
    return True


def test_who_ticks_in_the_same_process_takes_turns_with_it(fed: World, serve: Callable[[threading.Lock], str]) -> None:
    turn = threading.Lock()
    url = serve(turn)
    begun(fed)
    with turn:
        track(url, "invited")
        time.sleep(0.8)
        assert sent(fed) == []
    until(lambda: sent(fed))


def test_a_playbook_that_is_written_meanwhile_is_followed_and_one_that_is_wrong_is_said_once(
    fed: World, serve: Serves, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_module, "_AFTER_FAILURE", 0.1)
    url = serve()
    begun(fed)
    team = fed.root / "playbooks/team.yaml"
    right = team.read_text()
    team.write_text("staff: [")
    track(url, "invited")
    until(lambda: said)
    time.sleep(0.5)
    assert len(said) == 1
    assert said[0].startswith("no tick for what has come")
    team.write_text(right)
    until(lambda: sent(fed))


@pytest.mark.e2e
def test_the_command_serves_and_starts_playbooks(fed: World, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", "from cs_engine.cli import main; main()", "serve", "--port", "0"]
    environment = {**os.environ, "CS_ENGINE_PROJECT": str(fed.root), "CS_ENGINE_WRITE_KEYS": KEY, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment, start_new_session=True)
    try:
        until(lambda: "Serving" in log.read_text())
        found = re.search(r"at (http://127\.0\.0\.1:\d+)", log.read_text())
        assert found is not None
        begun(fed)
        track(found[1], "invited")
        until(lambda: sent(fed))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()
