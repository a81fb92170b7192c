"""Settings -> assembled engine. The only place that names adapters."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from cs_engine import settings as settings_module
from cs_engine.clock import Clock, FixedClock, OffsetClock, SystemClock
from cs_engine.errors import ProblemsFound, SettingsError, SyncStopped
from cs_engine.instants import from_micros, to_micros
from cs_engine.language.problems import Level, Problem
from cs_engine.playbook.plan import Email, Notice
from cs_engine.playbook.project import Project
from cs_engine.settings import Settings
from cs_engine.usage.attributes import Attributes

if TYPE_CHECKING:
    from cs_engine.channels.sendgrid_events import EventReader
    from cs_engine.journey.orders import Orders
    from cs_engine.ports import Channel, Feed, Parcel, SourceReport, Usage
    from cs_engine.run.context import Engine
    from cs_engine.run.delivery.links import AnswerLinks, PreferenceLinks, StaffLinks
    from cs_engine.signing import Signer
    from cs_engine.state.store import SqlStore


def load_project(settings: Settings | None = None) -> Project:
    """The project with its plans and problems. Raises NotAProject."""
    return _load(settings or settings_module.load())[0]


def _load(settings: Settings) -> tuple[Project, Attributes]:
    """The project, and the columns that it was compiled for."""
    from cs_engine.playbook import load

    columns = _attributes(settings.root)
    project = load.load(settings.root, columns)
    assert columns is not None, "without columns there are problems, and load raises"
    return project, columns


def _attributes(root: Path) -> Attributes | None:
    """The columns of the sources; None where project.yaml is wrong and they cannot be told: its other problems come first."""
    from cs_engine.playbook import load
    from cs_engine.sources.describe import describe

    readable = load.load_sources(root)
    if readable is None:
        return None
    try:
        return describe(root, readable)
    except SyncStopped:
        try:
            load.load_config(root)
        except ProblemsFound:
            return None
        raise


def check_project() -> tuple[Project, list[Problem]]:
    """The project and every problem of its playbooks and templates, sorted by place."""
    from cs_engine.run.desk.checks import language_problems, law_problems, team_problems, template_problems, zone_problems
    from cs_engine.sources.describe import locales

    settings = settings_module.load()
    project = load_project(settings)
    # By the languages of the people last synced `check` knows which translations are needed; before that by the project's own.
    spoken = sorted({project.config.locale, *locales(project.root, project.config)})
    lawful = law_problems(project, has_pages=bool(settings.cs_engine_base_url))
    of_people = [*team_problems(project), *zone_problems(project), *language_problems(project, spoken)]
    problems = {*project.problems, *template_problems(project, spoken), *lawful, *of_people}
    return project, sorted(problems, key=lambda p: (p.level is not Level.ERROR, p.place, p.code))


def email_hasher(settings: Settings) -> Callable[[str], list[str]]:
    """Keyed hashes of a normalised address, one a key, newest first. Suppressions are held by them alone."""
    keys = [key.encode() for key in settings.secret_keys()]

    def hashes(address: str) -> list[str]:
        normal = address.strip().lower().encode()
        return [hmac.digest(key, normal, "sha256").hex() for key in keys]

    return hashes


@dataclass(frozen=True, slots=True)
class Registry:
    """What it takes to show or erase a person."""

    project: Project
    store: SqlStore
    usage: Usage
    hashes: Callable[[str], list[str]]
    mailbox: Path


@contextmanager
def registry(settings: Settings) -> Iterator[Registry]:
    """Opened without any channel: it sends nothing."""
    from cs_engine.channels.mailbox import mailbox_folder

    project, store = load_project(settings), open_store(settings)
    try:
        yield Registry(project, store, open_usage(settings, project, store), email_hasher(settings), mailbox_folder(settings.root))
    finally:
        store.close()


def erase_at_vendor(settings: Settings, project: Project, addresses: Sequence[str]) -> str | None:
    """Asks SendGrid to erase what it has of these addresses; the job's id. None where mail goes another way. Raises CsEngineError."""
    if not addresses or channel_names(settings, project).email != "sendgrid":
        return None
    from cs_engine.channels.sendgrid_erasure import ask

    return ask(_secret(settings.sendgrid_api_key, "SENDGRID_API_KEY", "sendgrid"), settings.sendgrid_base_url, addresses)


