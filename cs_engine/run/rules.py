"""The project's rules of sending, from its configuration and its templates."""

from __future__ import annotations

from datetime import time

from cs_engine.content.library import Library
from cs_engine.journey.caps import Cap, Scope
from cs_engine.journey.policy import QuietHours, Rules
from cs_engine.language import durations
from cs_engine.playbook.config import CapSpec, ProjectConfig


def rules_of(config: ProjectConfig, library: Library) -> Rules:
    """A customer who has a language is never written to in another one; who has none gets the project's own."""
    quiet = config.quiet_hours
    spoken = {locale for kind in ("email", "slack") for name in library.names(kind) for _, locale in library.variants(kind, name)}

    def locale_of(raw: str) -> str:
        exact = raw.replace("_", "-")
        language = exact.partition("-")[0].lower()
        return exact if exact in spoken else language or config.locale

    def written(channel: str, template: str, locale: str) -> bool:
        return library.find("email" if channel == "email" else "slack", template, locale) is not None

    return Rules(
        zone=config.timezone,
        quiet_hours=QuietHours(time.fromisoformat(quiet.from_), time.fromisoformat(quiet.to)) if quiet else None,
        locale_of=locale_of,
        written=written,
        caps=[_cap(spec) for spec in config.caps],
    )


def _cap(spec: CapSpec) -> Cap:
    span = durations.parse(spec.in_)
    window = durations.length(span) if span else None
    assert window, "checked as the project was loaded"
    by = f" by {spec.channel}" if spec.channel else ""
    return Cap(Scope(spec.per), spec.most, window, f"cap: {spec.per} {spec.most} in {span}{by}", spec.channel or "")
