"""A template into which shared values are written says what it said without them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cs_engine.content import sandbox
from cs_engine.content.folding import Shared, folded
from cs_engine.content.library import Library
from cs_engine.content.render import rendered
from cs_engine.content.sandbox import Sandbox, html_sandbox, text_sandbox
from tests.unit.content.project import CONTEXT, SHIPPED, project

SHARED: dict[str, Any] = {
    "vars": {
        "word": "a", "blank": "", "none": None, "yes": True, "no": False, "number": 3.0, "many": [1, "<2>"], "hostile": "<b>&'\"{{ x }}\n2",
        "url": "https://x.example/a b", "unsafe": "javascript:alert(1)", "at": datetime(2026, 8, 31, 22, tzinfo=UTC),
    },
    "company": {"name": "A & B <i>", "postal_address": "1 Street\nTown"},
    "locale": "en",
    "alone": "word",
}  # fmt: skip
OWN: dict[str, Any] = {"contact": {"name": "Ann <3"}, "account": {"name": "Acme"}, "n": 2, "timezone": "Asia/Tokyo"}


def said(compile: Callable[[], Any]) -> str:
    """What comes out, or which error."""
    try:
        return rendered(compile(), {**SHARED, **OWN})
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("box", [html_sandbox("en"), text_sandbox("en"), html_sandbox("ja")], ids=["html", "text", "ja"])
@pytest.mark.parametrize(
    "text",
    [
        "{{ vars.word }} {{ vars.blank }} {{ vars.none }} {{ vars.yes }} {{ vars.number }} {{ vars.at }} {{ vars.hostile }} {{ alone }}",
        "{{ vars.word == 'a' }} {{ not vars.word }} {{ vars.blank == '' }} {{ vars.word is defined }} {{ vars.word is none }} {{ 1 == 1 }}",
        "{{ vars.word ~ contact.name ~ vars.hostile }} {{ vars.word | upper }} {{ vars.hostile | length }} {{ vars.many | join('<') }}",
        "{{ vars.hostile | lines }} {{ company.postal_address | lines }} {{ vars.hostile | replace('b', contact.name) }}",
        "{{ vars.at | date }} {{ vars.number | number }} {{ contact | addressee }} {{ company.name | addressee }}",
        "{{ company | addressee }} {{ company.name | addressee('group') }}",
        "{{ vars.missing }}",
        "{{ vars.missing.deeper }}",
        "{{ vars.word.upper }}",
        "{{ nobody.name }}",
        "{{ vars.unsafe | _url }}",
        "<a href='{{ vars.url | _url }}?{{ vars.hostile | _query_part }}'>",
        "{{ vars['word'] }} {{ vars.word[0] }} {{ vars.word | default('x') }} {{ vars.blank | default('x', true) }}",
        "{{ 'x' if vars.word else contact.name }} {{ vars.blank or contact.name }} {{ vars.word and vars.none }}",
        "{% if vars.word == 'a' %}yes {{ contact.name }}{% else %}no{% endif %} and {{ company.name }}",
        "{% if vars.blank %}1{% elif n == 2 %}2{% elif vars.word %}3{% elif n %}4{% else %}5{% endif %}",
        "{% if n == 3 %}1{% elif vars.blank %}2{% else %}{{ vars.word }}{% endif %}",
        "{% if locale == 'ja' %}ja{% endif %}.",
        "{% set vars = {'word': n} %}{{ vars.word }}",
        "{% for company in [contact] %}{{ company.name }}{{ loop.last }}{% else %}{{ alone }}{% endfor %}",
        "{% with vars = contact %}{{ vars.name }}{% endwith %}{{ company.name }}",
        "{% set x %}{{ vars.hostile }}{{ contact.name }}{% endset %}{{ x }}{% if vars.word %}{% set y = alone %}{{ y }}{% endif %}",
        "{{ vars }} {{ vars.many[1] }} {{ vars.hostile | e }} {{ vars.hostile * 3 }}",
    ],
)
def test_a_folded_template_writes_what_it_wrote(box: Sandbox, text: str) -> None:
    assert said(lambda: folded(box, text, SHARED)) == said(lambda: sandbox.compiled(box, text, "en"))


@pytest.mark.parametrize("locale", ["en", "ja"])
@pytest.mark.parametrize("name", Library(SHIPPED, "en").names("email"))
def test_every_shipped_mail_is_the_same_folded(name: str, locale: str) -> None:
    template = Library(SHIPPED, "en").email(name, locale)
    assert template is not None
    values = _nested({need: "https://x.example" if need.endswith(("_url", ".app")) else f"<{need}>" for need in template.needs})
    groups = ("company", "vars", "sender", "csm", "playbook", "unsubscribe_url")
    shared = {group: values[group] for group in groups if group in values}
    for number in (0, 1, 2):
        own = {name: value if isinstance(value, dict) else number for name, value in values.items() if name not in shared}
        context = {**own, **shared, "preferences_url": ""}
        try:
            whole = template.render(context)
        except Exception as error:  # noqa: BLE001 - a word where the template wants a date
            with pytest.raises(type(error)):
                template.folded(shared).render(context)
            continue
        assert template.folded(shared).render(context) == whole


def test_what_is_a_mails_own_is_read_from_its_context(tmp_path: Path) -> None:
    template = project(tmp_path, {"templates/email/m.md": "---\nsubject: S\n---\n{{ vars.docs }} {{ contact.name }}\n"}).email("m", "en")
    assert template is not None
    made = template.folded({"vars": {"docs": "written"}})
    assert made.render({**CONTEXT, "contact": {"name": "Ann"}}).text.startswith("written Ann\n")
    assert made.render({**CONTEXT, "contact": {"name": "Bo"}}).text.startswith("written Bo\n")


def test_shared_values_that_differ_have_other_keys_and_what_has_no_key_is_told_apart_by_none() -> None:
    assert Shared.of({"a": {"x": "1", "y": 2}}).key == Shared.of({"a": {"y": 2, "x": "1"}}).key != Shared.of({"a": {"x": "2", "y": 2}}).key
    assert Shared.of({"a": object()}).key == b""


def _nested(flat: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in flat.items():
        group, dot, attribute = name.partition(".")
        if dot:
            made.setdefault(group, {})[attribute] = value
        else:
            made[name] = value
    return made
