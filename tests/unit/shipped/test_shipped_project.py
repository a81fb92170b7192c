"""The project that is shipped: playbooks/, templates/ and the sample data, as a newcomer meets them."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cs_engine.content.library import Library
from cs_engine.content.source import source_digest
from cs_engine.language.expression import Type
from cs_engine.language.problems import render_all
from cs_engine.playbook.implied import NOT_YET, ONE_PERSON
from cs_engine.playbook.load import load
from cs_engine.playbook.plan import Cta, Email, Notice, WaitUntil
from cs_engine.playbook.project import Project
from cs_engine.run.desk.checks import template_problems
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.model import ASKING

ROOT = Path(__file__).parents[3]
MAILS = sorted(
    path.relative_to(ROOT / "templates/email").as_posix().removesuffix(".md")
    for path in (ROOT / "templates/email").rglob("*.md")
    if not path.name.endswith(".ja.md")
)
SLACKS = sorted(path.stem for path in (ROOT / "templates/slack").glob("*.yaml") if not path.name.endswith(".ja.yaml"))
ACCOUNT = ("id", "name", "plan", "country", "locale", "timezone", "csm")
CONTACT = ("id", "account", "email", "name", "role", "locale", "timezone")


def rows(name: str) -> list[dict[str, str]]:
    with gzip.open(ROOT / "data/contributions" / name, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def project() -> Project:
    text = Type.TEXT
    return load(
        ROOT,
        Attributes(
            account={**dict.fromkeys(ACCOUNT, text), "signed_up_at": Type.INSTANT, "seats": Type.NUMBER},
            contact={**dict.fromkeys(CONTACT, text), "created_at": Type.INSTANT},
            events={"usage": {"id": text, "account": text, "contact": text, "event": text, "at": Type.INSTANT}},
        ),
    )


def context(needs: frozenset[str], number: int, locale: str) -> dict[str, Any]:
    """A value for every name that a template reads: `number` for metrics, words for the rest. With 0 nobody knows the seats."""
    values: dict[str, Any] = {}
    person = "山田 花子" if locale == "ja" else "Hanako Yamada"
    for name in needs:
        group, _, key = name.partition(".")
        if not key:
            values[name] = number if name in project().metrics else "mailto:unsubscribe@vendor.example"
            continue
        values.setdefault(group, {})
        if key == "seats":
            values[group][key] = number or None
        elif group == "vars" or key in ("guide", "video"):
            values[group][key] = "https://app.vendor.example"
        else:
            values[group][key] = number if key in project().metrics else person if name == "contact.name" else key
    return values


def test_everything_checks_without_a_problem() -> None:
    found = [*project().problems, *template_problems(project(), ["en", "ja"])]
    assert not found, render_all(found, project().sources)


def test_it_has_the_breadth_of_a_real_project() -> None:
    plans = {name: plan for name, plan in project().plans.items() if not name.startswith("milestone-")}
    assert len(plans) >= 6
    assert len(MAILS) >= 12
    assert len(SLACKS) >= 4
    for onboarding in ("onboarding-self-serve", "onboarding-team"):
        assert len(plans[onboarding].steps) >= 5
    assert {milestone.id for phase in project().journey.phases for milestone in phase.milestones if milestone.notice} >= {
        "second_week", "three_areas", "second_person", "habit"
    }  # fmt: skip
    steps = [step for plan in plans.values() for step in plan.steps]
    assert any(isinstance(step, Cta) and step.template == "went_quiet" for step in steps)
    assert any(isinstance(step, WaitUntil) and step.otherwise for step in steps)
    assert any(plan.subject.value == "contact" for plan in plans.values())


def test_every_template_is_used() -> None:
    steps = [step for plan in project().plans.values() for step in plan.steps]
    assert {step.template for step in steps if isinstance(step, Email | Notice)} | {ASKING} == set(MAILS)
    assert {step.template for step in steps if isinstance(step, Cta)} | {"milestone", ONE_PERSON, NOT_YET} == set(SLACKS)


@pytest.mark.parametrize("name", MAILS)
def test_a_translation_says_which_text_it_translates(name: str) -> None:
    original = (ROOT / f"templates/email/{name}.md").read_text(encoding="utf-8")
    translation = (ROOT / f"templates/email/{name}.ja.md").read_text(encoding="utf-8")
    assert f"source: {source_digest(original)}\n" in translation, "the English text has changed: look at the Japanese one"


@pytest.mark.parametrize("locale", ["en", "ja"])
@pytest.mark.parametrize("name", MAILS)
def test_a_mail_reads_well_with_nothing_one_and_many(name: str, locale: str) -> None:
    template = Library(ROOT, "en").email(name, locale)
    assert template is not None
    for number in (0, 1, 12):
        mail = template.render(context(template.needs, number, locale))
        greeting = mail.text.split("\n")[0]
        assert greeting == ("name 山田 花子様" if locale == "ja" else "Hi Hanako,")
        assert mail.subject
        assert not re.search(r"None|[{}]|\S  \S|様様|御中様", f"{mail.subject}\n{mail.text}")


@pytest.mark.parametrize(
    ("locale", "said"), [("en", "because your organisation uses our service"), ("ja", "ご利用中のお客様にお送りしています")]
)
def test_a_mail_to_an_account_without_a_name_says_why_it_comes(locale: str, said: str) -> None:
    template = Library(ROOT, "en").email(MAILS[0], locale)
    assert template is not None
    values = context(template.needs, 2, locale)
    mail = template.render(values | {"account": values["account"] | {"name": ""}})
    assert said in mail.text
    assert said in mail.html


@pytest.mark.parametrize("name", SLACKS)
def test_an_alert_says_who_why_and_until_when(name: str) -> None:
    template = Library(ROOT, "en").slack(name, "en")
    assert template is not None
    assert "account.name" in template.needs
    # A project without the sample, and so without its metrics, has NOT_YET too.
    assert template.needs & project().metrics.keys() or name == NOT_YET
    assert name == "milestone" or {"cta.due", "cta.priority"} <= template.needs
    for number in (0, 1, 12):
        text, blocks = template.render(context(template.needs, number, "en"))
        assert text
        assert not re.search(r"None|[{}]|\S  \S", text + "".join(texts(blocks)))


def texts(part: Any) -> Iterator[str]:
    """Every text of a block, at any depth."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from texts(inner)


def test_every_csm_of_the_sample_is_in_the_team() -> None:
    staff = {person.email for person in project().team.staff}
    assert {row["csm_email"] for row in rows("accounts.csv.gz")} <= staff
    assert {person.manager for person in project().team.staff if person.manager} <= staff
    assert project().config.sender.fallback in staff


def test_the_sample_is_what_its_readme_says() -> None:
    readme = (ROOT / "data/contributions/README.md").read_text(encoding="utf-8")
    accounts, contacts, events = rows("accounts.csv.gz"), rows("contacts.csv.gz"), rows("usage_events.csv.gz")
    changes = len({(row["contact_id"], row["occurred_at"]) for row in events})
    for count in (len(accounts), len(contacts), len(events), changes):
        assert f"{count:,}" in readme
    assert all(row["email"].endswith(".example") for row in contacts)
