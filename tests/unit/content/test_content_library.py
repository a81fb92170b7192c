"""Which file a name and a locale mean; what a template needs; and the shipped templates, all of them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from cs_engine.content.failures import BrokenTemplate, RenderFailed
from cs_engine.content.guard import lexing
from cs_engine.content.library import Library
from cs_engine.content.variables import reads
from cs_engine.language.problems import Place, Problem
from tests.unit.content.project import CONTEXT, SHIPPED, project

MAIL = "---\nsubject: {}\n---\nx"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    files = {
        "templates/email/a.md": MAIL.format("en"),
        "templates/email/a.ja.md": MAIL.format("ja"),
        "templates/email/deep/b.md": MAIL.format("deep"),
        "playbooks/p/c.md": MAIL.format("beside"),
        "templates/slack/s.yaml": "text: en\n",
        "templates/slack/s.ja.yaml": "text: ja\n",
    }
    return project(tmp_path, files)


@pytest.mark.parametrize(
    ("name", "locale", "subject"),
    [
        ("a", "en", "en"),
        ("a", "", "en"),
        ("a", "en-GB", "en"),
        ("a", "ja", "ja"),
        ("a", "ja-JP", "ja"),
        ("a", "ja_JP", "ja"),
        ("a", "fr", None),
        ("deep/b", "en", "deep"),
        ("deep/b", "ja", None),
        ("./playbooks/p/c", "en", "beside"),
        ("./playbooks/p/c", "ja", None),
        ("missing", "en", None),
        ("../templates/email/a", "en", None),
        ("/etc/passwd", "en", None),
        ("./../x", "en", None),
        ("a", "../ja", None),
    ],
)
def test_a_name_and_a_locale_mean_one_file_and_never_another_language(
    library: Library, name: str, locale: str, subject: str | None
) -> None:
    found = library.email(name, locale)
    assert (found.render(CONTEXT).subject if found else None) == subject


def test_slack_has_locales_too(library: Library) -> None:
    for locale in ("en", "ja"):
        found = library.slack("s", locale)
        assert found is not None
        assert found.render({})[0] == locale
    assert library.slack("s", "fr") is None


def test_names_and_variants(library: Library) -> None:
    assert library.names("email") == ["a", "deep/b"]
    assert library.names("slack") == ["s"]
    assert list(library.variants("email", "a")) == [("templates/email/a.ja.md", "ja"), ("templates/email/a.md", "en")]
    assert list(library.variants("email", "missing")) == []


def test_it_is_compiled_once_and_pickles_by_its_folder(library: Library) -> None:
    assert library.email("a", "en") is library.email("a", "en")
    other = pickle.loads(pickle.dumps(library))
    found = other.email("a", "ja")
    assert found is not None
    assert found.render(CONTEXT).subject == "ja"


def test_failures_pickle() -> None:
    broken = pickle.loads(pickle.dumps(BrokenTemplate("a", [Problem(Place("a.md"), "T303", "x")])))
    assert (broken.template, broken.problems[0].code) == ("a", "T303")
    failure = pickle.loads(pickle.dumps(RenderFailed("unsafe_url", "a", "x")))
    assert (failure.reason, failure.template, failure.name) == ("unsafe_url", "a", "x")


@pytest.mark.parametrize(
    ("text", "needs", "wants"),
    [
        ("{{ contact.name }} {{ changes_28d }}", {"contact.name", "changes_28d"}, set()),
        ("{% for a in areas %}{{ a.name }}{{ loop.index }}{{ account.plan }}{% endfor %}", {"areas", "account.plan"}, set()),
        ("{% for a in areas if a > limit %}{% else %}{{ a }}{% endfor %}", {"areas", "limit", "a"}, set()),
        ("{% set x = quiet_days %}{{ x }}{{ y }}", {"quiet_days", "y"}, set()),
        ("{{ x }}{% set x = 1 %}{{ x }}", {"x"}, set()),
        ("{% if a %}{% set b = 1 %}{% endif %}{{ b }}", {"a"}, set()),
        ("{% with a = b %}{{ a }}{% endwith %}{{ a }}", {"a", "b"}, set()),
        ("{{ account['plan'] }}", {"account.plan"}, set()),
        ("{{ 'x' if a is defined else b }}", {"a", "b"}, set()),
        ("{{ now | date }}", {"now"}, {"contact.timezone", "account.timezone"}),
        (
            "{{ contact | addressee }}",
            {"contact.name", "account.name"},
            {"contact.family_name", "contact.given_name", "contact.department", "contact.job_title"},
        ),
        ("{{ account | addressee }}", {"account.name"}, set()),
    ],
)
def test_what_a_template_reads(text: str, needs: set[str], wants: set[str]) -> None:
    found = reads(lexing().parse(text))
    assert (set(found.needs), set(found.wants), set(found.whole)) == (needs, wants, set())


def test_a_group_is_no_value() -> None:
    assert reads(lexing().parse("{{ contact }}{% set c = account %}{% if champion %}{% endif %}")).whole == {
        "contact",
        "account",
        "champion",
    }


def shipped() -> list[Any]:
    library = Library(SHIPPED, "en")
    return [
        pytest.param(library, kind, name, locale, id=f"{kind} {name} {locale}")
        for kind in ("email", "slack")
        for name in library.names(kind)
        for _, locale in library.variants(kind, name)
    ]


def context_of(needs: frozenset[str]) -> dict[str, Any]:
    """A number for each metric, a text for each part of a group."""
    made: dict[str, Any] = {group: {**values} if isinstance(values, dict) else values for group, values in CONTEXT.items()}
    for name in needs:
        group, dot, attribute = name.partition(".")
        if dot:
            made.setdefault(group, {}).setdefault(attribute, 5 if attribute.endswith(("d", "s")) else "https://x.example")
        else:
            made.setdefault(name, 5)
    made["vars"] = {attribute.partition(".")[2]: "https://x.example" for attribute in needs if attribute.startswith("vars.")}
    return made


@pytest.mark.parametrize(("library", "kind", "name", "locale"), shipped())
def test_a_shipped_template_renders_with_what_it_says_it_needs(library: Library, kind: str, name: str, locale: str) -> None:
    template = library.email(name, locale) if kind == "email" else library.slack(name, locale)
    assert template is not None
    made = template.render(context_of(template.needs))
    assert all(made)
    for part in (*made[:1], *(made[1:] if kind == "email" else ())):
        assert "{{" not in part
        assert "{%" not in part
        assert "jnja" not in part
