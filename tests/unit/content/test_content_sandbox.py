"""What a template may not do, when it is compiled and when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from cs_engine.content import sandbox
from cs_engine.content.failures import BrokenTemplate
from cs_engine.content.render import rendered
from tests.unit.content.project import mail, text_of

FORBIDDEN = [
    "{{ contact.name.upper() }}",
    "{{ range(9) }}",
    "{{ lipsum() }}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{% macro m() %}{% endmacro %}",
    "{% autoescape false %}{{ contact.name }}{% endautoescape %}",
    "{{ contact.name | safe }}",
    "{{ '%9999999d' | format(1) }}",
    "{{ 9 ** 9 ** 9 }}",
    "{% filter upper %}x{% endfilter %}",
    "{{ contact.name | tojson }}",
    "{{ contact.name | map('upper') | list }}",
    "{% for a in areas recursive %}{{ loop(a) }}{% endfor %}",
    "{{ cycler }}{% block x %}{% endblock %}",
    "{{ contact.name | _url }}",
]


@pytest.mark.parametrize("body", FORBIDDEN)
def test_what_has_no_place_in_a_template_is_refused_when_compiled(tmp_path: Path, body: str) -> None:
    with pytest.raises(BrokenTemplate) as broken:
        mail(tmp_path, body)
    assert {problem.code for problem in broken.value.problems} <= {"T315", "T303", "T304"}


@pytest.mark.parametrize(
    "expression",
    [
        "a.__class__",
        "a['__class__']",
        "b.__class__.__mro__",
        "a.items",
        "b.upper",
        "b.format",
        "[].append",
        "c.__init__",
        "c.real",
        "a.get",
    ],
)
def test_values_have_items_and_no_attributes(expression: str) -> None:
    """Even where a static check is passed by, the sandbox finds no attribute of any value."""
    template = sandbox.compiled(sandbox.text_sandbox("en"), "{{ " + expression + " }}", "en")
    with pytest.raises(UndefinedError):
        rendered(template, {"a": {"x": 1}, "b": "text", "c": 1})


def test_columns_may_be_called_like_methods_of_dicts() -> None:
    template = sandbox.compiled(sandbox.text_sandbox("en"), "{{ a.items }} {{ a.values }} {{ a['get'] }}", "en")
    assert rendered(template, {"a": {"items": 1, "values": 2, "get": 3}}) == "1 2 3"


@pytest.mark.parametrize("expression", ["'x' * 1000000000", "[1] * 1000000000", "text * 3", "'%1000000000d' % 1", "text % 1"])
def test_no_operator_fills_the_memory(expression: str) -> None:
    template = sandbox.compiled(sandbox.text_sandbox("en"), "{% set n = " + expression + " %}", "en")
    with pytest.raises(SecurityError):
        rendered(template, {"text": "abc"})


def test_numbers_may_be_multiplied(tmp_path: Path) -> None:
    assert text_of(mail(tmp_path, "{{ changes_28d * 2 }} {{ 7 % 4 }}")) == "6 3"


@pytest.mark.parametrize("value", [object(), lambda: "called", Path("/etc/passwd")])
def test_even_a_value_that_is_not_plain_gives_nothing_away(value: Any) -> None:
    for attribute in ("__class__", "parent", "__globals__", "read_text"):
        template = sandbox.compiled(sandbox.text_sandbox("en"), "{{ v." + attribute + " }}", "en")
        with pytest.raises(UndefinedError):
            rendered(template, {"v": value})


def test_slack_escapes_what_it_is_given() -> None:
    template = sandbox.compiled(sandbox.slack_sandbox("en"), "<https://x.example|a> {{ v }}", "en")
    assert rendered(template, {"v": "<!channel> & <@U1>"}) == "<https://x.example|a> &lt;!channel&gt; &amp; &lt;@U1&gt;"
