"""`answer('step.field')` in a template is the name of a value: nothing is called, and a choice says its label."""

from __future__ import annotations

import pickle

import pytest
from jinja2.exceptions import TemplateError

from cs_engine.content.answered import Choice
from cs_engine.content.sandbox import compiled, html_sandbox, slack_sandbox, text_sandbox
from cs_engine.content.source import Span
from cs_engine.content.spans import reads_of
from cs_engine.content.variables import places
from cs_engine.language.problems import Problems

GIVEN = {"answer": {"plan.size": Choice("l", "<Large>")}, "done": {"plan": True}}


def test_a_choice_is_said_by_its_label_and_compared_by_its_value() -> None:
    text = "{{ answer('plan.size') }} {{ answer(\"plan.size\") == 'l' }} {{ done('plan') }}"
    said = [
        compiled(box("en"), text, "en").render(pickle.loads(pickle.dumps(GIVEN))) for box in (text_sandbox, html_sandbox, slack_sandbox)
    ]
    assert said == ["<Large> yes yes", "&lt;Large&gt; yes yes", "&lt;Large&gt; yes yes"]


def test_what_is_read_is_known_with_its_place() -> None:
    span = Span("Hi {{ name }},\n{% if done('plan') %}{{ answer( 'plan.size' ) | upper }}{% endif %}", "a.md")
    assert reads_of(span, Problems()).needs == {"name", "done:plan", "answer:plan.size"}
    assert {name: (place.line, place.column) for name, place in places(span) if ":" in name} == {
        "done:plan": (2, 7),
        "answer:plan.size": (2, 25),
    }


@pytest.mark.parametrize(
    "text",
    [
        "answer('a.b')('c')",
        "answer(x)",
        "answer('a.b', 'c')",
        "answer(said='a.b')",
        "answer(*x)",
        "x.answer('a.b')",
        "answer('a.b').upper()",
    ],
)
def test_nothing_else_is_called(text: str) -> None:
    problems = Problems()
    reads_of(Span(f"{{{{ {text} }}}}", "a.md"), problems)
    assert [problem.code for problem in problems] == ["T315"]
    with pytest.raises((TemplateError, TypeError)):
        compiled(text_sandbox("en"), f"{{{{ {text} }}}}", "en").render({**GIVEN, "answer": {"a.b": "text"}, "x": "a.b"})
