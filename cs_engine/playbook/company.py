"""What project.yaml, team.yaml and journey.yaml can get wrong between them: people, zones, notices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cs_engine.language.problems import Problems, did_you_mean
from cs_engine.language.yaml import Document
from cs_engine.playbook.calendars import parse_span
from cs_engine.playbook.config import ProjectConfig, Team
from cs_engine.playbook.endpoints import Allowed, is_entry, wrong_url
from cs_engine.playbook.implied import NOT_YET
from cs_engine.playbook.people import CUSTOMERS, Directory
from cs_engine.playbook.shape import Path, shown, slug
from cs_engine.playbook.templates import Templates
from cs_engine.playbook.words import ID_PATTERN
from cs_engine.usage.model import ASKING, JourneySpec, MilestoneSpec


def is_zone(name: str) -> bool:
    """Whether it is the name of a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


_ABBREVIATED = {
    "JST": "write Asia/Tokyo",
    "PST": "write America/Los_Angeles",
    "PT": "write America/Los_Angeles",
    "CST": "write America/Chicago",
}
"""What people mean by names that no database of zones has, or that are nearest to something else in it."""


def check_zone(name: str, document: Document, path: Path, problems: Problems) -> None:
    if not is_zone(name):
        mend = _ABBREVIATED.get(name) or did_you_mean(name, available_timezones()) or "write one such as Asia/Tokyo, Europe/Berlin or UTC"
        problems.add(document.place(path), "P206", f"there is no time zone {shown(name)}", mend)


def check_project(document: Document, team: Team | None, problems: Problems) -> None:
    """Zone, sender and fall-backs of project.yaml. Works on files of any shape, so that all is said at once; `team`: None when broken."""
    _check_given_zone(document, document.data, (), problems)
    _check_zones_of_sources(document, problems)
    sender, people = _mapping(document.data, "sender"), _mapping(document.data, "people")
    _check_unsubscribe(document.data.get("unsubscribe"), document, problems)
    if team is not None:
        _check_sender(sender, Directory.of(team), document, problems)
    for role, instead in _mapping(people, "fallback").items():
        for word, place in (
            (role, document.key_place(("people", "fallback", role))),
            (instead, document.place(("people", "fallback", role))),
        ):
            if isinstance(word, str) and word not in CUSTOMERS:
                mend = did_you_mean(word, CUSTOMERS) or f"allowed: {', '.join(CUSTOMERS)}"
                problems.add(place, "P204", f"there is no role {shown(word)} among customers", mend)


def _check_zones_of_sources(document: Document, problems: Problems) -> None:
    sources = _mapping(document.data, "sources")
    below = [(key, name) for key in ("more", "attributes") for name in _mapping(sources, key)]
    for path in [*((key,) for key in ("accounts", "contacts", "usage", "touches")), *below]:
        source: Mapping[str, Any] = sources
        for key in path:
            source = _mapping(source, key)
        if isinstance(zone := source.get("zone"), str):
            check_zone(zone, document, ("sources", *path, "zone"), problems)


def _check_unsubscribe(given: object, document: Document, problems: Problems) -> None:
    """It stands in the headers and the foot of every mail, where a bare address is no link."""
    if isinstance(given, str) and not given.startswith(("mailto:", "https://", "http://")):
        mend = f"write mailto:{given}?subject=unsubscribe" if "@" in given else "write mailto:… or https://…"
        problems.add(document.place(("unsubscribe",)), "P105", f'"unsubscribe" cannot be {shown(given)}', mend)


