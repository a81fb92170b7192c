"""The examples of docs/writing-mails.md are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cs_engine.content.check import TemplateUse, check
from cs_engine.content.formats import DATE_STYLES
from cs_engine.content.sandbox import OWN_FILTERS, STOCK_FILTERS
from cs_engine.content.source import KEYS
from cs_engine.language.expression import Grain
from cs_engine.language.problems import Place
from tests.unit.content.project import CONTEXT, SHIPPED, project

PAGE = (SHIPPED / "docs/writing-mails.md").read_text(encoding="utf-8")
VALUES = {
    **CONTEXT,
    "account": {"name": "Acme", "renewal_at": "2026-08-31", "id": "a1", "plan": "team"},
    "vars": {"app": "https://app.vendor.example"},
    "changes_28d": 5,
    "areas_28d": 2,
    "users_30d": 1,
    "quiet_days": 12,
}
KNOWN = {
    "contact.name",
    "account.name",
    "account.renewal_at",
    "account.id",
    "account.plan",
    "changes_28d",
    "areas_28d",
    "users_30d",
    "quiet_days",
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_mail_of_the_page(tmp_path: Path) -> None:
    """It passes `check`, its translation too, and its text part reads as the page says."""
    english, japanese, *_ = blocks("markdown")
    library = project(tmp_path, {"templates/email/onboarding/hello.md": english, "templates/email/onboarding/hello.ja.md": japanese})
    use = TemplateUse("onboarding/hello", "email", Grain.ACCOUNT, Place("p.yaml"), vars=("app",))
    assert [p.render() for p in check(library, [use], lambda _: KNOWN, ["en", "ja"])] == []
    template = library.email("onboarding/hello", "en")
    assert template is not None
    assert template.render(VALUES).text.partition("\n--\n")[0].strip() == blocks("text")[0].strip()


def test_the_slack_message_of_the_page(tmp_path: Path) -> None:
    library = project(tmp_path, {"templates/slack/went_quiet.yaml": blocks("yaml")[0]})
    use = TemplateUse("went_quiet", "slack", Grain.ACCOUNT, Place("p.yaml"))
    assert [p.render() for p in check(library, [use], lambda _: KNOWN, ["en", "ja"])] == []
    template = library.slack("went_quiet", "en")
    assert template is not None
    assert len(template.render(VALUES)[1]) == 2
    assert len(template.render({**VALUES, "account": {**VALUES["account"], "plan": "starter"}})[1]) == 1


@pytest.mark.parametrize("word", sorted({*KEYS, *DATE_STYLES, *(OWN_FILTERS - {"d"})} - {"long"}))
def test_every_word_is_on_the_page(word: str) -> None:
    assert word in PAGE


def test_the_page_names_no_filter_that_is_not_there() -> None:
    line = next(line for line in PAGE.splitlines() if line.startswith("and Jinja's"))
    assert set(re.findall(r"`(\w+)`", line)) <= STOCK_FILTERS
