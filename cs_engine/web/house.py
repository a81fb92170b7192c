"""What the web stands on, assembled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cs_engine import settings as settings_module
from cs_engine.clock import Clock, SystemClock
from cs_engine.playbook.project import Project
from cs_engine.ports import Store
from cs_engine.run.links import AnswerLinks
from cs_engine.settings import Settings
from cs_engine.wiring import answer_links, load_project, open_store


@dataclass(frozen=True, slots=True)
class SlackKeys:
    """What talking with Slack takes."""

    signing_secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    base_url: str


@dataclass(frozen=True, slots=True)
class House:
    """The project as it was when the web started; what people are asked comes from the versions that they are inside."""

    project: Project
    store: Store
    links: AnswerLinks
    clock: Clock
    slack: SlackKeys | None = None
    """None where SLACK_SIGNING_SECRET is not set: nobody could tell who calls."""

    @property
    def wall(self) -> Clock:
        """Real time."""
        return self.clock


def slack_keys(settings: Settings) -> SlackKeys | None:
    """The keys that the settings name."""
    secret, token = settings.slack_signing_secret, settings.slack_bot_token
    if secret is None:
        return None
    return SlackKeys(secret.get_secret_value(), token.get_secret_value() if token else "", settings.slack_base_url)


@contextmanager
def house(settings: Settings | None = None, clock: Clock | None = None) -> Iterator[House]:
    """The real one, on a store of its own."""
    settings, clock = settings or settings_module.load(), clock or SystemClock()
    project = load_project(settings)
    store = open_store(settings)
    try:
        yield House(project, store, answer_links(settings, clock), clock, slack_keys(settings))
    finally:
        store.close()
