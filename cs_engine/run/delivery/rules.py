"""The project's rules of sending, from its configuration and its templates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from cs_engine.content.library import Library
from cs_engine.instants import to_micros
from cs_engine.journey.caps import Cap, Scope
from cs_engine.journey.guards import Floor, Limits, Most
from cs_engine.journey.hours import QuietHours, Window
from cs_engine.journey.policy import Rules
from cs_engine.journey.rates import Rate, Rates, WarmUp
from cs_engine.language import durations
from cs_engine.playbook.calendars import Calendars
from cs_engine.playbook.config import DAYS_OF_WEEK, EVERYBODY, CapSpec, Guards, ProjectConfig, WarmUpSpec
from cs_engine.playbook.law import law_of
from cs_engine.playbook.sources import Sources
from cs_engine.playbook.sources import span as span_of
from cs_engine.playbook.words import share_of


def rules_of(config: ProjectConfig, library: Library) -> Rules:
    """A customer who has a language is never written to in another one; who has none gets the project's own."""
    spoken = {locale for kind in ("email", "slack") for name in library.names(kind) for _, locale in library.variants(kind, name)}

    def locale_of(raw: str) -> str:
        exact = raw.replace("_", "-")
        language = exact.partition("-")[0].lower()
        return exact if exact in spoken else language or config.locale

    def written(channel: str, template: str, locale: str) -> bool:
        return library.find("email" if channel == "email" else "slack", template, locale) is not None

    return Rules(
        zone=config.timezone,
        window=window_of(config),
        locale_of=locale_of,
        written=written,
        caps=[*(_cap(spec) for spec in config.caps), *spread_of(config)],
        rates=rates_of(config),
        law_of=law_of(config.law),
        presumed="customer" if config.law is not None and config.law.blank == "customer" else "",
    )


def window_of(config: ProjectConfig) -> Window:
    """When customer mail may go."""
    quiet = config.quiet_hours
    return Window(
        QuietHours(time.fromisoformat(quiet.from_), time.fromisoformat(quiet.to)) if quiet else None,
        frozenset(DAYS_OF_WEEK.index(day) + 1 for day in config.send_days),
        _days_off(config),
    )


def _days_off(config: ProjectConfig) -> Callable[[date, str], str]:
    """By which calendar mail to people of that language waits on that day. `ja` speaks for ja-JP too."""
    if not config.no_send:
        return lambda _day, _locale: ""
    calendars = Calendars.of(config)

    def off(day: date, locale: str) -> str:
        exact = (locale or config.locale).replace("_", "-").lower()
        who = dict.fromkeys((EVERYBODY, exact.split("-")[0], exact))
        names = [name for key in who for said, names in config.no_send.items() if said.lower() == key for name in names]
        return calendars.first(names, day)

    return off


def spread_of(config: ProjectConfig) -> list[Cap]:
    """The cap over all customer mail, if there is one."""
    rate = durations.parse_rate(config.spread) if config.spread else None
    window = durations.length(rate[1]) if rate else None
    return [Cap(Scope.PROJECT, rate[0], window, f"spread: {config.spread}")] if rate and window else []


def rates_of(config: ProjectConfig) -> Rates:
    """How fast each way out, each Slack channel and each domain is written to."""
    spec = config.rates
    if spec is None:
        return Rates()
    vendors = {"sendgrid": spec.sendgrid, "smtp": spec.smtp, "slack": spec.slack}
    ramp = spec.warm_up
    return Rates(
        {vendor: _rate(text, vendor) for vendor, text in vendors.items() if text is not None},
        _rate(spec.slack_channel, "slack_channel") if spec.slack_channel is not None else None,
        {domain.lower(): _rate(text, "domain") for domain, text in spec.domains.items()},
        _ramp(ramp, ZoneInfo(config.timezone)) if ramp is not None else None,
    )


def _rate(text: str, what: str) -> Rate:
    read = durations.per(text)
    assert read, "checked as the project was loaded"
    return Rate(*read, f"rate: {what} {' '.join(text.split())}")


def _ramp(spec: WarmUpSpec, zone: ZoneInfo) -> WarmUp:
    span = durations.parse(spec.double)
    doubles = durations.length(span) if span else None
    assert doubles, "checked as the project was loaded"
    begins, ends = (to_micros(datetime.combine(date.fromisoformat(day), time(), zone)) for day in (spec.from_, spec.until))
    return WarmUp(begins, _rate(spec.start, "warm_up")._replace(reason="rate: warm_up"), doubles, ends)


def limits_of(guards: Guards, sources: Sources) -> Limits:
    """What project.yaml guards."""
    asked = {"enrolments": guards.enrolments, "mails": guards.mails, "ctas": guards.ctas}
    usage = guards.usage
    least = {"accounts": usage.accounts, "contacts": usage.contacts, "events": usage.events}
    span = durations.parse(usage.newest) if usage.newest else None
    return Limits(
        {what: Most(most.times, most.at_least, most.first_day) for what, most in asked.items() if most is not None},
        {what: share_of(share) for what, share in least.items() if share is not None},
        durations.length(span) if span else None,
        {
            named.name: Floor(span_of(source.newest) if source.newest else None, source.at_least)
            for named in sources.all()
            if (source := named.source).is_demanded
        },
    )


def reception_of(guards: Guards) -> tuple[float, float]:
    """The share of mails that may be refused, and of people who may complain, before a playbook in canary or ramp halts."""
    return share_of(guards.bounces), share_of(guards.complaints)


def _cap(spec: CapSpec) -> Cap:
    span = durations.parse(spec.in_)
    window = durations.length(span) if span else None
    assert window, "checked as the project was loaded"
    by = f" by {spec.channel}" if spec.channel else ""
    return Cap(Scope(spec.per), spec.most, window, f"cap: {spec.per} {spec.most} in {span}{by}", spec.channel or "")
