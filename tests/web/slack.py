"""What people do in Slack, as Slack tells it: calls that are signed, buttons that are pressed, forms that are sent."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from cs_engine.clock import SystemClock
from tests.doubles.slack import SlackDouble
from tests.stories.world import Ticked
from tests.web.browser import Browser, Page

SECRET = "a-signing-secret"


def call(browser: Browser, payload: Mapping[str, Any], *, secret: str = SECRET, age: float = 0, body: bytes | None = None) -> Page:
    """As Slack calls: a form whose one field is JSON, signed with the time. `body`: what arrives instead of what was signed."""
    raw = urlencode({"payload": json.dumps(payload)}).encode()
    stamp = str(int(SystemClock().now().timestamp() - age))
    signature = "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + raw, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return browser.send("/slack/interactivity", body or raw, headers)


def button(ticked: Ticked) -> dict[str, Any]:
    """The one button of the alert that was posted."""
    (post,) = [json.loads(file.path.read_text()) for file in ticked.files if file.path.suffix == ".json"]
    (element,) = [e for block in post["blocks"] if block["type"] == "actions" for e in block["elements"]]
    assert isinstance(element, dict)
    return element


def buttons(ticked: Ticked) -> dict[str, dict[str, Any]]:
    """Its buttons, by action."""
    (post,) = [json.loads(file.path.read_text()) for file in ticked.files if file.path.suffix == ".json"]
    return {e["action_id"]: e for block in post["blocks"] if block["type"] == "actions" for e in block["elements"]}


def press(browser: Browser, element: Mapping[str, Any], **more: Any) -> Page:
    """Alex presses it."""
    action = {"action_id": element["action_id"], "value": element["value"]}
    return call(browser, {"type": "block_actions", "trigger_id": "T1", "user": {"id": "U-ALEX"}, "actions": [action]}, **more)


def opened(slack: SlackDouble) -> dict[str, Any]:
    """The form that was opened for it."""
    deadline = time.monotonic() + 10
    while not slack.views and time.monotonic() < deadline:
        time.sleep(0.02)
    assert slack.problems == []
    (view,) = [said["view"] for said in slack.views]
    assert isinstance(view, dict)
    return view


def sent(browser: Browser, view: Mapping[str, Any], user: str = "U-ALEX", **values: Any) -> Page:
    """The form, sent with these values by field."""
    state = {field: {"value": value} for field, value in values.items()}
    shown = {"id": "V1", "callback_id": view["callback_id"], "private_metadata": view["private_metadata"], "state": {"values": state}}
    return call(browser, {"type": "view_submission", "user": {"id": user}, "view": shown})


def option(value: str) -> dict[str, Any]:
    """What a choice in a form says."""
    return {"type": "static_select", "selected_option": {"value": value}}
