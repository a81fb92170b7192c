"""What the web stands on, assembled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cs_engine import settings as settings_module
from cs_engine.channels.sendgrid_events import EventReader
from cs_engine.clock import Clock, SystemClock
from cs_engine.playbook.project import Project
from cs_engine.ports import Store
from cs_engine.run.context import Engine
from cs_engine.run.delivery.links import AnswerLinks, PreferenceLinks, StaffLinks
from cs_engine.settings import Settings
from cs_engine.signing import Signer
from cs_engine.wiring import (
    answer_links,
    edit_links,
    email_hasher,
    event_reader,
    load_project,
    open_store,
    preference_links,
    reader,
    review_links,
)

WAITS_FOR_A_WRITER = 5.0
"""Seconds that what a provider tells waits for the database: then the provider is asked to come again."""


@dataclass(frozen=True, slots=True)
class SlackKeys:
    """What talking with Slack takes."""

    signing_secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    base_url: str


@dataclass(frozen=True, slots=True)
class Events:
    """What hearing a mail provider takes: who reads its batches, and where they are kept."""

    reader: EventReader
    store: Store
    """Of its own: it waits for another writer only as long as the provider may."""


@dataclass(frozen=True, slots=True)
class Collecting:
    """What taking usage takes: who may send it, and where it is kept."""

    keys: tuple[bytes, ...] = field(repr=False)
    store: Store
    """Of its own, as that of `Events`."""
    arrived: Callable[[], None]
    """Called, from any thread, when something new was kept."""


@dataclass(frozen=True, slots=True)
class House:
    """The project as it was when the web started; what people are asked comes from the versions that they are inside."""

    project: Project
    store: Store
    links: AnswerLinks
    preferences: PreferenceLinks
    hashes: Callable[[str], list[str]]
    """The keyed hashes of an address, one a key, newest first."""
    clock: Clock
    engine: Engine
    """Reads facts and renders mails; it sends nothing."""
    reviews: StaffLinks
    """Those by which one of us reads a mail before it goes."""
    edits: StaffLinks
    """Those by which one of us writes an account's next mail differently."""
    drafts: Signer = field(repr=False)
    """Signs what the form of such a mail bears."""
    slack: SlackKeys | None = None
    """None where SLACK_SIGNING_SECRET is not set: nobody could tell who calls."""
    events: Events | None = None
    """None where SENDGRID_WEBHOOK_PUBLIC_KEY is not set."""
    collecting: Collecting | None = None
    """None where CS_ENGINE_WRITE_KEYS is not set: nobody could tell who sends."""
    pressed: Callable[[str], None] | None = None
    """Called, from any thread, when one of us has done something to what runs in a playbook; None where the next run sees to it."""

    @property
    def collects(self) -> bool:
        """Whether usage can come here, and counts."""
        return self.collecting is not None and self.project.config.sources.collected is not None

    @property
    def warm(self) -> bool:
        """Whether anything can come here that a tick should follow soon."""
        return self.collects or self.slack is not None

    def go_on(self, playbook: str) -> None:
        """One of us has done something to what runs in it: a tick follows soon, where one can."""
        if self.pressed is not None:
            self.pressed(playbook)

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
def _events(settings: Settings) -> Iterator[Events | None]:
    reader = event_reader(settings)
    if reader is None:
        yield None
        return
    store = open_store(settings, patience=WAITS_FOR_A_WRITER)
    try:
        yield Events(reader, store)
    finally:
        store.close()


@contextmanager
def _collecting(settings: Settings, arrived: Callable[[], None]) -> Iterator[Collecting | None]:
    keys = settings.write_keys()
    if not keys:
        yield None
        return
    store = open_store(settings, patience=WAITS_FOR_A_WRITER)
    try:
        yield Collecting(tuple(key.encode() for key in keys), store, arrived)
    finally:
        store.close()


def _nothing() -> None:
    """Nobody waits for what arrives."""


@contextmanager
def house(
    settings: Settings | None = None,
    clock: Clock | None = None,
    arrived: Callable[[], None] = _nothing,
    pressed: Callable[[str], None] | None = None,
) -> Iterator[House]:
    """The real one, on a store of its own. `arrived` is called, from any thread, when usage has come that was not there; `pressed` as
    House says.
    """
    settings, clock = settings or settings_module.load(), clock or SystemClock()
    project = load_project(settings)
    store = open_store(settings)
    try:
        links, preferences, hashes = answer_links(settings, clock), preference_links(settings, clock), email_hasher(settings)
        with _events(settings) as events, _collecting(settings, arrived) as collecting:
            engine = reader(settings, project, store, clock)
            reviews, (edits, drafts) = review_links(settings, clock), edit_links(settings, clock)
            yield House(
                project, store, links, preferences, hashes, clock, engine, reviews, edits, drafts, slack_keys(settings), events,
                collecting, pressed,
            )  # fmt: skip
    finally:
        store.close()