def check_webhooks(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """P230: endpoints that no webhook may reach, and entries of `allow` that are no host."""
    allowed = Allowed.of(config.webhooks.allow)
    for name, url in config.webhooks.endpoints.items():
        path: Path = ("webhooks", "endpoints", name)
        if not re.fullmatch(ID_PATTERN, name):
            mend = f"use small letters, digits and hyphens: {slug(name) or 'crm'}"
            problems.add(document.key_place(path), "P105", f"{shown(name)} cannot be the name of an endpoint", mend)
        if (wrong := wrong_url(url, allowed)) is not None:
            problems.add(document.place(path), "P230", *wrong)
    for index, entry in enumerate(config.webhooks.allow):
        if not is_entry(entry):
            mend = "write hooks.internal.example, 10.1.2.3 or 10.1.0.0/16"
            problems.add(document.place(("webhooks", "allow", index)), "P230", f"{shown(entry)} is no host and no network", mend)


def _check_sender(sender: Mapping[str, Any], directory: Directory, document: Document, problems: Problems) -> None:
    own, fallback = sender.get("from"), sender.get("fallback")
    if isinstance(own, str):
        directory.sender(own, document.place(("sender", "from")), problems)
    if isinstance(fallback, str) and fallback.lower() not in {email.lower() for email in directory.emails}:
        mend = "write the e-mail of somebody who is in team.yaml"
        problems.add(document.place(("sender", "fallback")), "P207", "the fallback sender is not in team.yaml", mend)


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What stands at the key; nothing when it is no mapping, which its shape reports."""
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def check_zones(document: Document, problems: Problems) -> None:
    """The zones of team.yaml. Works on files of any shape."""
    staff = document.data.get("staff")
    for index, person in enumerate(staff if isinstance(staff, list) else ()):
        if isinstance(person, dict):
            _check_given_zone(document, person, ("staff", index), problems)


def _check_given_zone(document: Document, data: Mapping[str, Any], path: Path, problems: Problems) -> None:
    name = data.get("timezone")
    if isinstance(name, str):
        check_zone(name, document, (*path, "timezone"), problems)


def check_team(team: Team, document: Document, problems: Problems) -> None:
    """Managers and substitutes are in the team, nobody is in it twice, and no role has a name that means something else."""
    emails = [person.email.lower() for person in team.staff]
    for index, person in enumerate(team.staff):
        here: Path = ("staff", index)
        if emails.index(person.email.lower()) < index:
            first = document.place(("staff", emails.index(person.email.lower()), "email"))
            where = f"{first.file}:{first.line}:{first.column}"
            problems.add(document.place((*here, "email")), "P207", f"this person is in the team twice, first at {where}", "keep one")
        if person.role in (*CUSTOMERS, "csm.manager", "subject"):
            problems.add(document.place((*here, "role")), "P207", f"{shown(person.role)} cannot be a staff role: it means somebody else")
        if "@" not in person.email:
            problems.add(
                document.place((*here, "email")), "P207", f"{shown(person.email)} is no e-mail address", "write name@company.example"
            )
        for key, email in (("manager", person.manager), ("substitute", person.substitute)):
            if email is not None and email.lower() not in emails:
                mend = "write the e-mail of somebody who is in team.yaml"
                problems.add(document.place((*here, key)), "P207", f"this {key} is not in the team", mend)
        for day, text in enumerate(person.away):
            if parse_span(text) is None:
                message = f"{shown(text)} is no day and no span of days"
                problems.add(document.place((*here, "away", day)), "P207", message, "write 2026-08-10, or 2026-08-10/2026-08-14")


def check_journey(journey: JourneySpec, templates: Templates, document: Document, problems: Problems) -> None:
    """Ids, roles and notices of milestones; the one that time-to-value counts to."""
    known = journey.milestones()
    if journey.value is not None and journey.value not in known:
        mend = did_you_mean(journey.value, known) or f"milestones: {', '.join(known)}"
        problems.add(document.place(("value",)), "M115", f"there is no milestone {shown(journey.value)}", mend)
    for number, phase in enumerate(journey.phases):
        for index, milestone in enumerate(phase.milestones):
            here: Path = ("phases", number, "milestones", index)
            if re.fullmatch(r"[\w-]+", milestone.id) and not re.fullmatch(ID_PATTERN, milestone.id):
                mend = f"use small letters, digits, hyphens and underscores: {slug(milestone.id)}"
                problems.add(document.place((*here, "id")), "P105", f'{shown(milestone.id)} cannot be "id"', mend)
            if milestone.role not in (None, *CUSTOMERS):
                mend = did_you_mean(str(milestone.role), CUSTOMERS) or f"allowed: {', '.join(CUSTOMERS)}"
                problems.add(document.place((*here, "role")), "P204", f"there is no role {shown(milestone.role)} among customers", mend)
            if milestone.confirm:
                _check_confirm(milestone, templates, document, here, problems)
            if milestone.notice is not None and (missing := templates.find("email", milestone.notice, document.file)) is not None:
                message = f"there is no e-mail template {shown(milestone.notice)}"
                problems.add(document.place((*here, "notice")), "P203", message, missing)


def _check_confirm(milestone: MilestoneSpec, templates: Templates, document: Document, here: Path, problems: Problems) -> None:
    """What asks the customer, and what tells the CSM of a "not yet", has to be written."""
    place, mend = document.key_place((*here, "confirm")), "copy it from a new project (cs-engine init)"
    if milestone.notice is None and templates.find("email", ASKING, document.file) is not None:
        message = f"nothing asks the customer: there is no `notice`, and no e-mail template {shown(ASKING)}"
        problems.add(place, "P203", message, f"name yours: `notice: …`; or {mend}")
    if templates.find("slack", NOT_YET, document.file) is not None:
        problems.add(place, "P203", f'there is no Slack template {shown(NOT_YET)}, for a customer\'s "not yet"', mend)
