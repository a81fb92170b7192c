"""What project.yaml and team.yaml can get wrong about CTAs."""

from __future__ import annotations

import re

from cs_engine.language import durations
from cs_engine.language.problems import Problems
from cs_engine.language.yaml import Document
from cs_engine.playbook.config import ProjectConfig, Team
from cs_engine.playbook.shape import shown

ACCOUNT = "{account}"
"""Stands for the account's id in `slack.account_url`."""


def check_alerts(config: ProjectConfig, document: Document, problems: Problems) -> None:
    """P213: a language that is none, links that lead nowhere; X290: times that are none."""
    if mend := wrong_language(config.locale):
        problems.add(document.place(("locale",)), "P213", f"{shown(config.locale)} is no language", mend)
    url = config.slack.account_url
    if url is not None and not (re.match(r"https?://[^/{}\s]+/", url) and ACCOUNT in url and not re.search(r"[\s<>|]", url)):
        mend = f"write https://crm.example/accounts/{ACCOUNT}"
        problems.add(document.place(("slack", "account_url")), "P213", f"{shown(url)} leads to no account", mend)
    if config.slack.escalate is not None and "escalate" in config.slack.model_fields_set:
        durations.check(config.slack.escalate, document.place(("slack", "escalate")), problems)


_COUNTRIES = {"jp": "ja", "cn": "zh", "us": "en", "gb": "en", "dk": "da", "cz": "cs"}
"""Countries that people take for languages, and that no language is called like -> the language."""


def wrong_language(locale: str) -> str | None:
    """How to mend what is no language, as `en`, `ja` or `en-US` is; None where nothing is wrong with it."""
    if not re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*", locale):
        return "write one such as en, ja or en-US"
    meant = _COUNTRIES.get(locale.lower())
    return None if meant is None else f"{locale} is a country: write {meant}"


def check_locales(team: Team, document: Document, problems: Problems) -> None:
    """P213: languages of ours that are none."""
    for index, person in enumerate(team.staff):
        if person.locale is not None and (mend := wrong_language(person.locale)):
            place = document.place(("staff", index, "locale"))
            problems.add(place, "P213", f"{shown(person.locale)} is no language", mend)


def check_budgets(config: ProjectConfig, team: Team, document: Document, problems: Problems) -> None:
    """P216: minutes that nothing is held by."""
    for index, person in enumerate(team.staff):
        if person.minutes_a_week is not None and config.slack.digest is None:
            message, mend = "nothing waits for a digest that there is not", 'write `slack: {digest: "09:00"}` in project.yaml'
            problems.warn(document.key_place(("staff", index, "minutes_a_week")), "P216", message, mend)
