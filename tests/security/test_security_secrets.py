"""No command ever prints a secret, whatever is wrong with it; nor do the pages, nor what Python says of the settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cs_engine.cli import main
from cs_engine.settings import load
from tests.e2e.prefect_house import environment
from tests.unit.cli.conftest import Call

SECRET = "kanarie9155"
SETTINGS = {
    "SENDGRID_API_KEY": f"SG.{SECRET}",
    "SLACK_BOT_TOKEN": f"xoxb-{SECRET}",
    "SENDGRID_BASE_URL": "http://127.0.0.1:9",
    "SLACK_BASE_URL": "http://127.0.0.1:9",
    "SLACK_SIGNING_SECRET": SECRET,
    "SMTP_URL": f"smtps://user:{SECRET}@127.0.0.1:1",
    "CS_ENGINE_SECRET_KEYS": f"{SECRET}-{'x' * 32}",
    "CS_ENGINE_WEBHOOK_SECRET": f"whsec_not-base64-{SECRET}",
}
COMMANDS = [
    ["doctor"],
    ["doctor", "--format", "json"],
    ["check"],
    ["list"],
    ["plan"],
    ["run", "--dry-run"],
    ["run", "--now", "2030-01-01T00:00:00Z", "--quiet"],
    ["preview", "welcome-all", "one", "--account", "canary-account"],
    ["why", "canary-account", "welcome-all"],
    ["suppress", "someone@customer.example"],
    ["schema"],
    ["sync"],
]
CHANNELS: list[dict[str, str]] = [
    {},
    {"CS_ENGINE_EMAIL": "smtp", "CS_ENGINE_SLACK": "slack", "CS_ENGINE_WEBHOOK": "https"},
    {"CS_ENGINE_EMAIL": "sendgrid", "SENDGRID_BASE_URL": "http://127.0.0.1:9"},
    {"CS_ENGINE_EMAIL": "smtp", "SMTP_URL": f"user:{SECRET}@no-url"},
    {"CS_ENGINE_EMAIL": "sendgrid", "SENDGRID_API_KEY": f"SG.{SECRET}\nX-Other: 1"},
    {"CS_ENGINE_DATABASE_URL": f"postgresql+psycopg://user:{SECRET}@127.0.0.1:9/none"},
    {"CS_ENGINE_DATABASE_URL": f"nonsense://user:{SECRET}@host"},
    {"CS_ENGINE_SECRET_KEYS": SECRET},
]


@pytest.mark.parametrize("channels", CHANNELS, ids=lambda given: ",".join(given) or "as it is")
def test_no_command_prints_a_secret(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch, channels: dict[str, str]) -> None:
    assert project == Path.cwd()
    for name, value in {**SETTINGS, **channels}.items():
        monkeypatch.setenv(name, value)
    for command in COMMANDS:
        if command[0] == "run" and "--dry-run" not in command:
            continue  # through Prefect: tests/e2e look for the canary in all that it keeps
        said = call(*command)
        assert SECRET not in said.out + said.err, command
        assert "Traceback" not in said.err, (command, said.err)


def test_a_password_in_the_address_of_prefects_server_is_not_printed(project: Path) -> None:
    """In a process of its own: Prefect remembers the settings that it was imported with."""
    done = subprocess.run(
        [sys.executable, "-c", "from cs_engine.cli import main; main()", "doctor"],
        cwd=project, env=environment(PREFECT_API_URL=f"http://user:{SECRET}@127.0.0.1:9/api"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "http://***@127.0.0.1:9/api" in done.stdout
    assert SECRET not in done.stdout + done.stderr


def test_settings_do_not_say_their_secrets(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project == Path.cwd()
    for name, value in {**SETTINGS, "CS_ENGINE_DATABASE_URL": f"postgresql+psycopg://user:{SECRET}@127.0.0.1/x"}.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert callable(main)


def test_what_pydantic_says_of_a_setting_does_not_quote_it(project: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project == Path.cwd()
    monkeypatch.setenv("CS_ENGINE_EMAIL", SECRET)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    said = call("doctor")
    assert f"SG.{SECRET}" not in said.out + said.err
    assert "Traceback" not in said.err
