"""The project's rules of sending, from its configuration and its templates."""

from __future__ import annotations

from datetime import time

from cs_engine.content.library import Library
from cs_engine.journey.policy import QuietHours, Rules
from cs_engine.playbook.config import ProjectConfig


def rules_of(config: ProjectConfig, library: Library) -> Rules:
    """A recipient of a language that the project writes is never written to in another one; others get the project's own."""
    quiet = config.quiet_hours
    spoken = {locale for kind in ("email", "slack") for name in library.names(kind) for _, locale in library.variants(kind, name)}

    def locale_of(raw: str) -> str:
        language = raw.replace("_", "-").split("-")[0].lower()
        return next((known for known in (raw, language) if known in spoken), config.locale)

    def written(channel: str, template: str, locale: str) -> bool:
        return channel == "slack" or library.find("email", template, locale) is not None

    return Rules(
        zone=config.timezone,
        quiet_hours=QuietHours(time.fromisoformat(quiet.from_), time.fromisoformat(quiet.to)) if quiet else None,
        locale_of=locale_of,
        written=written,
    )
