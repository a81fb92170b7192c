"""Settings from the environment and `.env`: words that tools and people rely on."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cs_engine.errors import NotAProject, SettingsError

EVENTS_PATH = "/webhooks/sendgrid"
"""Where the web takes what SendGrid tells."""


class Settings(BaseSettings):
    """Each field is the environment variable of the same name in capitals; empty counts as unset."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

    cs_engine_project: Path = Field(Path(), description="The folder that holds playbooks/ and templates/.")
    cs_engine_database_url: str = Field(
        "sqlite:///.cs-engine/state.db",
        repr=False,
        description="SQLite (a relative path is below the project) or postgresql+psycopg://…",
    )
    cs_engine_email: Literal["mailbox", "sendgrid", "smtp"] | None = Field(None, description="Wins over project.yaml's channels.email.")
    cs_engine_slack: Literal["mailbox", "slack"] | None = Field(None, description="Wins over project.yaml's channels.slack.")
    cs_engine_webhook: Literal["mailbox", "https"] | None = Field(None, description="Wins over project.yaml's channels.webhook.")
    cs_engine_webhook_secret: SecretStr | None = Field(
        None, description="What webhooks are signed with, as whsec_ and base64, newest first, separated by commas."
    )
    sendgrid_api_key: SecretStr | None = Field(None, description="Needed by the channel sendgrid.")
    sendgrid_base_url: str = Field("https://api.sendgrid.com", description="https://api.eu.sendgrid.com for the EU region.")
    sendgrid_webhook_public_key: str | None = Field(None, description="Verifies SendGrid's event webhook; several, separated by commas.")
    slack_bot_token: SecretStr | None = Field(None, description="Needed by the channel slack.")
    slack_base_url: str = Field("https://slack.com/api/", description="Slack's Web API.")
    slack_signing_secret: SecretStr | None = Field(None, description="Verifies requests from Slack.")
    smtp_url: SecretStr | None = Field(None, description="Needed by the channel smtp: smtp://user:password@host:587?starttls=yes")
    cs_engine_write_keys: SecretStr | None = Field(
        None, description="Who may send usage to the collector: keys of your own making, separated by commas."
    )
    cs_engine_base_url: str | None = Field(None, description="Where customers reach `cs-engine serve`.")
    cs_engine_secret_keys: SecretStr | None = Field(
        None,
        description="Keys for hashes and signed links, newest first, separated by commas; made once below .cs-engine/ when unset.",
    )

    @cached_property
    def root(self) -> Path:
        """The project's folder, absolute. Raises NotAProject when it is none."""
        root = self.cs_engine_project.expanduser().resolve()
        if not (root / "playbooks" / "project.yaml").is_file():
            raise NotAProject(
                f"{root} is no cs-engine project: it has no playbooks/project.yaml",
                "go to a project's folder, set CS_ENGINE_PROJECT to one, or make one: cs-engine init DIR",
            )
        return root

    @property
    def work_folder(self) -> Path:
        """Where the engine keeps what it makes: state, usage, mailbox.

        Made when it is not there, for this user alone: it holds addresses.
        """
        folder = self.root / ".cs-engine"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    @property
    def database_url(self) -> str:
        """As set, with a relative SQLite path made absolute below the project."""
        url, prefix = self.cs_engine_database_url, "sqlite:///"
        if not url.startswith(prefix) or url == prefix or url.startswith("sqlite:////") or ":memory:" in url:
            return url
        return f"{prefix}{self.work_folder.parent / url.removeprefix(prefix)}"

    def secret_keys(self) -> list[str]:
        """Keys, newest first. Without CS_ENGINE_SECRET_KEYS one is made below .cs-engine/ and kept."""
        if self.cs_engine_secret_keys is not None:
            keys = [key.strip() for key in self.cs_engine_secret_keys.get_secret_value().split(",") if key.strip()]
            if not keys or any(len(key) < 16 for key in keys):
                raise SettingsError(
                    "CS_ENGINE_SECRET_KEYS has a key of fewer than 16 characters",
                    "make one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
                )
            return keys
        return [_kept_key(self.work_folder / "secret.key")]

    def write_keys(self) -> list[str]:
        """Keys by which the collector knows who sends; none where it is off."""
        given = self.cs_engine_write_keys
        return [key.strip() for key in given.get_secret_value().split(",") if key.strip()] if given is not None else []


def load() -> Settings:
    """Reads the environment and `.env`. Raises SettingsError naming each wrong variable, never its value."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False, include_url=False))
        raise SettingsError(
            f"wrong setting: {wrong}", "mend it in the environment or in .env; `cs-engine doctor` lists them all"
        ) from error


def variable(name: str) -> str | None:
    """What the environment, else `.env`, says of a variable that project.yaml names; None where neither does. It may be a secret."""
    import os

    from dotenv import dotenv_values

    return os.environ.get(name) or dotenv_values(".env").get(name) or None


def _kept_key(file: Path) -> str:
    import secrets

    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        # Written beside and linked into place, so that of two first runs one key wins and none is half written.
        draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(32))
        try:
            file.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return file.read_text().strip()