def open_usage(settings: Settings, project: Project, feed: Feed) -> Usage:
    """The usage store below .cs-engine/usage/. `feed`: the store, where what is collected lies."""
    from cs_engine.sources.duckdb_usage import DuckdbUsage

    hashes = email_hasher(settings)
    return DuckdbUsage(settings.root, project.config, project.catalogue, lambda a: hashes(a)[0], lambda a: hashes(a)[1:], feed=feed)


def open_store(settings: Settings, url: str | None = None, patience: float | None = None) -> SqlStore:
    """Our tables, migrated. `patience`: seconds that a writer waits for another one on SQLite."""
    from cs_engine.state.database import BUSY_SECONDS
    from cs_engine.state.store import open_store as open_sql

    store = open_sql(url or settings.database_url, patience=BUSY_SECONDS if patience is None else patience)
    store.migrate()
    return store


def standing_orders(settings: Settings | None = None) -> Orders:
    """What stands about playbooks now: who is paused, since when they are in their mode. Of a database that is not there yet: nothing."""
    from cs_engine.journey.orders import Orders

    with _kept(settings) as store:
        return Orders(store.orders(to_micros(SystemClock().now()))) if store is not None else Orders()


def last_tick(settings: Settings | None = None) -> datetime | None:
    """Before which no tick can be any more; None when there was none."""
    with _kept(settings) as store:
        last = store.last_tick() if store is not None else None
    return None if last is None else from_micros(last)


@contextmanager
def _kept(settings: Settings | None) -> Iterator[SqlStore | None]:
    """The store, for a look; None, and nothing is made, where there is no database yet."""
    settings = settings or settings_module.load()
    url = settings.database_url
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield None
        return
    store = open_store(settings, url)
    try:
        yield store
    finally:
        store.close()


@dataclass(slots=True)
class Assembled:
    """An engine and what surrounds it."""

    engine: Engine
    settings: Settings
    columns: Attributes
    """What the sources had when the project was read."""

    @property
    def project(self) -> Project:
        return self.engine.project

    @property
    def usage(self) -> Usage:
        return self.engine.usage

    @property
    def broken(self) -> list[str]:
        """Playbooks that have errors: nobody enters them, those inside go on."""
        return sorted(self.project.broken)

    def refresh(self, on_progress: Callable[[str], None] | None = None) -> list[SourceReport]:
        """Syncs when the sources have changed since the last sync, or were never read.

        Where the columns, or their types, are others than before, the project is read again: its conditions were compiled for the old.
        """
        from cs_engine.run.sync import refresh

        moves = self.usage.stale() or self.usage.behind()
        reports = refresh(self.engine, on_progress)
        if moves and (now := _attributes(self.settings.root)) is not None and not now.alike(self.columns):
            project, self.columns = _load(self.settings)
            self.engine = replace(self.engine, project=project, usage=open_usage(self.settings, project, self.engine.store))
        return reports


@contextmanager
def assemble(settings: Settings | None = None) -> Iterator[Assembled]:
    """The engine that runs: its store, channels and clocks are the real ones."""
    settings = settings or settings_module.load()
    project, columns = _load(settings)
    with _engine(settings, project, open_store(settings), settings.root, OffsetClock, None) as engine:
        yield Assembled(engine, settings, columns)


@contextmanager
def scratch(settings: Settings | None = None) -> Iterator[Assembled]:
    """The same engine on a copy of the state and a mailbox that vanishes: it decides and renders all, and changes nothing."""
    from cs_engine.state.store import copy_store

    settings = settings or settings_module.load()
    project, columns = _load(settings)
    with TemporaryDirectory(prefix="cs-engine-") as folder:
        store = open_store(settings, f"sqlite:///{folder}/state.db")
        copy_store(settings.database_url, store)
        with _engine(settings, project, store, Path(folder), FixedClock, "mailbox") as engine:
            yield Assembled(engine, settings, columns)


