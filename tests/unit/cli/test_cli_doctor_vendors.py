"""`doctor` tells what vendors say of the keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.doubles.loopback import dead_port
from tests.doubles.sendgrid import SendgridDouble
from tests.doubles.slack import TOKEN
from tests.unit.cli.conftest import Call


def test_the_doctor_tells_of_each_key_and_is_whole_without_a_network(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project == Path.cwd()
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.other")
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("SLACK_BASE_URL", f"http://127.0.0.1:{dead_port()}/api/")
    with SendgridDouble() as double:
        monkeypatch.setenv("SENDGRID_BASE_URL", double.base_url)
        said = call("doctor", "--format", "json")
    found = json.loads(said.out)
    # Both channels are the mailbox here: a key that is not good does no harm yet.
    assert [finding["state"] for finding in found if finding["what"] == "vendors"] == ["warning", "warning"]
    assert all(finding["mend"] for finding in found if finding["what"] == "vendors")
    assert (said.code, found[-1]["what"]) == (0, "prefect")
