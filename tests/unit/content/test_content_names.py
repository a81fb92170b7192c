"""Forms of address and formats."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cs_engine.content import formats, names
from cs_engine.content.failures import RenderFailed
from tests.unit.content.project import mail, text_of

YAMADA = {"name": "山田 太郎", "family_name": "山田", "given_name": "太郎", "department": "経営企画部", "job_title": "部長"}
COMPANY = {"name": "株式会社○○"}


@pytest.mark.parametrize(
    ("contact", "account", "written"),
    [
        (YAMADA, COMPANY, "株式会社○○ 経営企画部 部長 山田様"),
        ({"name": "山田 太郎"}, COMPANY, "株式会社○○ 山田 太郎様"),
        ({"name": "山田様"}, COMPANY, "株式会社○○ 山田様"),
        ({"name": "鈴木 先生 様"}, {"name": None}, "鈴木様"),
        ({"family_name": "真殿"}, {"name": None}, "真殿様"),
        ({"name": None}, COMPANY, "株式会社○○ ご担当者様"),
        ({"name": "\u3000"}, {"name": ""}, "ご担当者様"),
        ({"name": "User 3F2A"}, {"name": "サンプル株式会社"}, "サンプル株式会社 User 3F2A様"),
    ],
)
def test_a_japanese_person(tmp_path: Path, contact: dict[str, Any], account: dict[str, Any], written: str) -> None:
    assert text_of(mail(tmp_path, "{{ contact | addressee }}", locale="ja", contact=contact, account=account)) == written


@pytest.mark.parametrize(
    ("contact", "written"),
    [
        ({"name": "Alex Morgan"}, "Alex"),
        ({"name": "Alex Morgan", "given_name": "Lex"}, "Lex"),
        ({"name": "Alex"}, "Alex"),
        ({"name": "Dr. Ada Lovelace"}, "Dr. Ada Lovelace"),
        ({"name": "User 212C5E"}, "User 212C5E"),
        ({"name": "Lovelace, Ada"}, "Lovelace, Ada"),
        ({"name": "山田 太郎"}, "山田 太郎"),
        ({"name": None}, "there"),
        ({"name": " "}, "there"),
    ],
)
def test_an_english_person(tmp_path: Path, contact: dict[str, Any], written: str) -> None:
    assert text_of(mail(tmp_path, "{{ contact | addressee }}", contact=contact)) == written


def test_organisations_and_groups() -> None:
    assert names.organisation_ja("株式会社○○") == "株式会社○○ 御中"
    assert names.organisation_ja("株式会社○○ 御中") == "株式会社○○ 御中"
    assert names.organisation_ja(None) == "ご担当者様"
    assert names.group_ja("株式会社○○") == "株式会社○○ 各位"
    assert names.group_ja("") == "各位"


@pytest.mark.parametrize(
    ("expression", "written"),
    [
        ("account | addressee", "株式会社○○ 御中"),
        ('account | addressee("group")', "株式会社○○ 各位"),
        ("contact.name | addressee", "山田様"),
    ],
)
def test_who_is_addressed(tmp_path: Path, expression: str, written: str) -> None:
    assert text_of(mail(tmp_path, f"{{{{ {expression} }}}}", locale="ja", account=COMPANY, contact={"name": "山田"})) == written


@pytest.mark.parametrize(
    ("locale", "style", "written"),
    [
        ("en", "long", "31 August 2026"), ("en", "short", "31 Aug"), ("en", "weekday", "Monday, 31 August"), ("en", "time", "23:30"),
        ("ja", "long", "2026年8月31日"), ("ja", "short", "8月31日"), ("ja", "weekday", "8月31日(月)"), ("fr", "long", "2026-08-31"),
    ],
)  # fmt: skip
def test_dates(locale: str, style: str, written: str) -> None:
    assert formats.write_date(datetime(2026, 8, 31, 23, 30, tzinfo=UTC), locale, style) == written


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ({}, "1 September 2026"),  # 08:30 in Tokyo, the contact's zone
        ({"timezone": "America/Los_Angeles"}, "31 August 2026"),
        (
            {"contact": {"name": "x"}, "account": {"renewal_at": datetime(2026, 8, 31, 22, 30, tzinfo=UTC), "timezone": "Europe/Paris"}},
            "1 September 2026",
        ),
        ({"contact": {"name": "x"}, "account": {"renewal_at": "2026-08-31"}}, "31 August 2026"),
        ({"account": {"renewal_at": date(2026, 8, 31)}}, "31 August 2026"),
        ({"account": {"renewal_at": None}}, ""),
    ],
)
def test_a_date_is_of_the_recipients_zone(tmp_path: Path, values: dict[str, Any], written: str) -> None:
    account = {"account": {"renewal_at": datetime(2026, 8, 31, 23, 30, tzinfo=UTC), "timezone": "UTC"}}
    assert text_of(mail(tmp_path, "{{ account.renewal_at | date }}", **{**account, **values})) == written


def test_a_wrong_date_fails(tmp_path: Path) -> None:
    with pytest.raises(RenderFailed):
        mail(tmp_path, "{{ contact.name | date }}")


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [(1234, None, "1,234"), (1234.5, None, "1,234.5"), (0.333333, None, "0.33"), (2.0, 1, "2.0"), (None, None, ""), ("12", None, "12")],
)
def test_numbers(value: Any, digits: int | None, written: str) -> None:
    assert formats.number(value, digits) == written


def test_default_counts_blank_as_missing(tmp_path: Path) -> None:
    assert text_of(mail(tmp_path, "{{ account.renewal_at | default('soon') }}, {{ account.nowhere | default('none') }}")) == "soon, none"