@contextmanager
def _engine(
    settings: Settings, project: Project, store: SqlStore, mail_root: Path, clock: Callable[[datetime], Clock], channel: str | None
) -> Iterator[Engine]:
    from cs_engine.run.context import Engine
    from cs_engine.run.delivery.outbox import Outbox

    require_base_url(settings, project, channel)
    channels = open_channels(settings, project, mail_root, channel)
    builders: dict[str, Callable[[Any], Parcel]] = {name: c.build for name, c in channels.items()}
    openers = {"email": _email(channel or channel_names(settings, project).email, settings, mail_root)}
    outbox = Outbox(project.root, project.config.locale, channels, builders, openers=openers)
    try:
        yield Engine(
            project=project,
            store=store,
            usage=open_usage(settings, project, store),
            outbox=outbox,
            holder=_holder(),
            delivery_clock=clock,
            wall=SystemClock(),
            links=answer_links(settings),
            preferences=_foot_links(settings),
            steered=settings.slack_signing_secret is not None,
            browsed=bool(settings.cs_engine_base_url),
            hashes=email_hasher(settings),
        )
    finally:
        outbox.close()
        store.close()


def reader(settings: Settings, project: Project, store: SqlStore, wall: Clock) -> Engine:
    """An engine on that store that shows what would be sent, and has no way to send it."""
    from cs_engine.run.context import Engine
    from cs_engine.run.delivery.outbox import Outbox

    outbox = Outbox(project.root, project.config.locale, {}, {}, processes=1)
    usage, links, steered = open_usage(settings, project, store), answer_links(settings, wall), settings.slack_signing_secret is not None
    return Engine(
        project, store, usage, outbox, _holder(), FixedClock, wall, links, _foot_links(settings), steered=steered,
        browsed=bool(settings.cs_engine_base_url),
    )  # fmt: skip


HOST, PORT = "127.0.0.1", 8321
"""Where `cs-engine serve` listens unless it is told otherwise."""


def answer_links(settings: Settings, clock: Clock | None = None) -> AnswerLinks:
    """Makes and reads the links of mails that ask."""
    from cs_engine.run.delivery.links import PURPOSE, AnswerLinks
    from cs_engine.signing import Signer

    return AnswerLinks(_reached_at(settings), Signer(settings.secret_keys(), PURPOSE), clock or SystemClock())


def _foot_links(settings: Settings) -> PreferenceLinks | None:
    """Those in the feet of mails; None where nobody knows where they would lead."""
    return preference_links(settings) if settings.cs_engine_base_url else None


def preference_links(settings: Settings, clock: Clock | None = None) -> PreferenceLinks:
    """Makes and reads the links to unsubscribe and to choose."""
    from cs_engine.run.delivery.links import PREFERENCES, PreferenceLinks
    from cs_engine.signing import Signer

    return PreferenceLinks(_reached_at(settings), Signer(settings.secret_keys(), PREFERENCES), clock or SystemClock())


def review_links(settings: Settings, clock: Clock | None = None) -> StaffLinks:
    """Makes and reads the links by which our own people read a mail before it goes."""
    from cs_engine.run.delivery.links import REVIEWS, StaffLinks
    from cs_engine.signing import Signer

    return StaffLinks(_reached_at(settings), "r", Signer(settings.secret_keys(), REVIEWS), clock or SystemClock())


def edit_links(settings: Settings, clock: Clock | None = None) -> tuple[StaffLinks, Signer]:
    """Makes and reads the links by which our own people write an account's next mail differently; and signs what their form bears."""
    from cs_engine.run.delivery.links import DRAFTS, EDITS, StaffLinks
    from cs_engine.signing import Signer

    keys = settings.secret_keys()
    return StaffLinks(_reached_at(settings), "e", Signer(keys, EDITS), clock or SystemClock()), Signer(keys, DRAFTS)


def _reached_at(settings: Settings) -> str:
    """Where our pages are, without a slash at its end."""
    return (settings.cs_engine_base_url or f"http://{HOST}:{PORT}").rstrip("/")


def require_base_url(settings: Settings, project: Project, forced: str | None = None) -> None:
    """Raises SettingsError when mails that ask would leave the machine with links that lead nowhere."""
    email = channel_names(settings, project).email
    if settings.cs_engine_base_url or (forced or email) == "mailbox":
        return
    asking = next(
        (plan.playbook for plan in project.plans.values() for step in plan.steps if isinstance(step, Email | Notice) and step.ask), None
    )
    if asking is not None:
        raise SettingsError(
            f"{asking} asks questions by mail, and nobody knows where their links lead",
            "set CS_ENGINE_BASE_URL to where customers reach `cs-engine serve`, as https://cs.example.com",
        )


