"""What one of us presses in Slack is carried out within seconds: through the real web and its loop, into the mailbox, by the real clock."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from cs_engine.channels.mailbox import mails
from cs_engine.clock import SystemClock
from cs_engine.settings import Settings
from cs_engine.state import open_store
from cs_engine.web.house import house
from cs_engine.web.server import WebServer, listening
from cs_engine.web.warm import Warm
from tests.stories.world import Ticked, World
from tests.web.browser import Browser
from tests.web.slack import SECRET, buttons, call, option, press, sent

STEPS = "- {id: ring, cta: call}\n- {id: rest, wait: 9 days}\n- {id: two, email: two}"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def serve(world: World, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Browser]]:
    """Serves the world's project as `cs-engine serve` does, in this process."""
    monkeypatch.setenv("SLACK_SIGNING_SECRET", SECRET)
    world.customer().project(quiet_hours=None)
    with ExitStack() as stack:

        def start() -> Browser:
            world.close()
            settings = Settings(cs_engine_project=world.root, slack_signing_secret=SECRET)
            warm = Warm(settings, said.append, threading.Lock())
            found = stack.enter_context(house(settings, pressed=warm.press))
            assert found.warm
            assert not found.collects
            web = stack.enter_context(WebServer(found, listening("127.0.0.1", 0)))
            stack.enter_context(warm)
            return Browser(web.url)

        yield start


def now(world: World) -> Ticked:
    return world.tick(SystemClock().now())


def posts(world: World) -> list[dict[str, Any]]:
    """What was posted to Slack, in order."""
    return [json.loads(file.read_text()) for file in sorted((world.root / ".cs-engine/mailbox").rglob("*.json"))]


def subjects(world: World) -> list[str]:
    """Of the mails that went."""
    return [mail.subject for mail in mails(world.root) if mail.kind == "email"]


def until(true: Callable[[], object]) -> None:
    """Waits for it. Nothing here runs but the loop, so what is done at all is done by it."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def done_pressed(browser: Browser, ticked: Ticked) -> None:
    (post,) = [json.loads(file.path.read_text()) for file in ticked.files if file.path.suffix == ".json"]
    block = next(b for b in post["blocks"] if b["type"] == "actions" and any(e["action_id"] == "cs_done" for e in b["elements"]))
    action = {"action_id": "cs_done", "block_id": block["block_id"], "type": "button"}
    assert call(browser, {"type": "block_actions", "trigger_id": "T1", "user": {"id": "U-ALEX"}, "actions": [action]}).status == 200


def test_an_alert_that_is_done_says_so_within_seconds(world: World, serve: Callable[[], Browser]) -> None:
    alerted = now(world.playbook("hello", STEPS))
    before = len(posts(world))
    done_pressed(serve(), alerted)
    until(lambda: len(posts(world)) == before + 2)  # the alert itself, and a line in its thread
    assert "Done by Alex Csm" in json.dumps(posts(world), ensure_ascii=False)


def test_a_mail_goes_within_seconds_of_its_yes_even_where_its_playbook_runs_at_hours_of_its_own(
    world: World, serve: Callable[[], Browser], said: list[str]
) -> None:
    asked = now(world.playbook("p", "- {id: hi, email: one, approve: csm}\n- {id: then, email: two}", schedule="0 9 1 1 *"))
    assert press(serve(), buttons(asked)["cs_approve"]).status == 200
    until(lambda: subjects(world))
    until(lambda: said)
    assert said[0].endswith("a button was pressed: 1 playbooks, 0 moved, 1 messages sent")
    assert subjects(world) == ["One for Acme"], "the next step waits for the playbook's own hour"


@pytest.mark.parametrize("another", [False, True])
def test_a_wait_that_is_skipped_ends_within_seconds_once_nobody_else_holds_the_tick(
    world: World, serve: Callable[[], Browser], another: bool
) -> None:
    world.playbook("hello", STEPS)
    shown = buttons(now(world))
    browser = serve()
    view = {"callback_id": "cs_order", "private_metadata": json.dumps({"message": shown["cs_skip"]["value"], "kind": "skip", "until": 0})}
    with open_store(f"sqlite:///{world.root}/.cs-engine/state.db") as store:
        holder = f"another-host:1:{time.time()}"
        if another:
            store.begin_tick(store.last_tick() or 0, holder)
        sent(browser, view, step=option("rest"), reason={"value": "they are ready"})
        if another:
            time.sleep(1.2)
            assert subjects(world) == []
            store.release_tick(holder)
    until(lambda: subjects(world))
    assert subjects(world) == ["Two for Acme"]
