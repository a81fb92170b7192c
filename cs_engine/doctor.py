"""What is wrong with an installation, and how to mend it. Looks, and changes nothing but the database's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal, NamedTuple

from cs_engine import settings as settings_module
from cs_engine.errors import CsEngineError
from cs_engine.instants import from_micros
from cs_engine.language.problems import Level
from cs_engine.ports import Usage
from cs_engine.server_settings import SERVER_SETTINGS
from cs_engine.settings import EVENTS_PATH, Settings

if TYPE_CHECKING:
    from pydantic import SecretStr

    from cs_engine.playbook.project import Project

_SHORT = 16
"""Characters of a write key that could be guessed."""


class Finding(NamedTuple):
    what: str
    state: Literal["ok", "warning", "wrong"]
    message: str
    mend: str = ""


def examine() -> Iterator[Finding]:
    """All findings as they are made, the slowest last; each part is examined even when another is wrong."""
    try:
        settings = settings_module.load()
        root = settings.root
    except CsEngineError as error:
        yield Finding("project", "wrong", error.message, error.mend)
        return
    yield Finding("project", "ok", str(root))
    parts = (_playbooks, _database, _standing, _usage, _channels, _vendors, _breakers, _callers, _collector, _keys, _deployments, _prefect)
    said: set[str] = set()
    for part in parts:
        # A database that is away is the trouble of many parts, and said once.
        found = [finding for finding in _guarded(part, settings) if finding.state == "ok" or finding.message not in said]
        said |= {finding.message for finding in found}
        yield from found


def _guarded(part: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    name = part.__name__.strip("_")
    try:
        return list(part(settings))
    except CsEngineError as error:
        return [Finding(name, "wrong", error.message, error.mend)]
    except Exception as error:  # noqa: BLE001 - a doctor that falls over helps nobody
        return [Finding(name, "wrong", f"{type(error).__name__} while looking", "CS_ENGINE_DEBUG=1 cs-engine doctor")]


def _playbooks(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001 - all parts are called alike
    from cs_engine.run.desk.checks import STRANGER
    from cs_engine.wiring import check_project

    project, problems = check_project()
    errors = sum(p.level is Level.ERROR for p in problems)
    if errors:
        yield Finding("playbooks", "wrong", f"{errors} error(s) in playbooks and templates", "cs-engine check")
    else:
        yield Finding("playbooks", "ok", f"{len(project.plans)} playbooks, {len(problems)} warning(s)")
    for stranger in (p for p in problems if p.code == STRANGER):
        yield Finding("team", "warning", stranger.message, "cs-engine check names them; add them to playbooks/team.yaml")


def _database(settings: Settings) -> Iterator[Finding]:
    from cs_engine.wiring import open_store

    store = open_store(settings)
    try:
        facts = store.doctor_facts()
    finally:
        store.close()
    yield Finding("database", "ok", f"{facts.database}, schema {facts.schema}")
    for warning, mend in facts.warnings:
        yield Finding("database", "warning", warning, mend)


def _standing(settings: Settings) -> Iterator[Finding]:
    """Playbooks that stand still, or are not for all."""
    from cs_engine.playbook.plan import LIVE
    from cs_engine.run.desk.inventory import paused
    from cs_engine.wiring import load_project, standing_orders

    project, orders = load_project(settings), standing_orders(settings)
    for playbook in sorted({*project.plans, *project.broken}):
        plan = project.plans.get(playbook)
        if said := paused(orders, playbook):
            one = f" --account {accounts[0]}" if not orders.pause(playbook) and (accounts := orders.paused_accounts(playbook)) else ""
            yield Finding("playbooks", "warning", f"{playbook} is paused: {said}", f"cs-engine resume {playbook}{one}")
        if plan is not None and plan.mode != LIVE:
            order = orders.mode(playbook)
            since = f" since {from_micros(order.at):%Y-%m-%dT%H:%MZ}" if order is not None and order.value == plan.mode.kind else ""
            yield Finding("playbooks", "ok", f"{playbook} is in mode {plan.mode}{since}")


def _usage(settings: Settings) -> Iterator[Finding]:
    from cs_engine.wiring import load_project, open_store, open_usage

    project = load_project(settings)
    yield from _databases(settings, project)
    store = open_store(settings)
    try:
        yield from _of_usage(open_usage(settings, project, store))
    finally:
        store.close()


def _of_usage(usage: Usage) -> Iterator[Finding]:
    if not usage.synced():
        yield Finding("usage", "warning", "nothing has been read from the sources yet", "cs-engine sync")
    elif usage.stale():
        yield Finding("usage", "warning", "a source has changed since the last sync", "cs-engine sync (run does it by itself)")
    else:
        yield Finding("usage", "ok", "in step with the sources")
    if waiting := usage.waiting():
        mend = "they are taken in when accounts and contacts have them: docs/collector.md, Whose it is"
        yield Finding("usage", "warning", f"{waiting:,} collected events wait, because nobody knows their account yet", mend)


def _databases(settings: Settings, project: Project) -> Iterator[Finding]:
    """Whether databases that sources lie in answer, each by itself."""
    from cs_engine.sources.outside.landing import reaches

    sources = project.config.sources
    for name, spec in sources.databases.items():
        try:
            for said in reaches(name, spec, settings.root, [named for named in sources.all() if named.source.database == name]):
                yield Finding("sources", "ok", said)
        except CsEngineError as error:
            yield Finding("sources", "wrong", error.message, error.mend)


def _channels(settings: Settings) -> Iterator[Finding]:
    from cs_engine.wiring import channel_names, load_project, open_channels

    project = load_project(settings)
    email, slack, webhook = channel_names(settings, project)
    for channel in open_channels(settings, project, settings.root).values():
        channel.close()
    yield Finding("channels", "ok", f"e-mail by {email}, alerts by {slack}, webhooks by {webhook}")
    base = settings.cs_engine_base_url or ""
    if base and not base.startswith(("https://", "http://")):
        yield Finding("channels", "wrong", "CS_ENGINE_BASE_URL is no address, so links in mails lead nowhere", "write https:// before it")
    elif email != "mailbox" and not base.startswith("https://"):
        yield Finding(
            "channels",
            "warning",
            "mails have no one-click unsubscribe, which Gmail and Yahoo ask of who sends much: "
            f"CS_ENGINE_BASE_URL is {'no https:// address' if base else 'not set'}",
            "docs/consent.md, Links in mails",
        )


def _vendors(settings: Settings) -> Iterator[Finding]:
    """What vendors say of the keys that are set, be their channels in use or not. Who cannot be reached says nothing against a key."""
    from cs_engine.channels import asked
    from cs_engine.wiring import channel_names, load_project

    email, slack, _ = channel_names(settings, load_project(settings))
    used: list[tuple[bool, SecretStr, Callable[[str, str], asked.Said], str]] = []
    if settings.sendgrid_api_key is not None:
        used.append((email == "sendgrid", settings.sendgrid_api_key, asked.sendgrid, settings.sendgrid_base_url))
    if settings.slack_bot_token is not None:
        used.append((slack == "slack", settings.slack_bot_token, asked.slack, settings.slack_base_url))
    for in_use, key, ask, base_url in used:
        try:
            said = ask(key.get_secret_value(), base_url)
        except CsEngineError as error:
            said = asked.Said(False, error.message, error.mend)
        wrong: Literal["wrong", "warning"] = "wrong" if in_use and said.good is False else "warning"
        yield Finding("vendors", "ok" if said.good else wrong, said.message, said.mend)


def _breakers(settings: Settings) -> Iterator[Finding]:
    """Vendors that are given a rest, because they failed again and again."""
    from cs_engine.journey.breaker import State
    from cs_engine.run.delivery.breakers import told
    from cs_engine.wiring import open_store

    store = open_store(settings)
    try:
        failing = [breaker for breaker in store.breakers() if breaker.state is not State.CLOSED]
    finally:
        store.close()
    for breaker in failing:
        yield Finding("breakers", "warning", told(breaker), "mend what it says; one message tries it by itself, and the rest follows")


def _callers(settings: Settings) -> Iterator[Finding]:
    """Who calls us: SendGrid with what became of mails, Slack with what somebody pressed."""
    from cs_engine.wiring import channel_names, event_reader, load_project, open_store

    email, slack, _ = channel_names(settings, load_project(settings))
    if event_reader(settings) is None:
        if email == "sendgrid":
            yield Finding(
                "webhooks",
                "warning",
                "SENDGRID_WEBHOOK_PUBLIC_KEY is not set: bounces, complaints and unsubscribes at SendGrid are not heard of",
                "docs/operations.md, What SendGrid tells",
            )
    else:
        store = open_store(settings)
        try:
            last = store.last_event()
        finally:
            store.close()
        came = "nothing has come yet" if last is None else f"the last event came {from_micros(last):%Y-%m-%d %H:%M:%S}Z"
        where = f"{settings.cs_engine_base_url.rstrip('/')}{EVENTS_PATH}" if settings.cs_engine_base_url else f"{EVENTS_PATH} of this web"
        yield Finding("webhooks", "ok", f"SendGrid's events are taken at {where}; {came}")
    if slack == "slack" and settings.slack_signing_secret is None:
        yield Finding(
            "webhooks",
            "warning",
            "SLACK_SIGNING_SECRET is not set: buttons in Slack do nothing",
            "copy it from the app's Basic Information",
        )


def _collector(settings: Settings) -> Iterator[Finding]:
    """Who may send usage, and whether any came."""
    from cs_engine.wiring import load_project, open_store

    keys, source = settings.write_keys(), load_project(settings).config.sources.collected
    if not keys:
        if source is not None:
            mend = "make a key and set it where the web runs: docs/collector.md"
            yield Finding("collector", "warning", f"CS_ENGINE_WRITE_KEYS is not set: nothing comes for sources.{source}", mend)
        return
    if source is None:
        mend = "write `collector: yes` under sources.usage of playbooks/project.yaml"
        yield Finding("collector", "warning", "what is collected is kept and counts for nothing: no source of events asks for it", mend)
    if any(len(key) < _SHORT for key in keys):
        mend = "make one: python3 -c 'import secrets; print(secrets.token_urlsafe(24))'"
        yield Finding("collector", "warning", f"CS_ENGINE_WRITE_KEYS has a key of fewer than {_SHORT} characters", mend)
    store = open_store(settings)
    try:
        last = store.collected(store.collected_mark().last - 1, 1)
    finally:
        store.close()
    came = f"the last call came {from_micros(last[0].received_at):%Y-%m-%d %H:%M:%S}Z" if last else "nothing has come yet"
    yield Finding("collector", "ok", f"{len(keys)} write key(s): usage is taken at /v1/batch of this web; {came}")


def _keys(settings: Settings) -> Iterator[Finding]:
    settings.secret_keys()
    if settings.cs_engine_secret_keys is None:
        yield Finding(
            "keys",
            "warning",
            "CS_ENGINE_SECRET_KEYS is not set: suppressions hang on .cs-engine/secret.key alone",
            "keep that file safe, or set CS_ENGINE_SECRET_KEYS to its content",
        )
    else:
        yield Finding("keys", "ok", "CS_ENGINE_SECRET_KEYS is set")


def _deployments(settings: Settings) -> Iterator[Finding]:
    from cs_engine.deployments import FILE, TAKE, deployments_yaml
    from cs_engine.wiring import load_project

    file = settings.root / FILE
    if not file.is_file():
        yield Finding("deployments", "warning", f"there is no {FILE}: nothing runs on a schedule", "cs-engine deploy")
    elif file.read_text(encoding="utf-8") != deployments_yaml(load_project(settings)):
        yield Finding("deployments", "warning", f"{FILE} is out of step with the playbooks", f"cs-engine deploy, then {TAKE}")
    else:
        yield Finding("deployments", "ok", f"{FILE} is in step with the playbooks")


def _prefect(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001 - all parts are called alike
    try:
        fastapi = version("fastapi")
    except PackageNotFoundError:
        fastapi = "0"
    if tuple(int(part) for part in fastapi.split(".")[:2]) >= (0, 151):
        yield Finding("prefect", "wrong", f"fastapi {fastapi} breaks Prefect's server", "pip install 'fastapi>=0.139,<0.151'")
    from cs_engine.prefect_flows import named_server
    from cs_engine.prefect_server import answers, shown

    url = named_server()
    if not url:
        yield Finding("prefect", "ok", f"prefect {version('prefect')}; no PREFECT_API_URL, so each run starts a server of its own")
        return
    if answers(url):
        yield Finding("prefect", "ok", f"prefect {version('prefect')}; the server at {shown(url)} answers")
    else:
        mend = "prefect server start, or unset PREFECT_API_URL (prefect config unset PREFECT_API_URL)"
        yield Finding("prefect", "wrong", f"no server answers at PREFECT_API_URL={shown(url)}", mend)
    wanted = " ".join(f"{name}={value}" for name, value in SERVER_SETTINGS.items())
    yield Finding(
        "prefect",
        "warning",
        "that server is yours, and its settings cannot be seen from here: with others, flows that follow each other stall",
        f"{wanted} prefect server start",
    )