def event_reader(settings: Settings) -> EventReader | None:
    """Reads what SendGrid tells of mails; None without SENDGRID_WEBHOOK_PUBLIC_KEY. Raises SettingsError when that is no such key."""
    if settings.sendgrid_webhook_public_key is None:
        return None
    from cs_engine.channels.sendgrid_events import EventReader

    return EventReader(settings.sendgrid_webhook_public_key, email_hasher(settings))


class ChannelNames(NamedTuple):
    """The way out of each kind of message."""

    email: str
    slack: str
    webhook: str


def channel_names(settings: Settings, project: Project) -> ChannelNames:
    """The channels in use: the environment wins over project.yaml."""
    config = project.config.channels
    return ChannelNames(
        settings.cs_engine_email or config.email, settings.cs_engine_slack or config.slack, settings.cs_engine_webhook or config.webhook
    )


def open_channels(settings: Settings, project: Project, mail_root: Path, forced: str | None = None) -> dict[str, Channel[Any]]:
    """All ways out. Raises SettingsError when one lacks what it needs."""
    email, slack, webhook = channel_names(settings, project)
    if (forced or email) != "mailbox":
        from cs_engine.channels.addressing import require_lawful

        require_lawful(project.config.company.postal_address, project.config.unsubscribe or settings.cs_engine_base_url)
    return {
        "email": _email(forced or email, settings, mail_root)(1),
        "slack": _slack(forced or slack, settings, project, mail_root),
        "webhook": _webhook(forced or webhook, settings, project, mail_root),
    }


def _email(name: str, settings: Settings, mail_root: Path) -> Callable[[int], Channel[Any]]:
    """What opens the way out of mail, here or in another process, told how many share it."""
    from cs_engine.channels import mailing

    if name == "mailbox":
        return partial(mailing.mailbox, mail_root)
    if name == "smtp":
        return partial(mailing.smtp, _secret(settings.smtp_url, "SMTP_URL", "smtp"))
    return partial(mailing.sendgrid, _secret(settings.sendgrid_api_key, "SENDGRID_API_KEY", "sendgrid"), settings.sendgrid_base_url)


def _slack(name: str, settings: Settings, project: Project, mail_root: Path) -> Channel[Any]:
    if name == "mailbox":
        from cs_engine.channels.mailbox import MailboxSlack

        return MailboxSlack(mail_root)
    from cs_engine.channels.slack import SlackChannel

    # Where alerts go, so that one whose fate is unknown can be looked for.
    places = [project.config.slack.channel, *(person.slack for person in project.team.staff if person.slack)]
    return SlackChannel(_secret(settings.slack_bot_token, "SLACK_BOT_TOKEN", "slack"), settings.slack_base_url, look_in=places)


def _webhook(name: str, settings: Settings, project: Project, mail_root: Path) -> Channel[Any]:
    if name == "mailbox":
        from cs_engine.channels.mailbox import MailboxWebhook

        return MailboxWebhook(mail_root)
    from cs_engine.channels.webhook import WebhookChannel

    return WebhookChannel(webhook_keys(settings), allow=project.config.webhooks.allow)


def webhook_keys(settings: Settings) -> list[bytes]:
    """What webhooks are signed with, newest first: CS_ENGINE_WEBHOOK_SECRET, else made of the secret keys. Raises SettingsError."""
    from cs_engine.channels.webhook import derived_key, read_keys

    if settings.cs_engine_webhook_secret is not None:
        return read_keys(settings.cs_engine_webhook_secret.get_secret_value())
    return [derived_key(key) for key in settings.secret_keys()]


def _secret(value: Any, name: str, channel: str) -> str:
    if value is None:
        raise SettingsError(f"the channel {channel} needs {name}", f"set {name} in the environment or in .env, or use the mailbox")
    return str(value.get_secret_value())


def _holder() -> str:
    """host:pid:starttime of this process: who holds the tick, and the messages on their way."""
    from cs_engine.state.holder import this_process

    return this_process()
