"""Which mail law rules whom, and what project.yaml lacks for it: each with its place and its mend."""

from __future__ import annotations

import pytest

from cs_engine.playbook.config import LawSpec
from cs_engine.playbook.law import law_of
from tests.unit.playbook.folder import FILES, Folder

WHOLE = "company: {name: Sample, postal_address: 1 Street, contact: help@sample.example}"
CONSENT = "contacts: {file: contacts.csv, consent: permission}"


def project(law: str, company: str = WHOLE, contacts: str = CONSENT) -> str:
    text = FILES["playbooks/project.yaml"].replace("company: {name: Sample}", company).replace("contacts: {file: contacts.csv}", contacts)
    return f"{text.rstrip()}\n        law: {law}\n"


@pytest.mark.parametrize(
    ("country", "law"), [("JP", "jp"), ("jp", "jp"), ("US", "us"), ("DE", "eu"), ("IS", "eu"), ("FR", "us"), ("", "eu"), ("Japan", "eu")]
)
def test_a_persons_country_decides_a_country_itself_before_the_eu_and_else_for_all_others(country: str, law: str) -> None:
    spec = LawSpec.model_validate({"countries": {"jp": "jp", "US": "us", "EU": "eu", "FR": "us"}, "else": "eu"})
    assert law_of(spec)(country) == law


def test_where_no_law_is_named_none_rules() -> None:
    assert law_of(None)("JP") is None


@pytest.mark.parametrize("law", ["us", "eu", "jp", "{countries: {JP: jp, EU: eu}, else: us}"])
def test_a_project_that_has_all_is_free_of_problems(folder: Folder, law: str) -> None:
    folder.write("playbooks/project.yaml", project(law))
    assert folder.said() == []


@pytest.mark.parametrize(
    ("law", "company", "contacts", "said"),
    [
        ("us", "company: {name: Sample, contact: x}", CONSENT, [("company", "postal address")]),
        ("us", "company: {name: Sample, postal_address: 1 Street}", "contacts: {file: contacts.csv}", []),
        ("{else: jp, blank: customer}", WHOLE, "contacts: {file: contacts.csv}", []),
        ("jp", "company: {name: Sample, postal_address: 1 Street}", CONSENT, [("company", "ask or complain")]),
        ("eu", WHOLE, "contacts: {file: contacts.csv}", [("contacts", "on record")]),
        ("{countries: {JP: jp}, else: us}", WHOLE, "contacts: {file: contacts.csv}", [("contacts", "on record")]),
        ("{countries: {Japan: jp}, else: us}", WHOLE, CONSENT, [("Japan", "no country's code")]),
        ("{countries: {UK: eu}, else: us}", WHOLE, CONSENT, [("UK", "no country's code")]),
        ("jp", "company: {name: Sample}", "contacts: {file: contacts.csv}", [("contacts", ""), ("company", ""), ("company", "")]),
    ],
)
def test_what_is_missing_is_said_where_it_belongs(
    folder: Folder, law: str, company: str, contacts: str, said: list[tuple[str, str]]
) -> None:
    folder.write("playbooks/project.yaml", project(law, company, contacts))
    problems = sorted(folder.problems(), key=lambda p: p.place)
    lines = (folder.root / "playbooks/project.yaml").read_text(encoding="utf-8").split("\n")
    assert [p.code for p in problems] == ["P214"] * len(said)
    for problem, (where, words) in zip(problems, said, strict=True):
        assert lines[problem.place.line - 1][problem.place.column - 1 :].startswith(where)
        assert words in problem.message
        assert problem.mend


@pytest.mark.parametrize("law", ["uk", "{countries: {JP: jp}}", "{else: us, country: JP}", "[us]"])
def test_what_is_no_law_is_an_error_with_its_place(folder: Folder, law: str) -> None:
    folder.write("playbooks/project.yaml", project(law))
    (problem,) = folder.problems()
    assert problem.code != "P214"
    assert problem.place.line > 1
