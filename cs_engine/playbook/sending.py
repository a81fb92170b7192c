"""What project.yaml can get wrong about when messages may go: hours, days, calendars, caps, portions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from cs_engine.instants import Micros
from cs_engine.language import durations
from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.language.yaml import Document
from cs_engine.playbook.alerts import wrong_language
from cs_engine.playbook.calendars import Calendars, is_country, parse_span
from cs_engine.playbook.config import DAYS_OF_WEEK, DEFAULT_DOMAIN, EVERYBODY, CalendarSpec, ProjectConfig, WarmUpSpec
from cs_engine.playbook.shape import Path, shown

DAY: Micros = timedelta(days=1) // timedelta(microseconds=1)
_COMMON_YEAR = 2001
"""Begins on a Monday; calendars of every year are looked at in it."""


def check_sending(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """The rules of sending: that they can be kept, and name what is there."""
    check_window(config, document, problems)
    check_caps(config, document, problems)
    check_rates(config, document, problems)
    check_guards(config, document, problems)
    check_retention(config, document, problems)


def check_window(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """Quiet hours and calendars that leave a time in which mail may go."""
    quiet = config.quiet_hours
    if quiet is not None and quiet.from_ == quiet.to:
        mend = "write `quiet_hours: null` for none, or hours between which mail may go"
        problems.add(
            document.place(("quiet_hours",)), "P211", f"quiet hours from {quiet.from_} to {quiet.to} are none, or the whole day", mend
        )
    specs = Calendars.of(config).specs
    for name, spec in config.calendars.items():
        _check_calendar(name, spec, specs, document, problems)
    for locale, names in config.no_send.items():
        if locale != EVERYBODY and (better := wrong_language(locale)):
            place = document.key_place(("no_send", locale))
            problems.add(place, "P211", f"{shown(locale)} is no language", f"{better}, or {EVERYBODY}")
        for index, name in enumerate(names):
            _check_name(name, specs, document, ("no_send", locale, index), problems)
    _check_opens(config, document, problems)
    if config.business_calendar is not None:
        _check_name(config.business_calendar, specs, document, ("business_calendar",), problems)


def _check_opens(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """That every year leaves each language a day. Public holidays never take them all."""
    if any(problem.code == "P211" for problem in problems.in_file(document.file)):
        return
    calendars = Calendars({name: spec.model_copy(update={"holidays": None}) for name, spec in Calendars.of(config).specs.items()})
    sent_on = {DAYS_OF_WEEK.index(day) + 1 for day in config.send_days}
    for locale, names in config.no_send.items():
        closed = frozenset().union(*(calendars.days(name, _COMMON_YEAR) for name in {*names, *config.no_send.get(EVERYBODY, ())}))
        days = (date(_COMMON_YEAR, 1, 1) + timedelta(days=n) for n in range(365))
        if not any(day.isoweekday() in sent_on and day not in closed for day in days):
            who = "" if locale == EVERYBODY else f" to those who read {locale}"
            place = document.place(("no_send", locale))
            problems.add(place, "P211", f"no day of the year is left on which mail{who} may go", "leave a calendar out, or add send_days")


def _check_calendar(name: str, spec: CalendarSpec, specs: Mapping[str, CalendarSpec], document: Document, problems: Problems) -> None:
    here: Path = ("calendars", name)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        problems.add(document.key_place(here), "P211", f"{shown(name)} is no name for a calendar", "use small letters, digits and _")
    if spec.holidays is not None and not is_country(spec.holidays):
        message = f"nobody keeps the public holidays of {shown(spec.holidays)}"
        problems.add(document.place((*here, "holidays")), "P211", message, "write a country's code: JP, US, DE, US-CA")
    for key, texts in (("days", spec.days), ("without", spec.without)):
        for index, text in enumerate(texts):
            if parse_span(text) is None:
                mend = "write 2026-08-10, 2026-08-10/2026-08-14, or of every year 08-13, 12-29/01-03"
                problems.add(document.place((*here, key, index)), "P211", f"{shown(text)} is no day and no span of days", mend)
    for index, other in enumerate(spec.with_):
        _check_name(other, specs, document, (*here, "with", index), problems)
        if other in specs and name in _included(other, specs):
            problems.add(document.place((*here, "with", index)), "P211", f"{shown(other)} includes {shown(name)} itself", "leave one out")


def _included(name: str, specs: Mapping[str, CalendarSpec]) -> set[str]:
    """The calendar and all that it includes."""
    found, waiting = set[str](), [name]
    while waiting:
        current = waiting.pop()
        if current in specs and current not in found:
            found.add(current)
            waiting += specs[current].with_
    return found


def _check_name(name: str, specs: Mapping[str, CalendarSpec], document: Document, path: Path, problems: Problems) -> None:
    if name not in specs:
        mend = did_you_mean(name, specs) or f"there are {', '.join(sorted(specs))}"
        problems.add(document.place(path), "P211", f"there is no calendar {shown(name)}", mend)


def check_caps(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """Spans that can be counted, and no two caps that say the same."""
    if config.spread is not None and durations.parse_rate(config.spread) is None:
        problems.add(document.place(("spread",)), "P210", f"{shown(config.spread)} is no rate", "write one such as 200 per hour")
    first: dict[tuple[str, str | None, Micros], int] = {}
    for index, cap in enumerate(config.caps):
        here: Path = ("caps", index)
        if cap.channel == "slack" and cap.per != "csm":
            problems.add(
                document.place((*here, "channel")), "P210", "customers get nothing by Slack", "leave channel out, or count per: csm"
            )
        span = durations.check(cap.in_, document.place((*here, "in")), problems)
        if span is None:
            continue
        window = durations.length(span)
        if not window:
            mend = f"write {max(1, span.amount * 7 // 5)} days" if span.unit == "business days" else "write a span such as 7 days"
            problems.add(document.place((*here, "in")), "P210", f"a cap cannot count over {span}", mend)
            continue
        before = first.setdefault((cap.per, cap.channel, window), index)
        if before != index:
            place = document.place(("caps", before))
            where = f"{place.file}:{place.line}:{place.column}"
            problems.add(
                document.place(here),
                "P210",
                f"a second cap of the same messages over the same span; the first stands at {where}",
                "keep one",
            )


def check_rates(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """Rates that can be kept, of domains, and a ramp that rises and ends."""
    spec = config.rates
    if spec is None:
        return
    texts: dict[Path, str | None] = {("rates", name): getattr(spec, name) for name in ("sendgrid", "smtp", "slack", "slack_channel")}
    texts |= {("rates", "domains", domain): text for domain, text in spec.domains.items()}
    if spec.warm_up is not None:
        texts["rates", "warm_up", "start"] = spec.warm_up.start
    for path, text in texts.items():
        if text is not None and durations.per(text) is None:
            problems.add(document.place(path), "P210", f"{shown(text)} is no rate", "write one such as 600 per minute, or 1 per second")
    for domain in spec.domains:
        if domain != DEFAULT_DOMAIN and not re.fullmatch(r"(?i)[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
            mend = f"write what stands behind the @, such as gmail.com, or {DEFAULT_DOMAIN}"
            problems.add(document.key_place(("rates", "domains", domain)), "P210", f"{shown(domain)} is no domain", mend)
    if spec.warm_up is not None:
        _check_warm_up(spec.warm_up, document, problems)


def _check_warm_up(spec: WarmUpSpec, document: Document, problems: Problems) -> None:
    here: Path = ("rates", "warm_up")
    span = durations.check(spec.double, document.place((*here, "double")), problems)
    if span is not None and not durations.length(span):
        problems.add(document.place((*here, "double")), "P210", f"a ramp does not double after {span}", "write a span such as 2 days")
    days = {}
    for key, text in (("from", spec.from_), ("until", spec.until)):
        try:
            days[key] = date.fromisoformat(text)
        except ValueError:
            problems.add(document.place((*here, key)), "P210", f"{shown(text)} is no day", "write one such as 2026-03-02")
    if len(days) == 2 and days["until"] <= days["from"]:
        problems.add(document.place((*here, "until")), "P210", "the ramp ends before it begins", "write a later day")


def check_guards(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """Ages that can be counted."""
    newest = config.guards.usage.newest
    if newest is None:
        return
    place = document.place(("guards", "usage", "newest"))
    span = durations.check(newest, place, problems)
    if span is not None and not durations.length(span):
        problems.add(place, "P212", f"how old events are is not counted in {span.unit}", "write a span such as 36 hours or 3 days")


LEAST_KEPT = 30
"""Days: what is younger people still ask about."""


def check_retention(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """Ages that can be counted, and are not too young."""
    for key in ("journal", "changes", "collected", "messages", "health"):
        text, place = getattr(config.retention, key), document.place(("retention", key))
        span = None if text is None else durations.check(text, place, problems)
        if span is None:
            continue
        kept = durations.length(span)
        if not kept:
            problems.add(place, "P215", f"how long something is kept is not counted in {span.unit}", "write a span such as 400 days")
        elif kept < LEAST_KEPT * DAY:
            problems.add(place, "P215", f"what is {span} old is still asked about", f"keep it for {LEAST_KEPT} days at least")
