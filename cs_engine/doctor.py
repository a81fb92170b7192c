"""What is wrong with an installation, and how to mend it. Looks, and changes nothing but the database's schema."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, NamedTuple

from cs_engine import settings as settings_module
from cs_engine.errors import CsEngineError
from cs_engine.language.problems import Level
from cs_engine.settings import Settings


class Finding(NamedTuple):
    what: str
    state: Literal["ok", "warning", "wrong"]
    message: str
    mend: str = ""


def examine() -> list[Finding]:
    """All findings, each part examined even when another is wrong."""
    try:
        settings = settings_module.load()
        root = settings.root
    except CsEngineError as error:
        return [Finding("project", "wrong", error.message, error.mend)]
    findings = [Finding("project", "ok", str(root))]
    for part in (_playbooks, _database, _usage, _channels, _keys, _prefect):
        findings += _guarded(part, settings)
    return findings


def _guarded(part: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    name = part.__name__.strip("_")
    try:
        return list(part(settings))
    except CsEngineError as error:
        return [Finding(name, "wrong", error.message, error.mend)]
    except Exception as error:  # noqa: BLE001 - a doctor that falls over helps nobody
        return [Finding(name, "wrong", f"{type(error).__name__} while looking", "CS_ENGINE_DEBUG=1 cs-engine doctor")]


def _playbooks(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001 - all parts are called alike
    from cs_engine.wiring import check_project

    project, problems = check_project()
    errors = sum(p.level is Level.ERROR for p in problems)
    if errors:
        yield Finding("playbooks", "wrong", f"{errors} error(s) in playbooks and templates", "cs-engine check")
    else:
        yield Finding("playbooks", "ok", f"{len(project.plans)} playbooks, {len(problems)} warning(s)")


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


def _usage(settings: Settings) -> Iterator[Finding]:
    from cs_engine.wiring import load_project, open_usage

    usage = open_usage(settings, load_project(settings))
    if not usage.synced():
        yield Finding("usage", "warning", "nothing has been read from the sources yet", "cs-engine sync")
    elif usage.stale():
        yield Finding("usage", "warning", "a source has changed since the last sync", "cs-engine sync (run does it by itself)")
    else:
        yield Finding("usage", "ok", "in step with the sources")


def _channels(settings: Settings) -> Iterator[Finding]:
    from cs_engine.wiring import channel_names, load_project, open_channels

    project = load_project(settings)
    email, slack = channel_names(settings, project)
    for channel in open_channels(settings, project, settings.root).values():
        channel.close()
    yield Finding("channels", "ok", f"e-mail by {email}, alerts by {slack}")


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


def _prefect(settings: Settings) -> Iterator[Finding]:  # noqa: ARG001 - all parts are called alike
    yield Finding("prefect", "ok", f"prefect {version('prefect')}")
    try:
        fastapi = version("fastapi")
    except PackageNotFoundError:
        fastapi = "0"
    if tuple(int(part) for part in fastapi.split(".")[:2]) >= (0, 151):
        yield Finding("prefect", "wrong", f"fastapi {fastapi} breaks Prefect's server", "pip install 'fastapi<0.151'")
    url = os.environ.get("PREFECT_API_URL")
    if url:
        from cs_engine.server_settings import SERVER_SETTINGS

        wanted = " ".join(f"{name}={value}" for name, value in SERVER_SETTINGS.items())
        yield Finding("prefect", "warning", "the server named by PREFECT_API_URL is yours", f"start it with: {wanted}")
    else:
        yield Finding("prefect", "ok", "no PREFECT_API_URL: each run starts a server of its own, with the settings it needs")
