"""A mail from Markdown to HTML and text: Jinja survives both, and data stays data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cs_engine.content.failures import RenderFailed
from cs_engine.content.mail import MOST_SUBJECT
from tests.unit.content.project import CONTEXT, body_of, mail, project, text_of

AREAS = [{"name": "Editor", "n": 1200}, {"name": "API", "n": 7}]

GOLDEN = [
    pytest.param("Hi **{{ contact.name }}**,", "<p>Hi <strong>Alex Morgan</strong>,</p>", "Hi Alex Morgan,", id="value in bold"),
    pytest.param(
        "[Docs]({{ vars.docs }}/a?q={{ account.name }})",
        '<p><a href="https://docs.vendor.example/a?q=Acme">Docs</a></p>',
        "Docs: https://docs.vendor.example/a?q=Acme",
        id="link",
    ),
    pytest.param(
        "<https://x.example/a>", '<p><a href="https://x.example/a">https://x.example/a</a></p>', "https://x.example/a", id="bare link"
    ),
    pytest.param("**[Go](https://x.example)**", '<a href="https://x.example">Go</a>', "Go: https://x.example", id="button"),
    pytest.param(
        "A{% if changes_28d > 2 %} and B{% endif %}{% if changes_28d > 9 %} and C{% endif %}.",
        "<p>A and B.</p>",
        "A and B.",
        id="inline if",
    ),
    pytest.param(
        "A\n{% if changes_28d > 9 %}\nB\n{% else %}\nC\n{% endif %}\nD", "<p>A</p><p>C</p><p>D</p>", "A\n\nC\n\nD", id="if on its own lines"
    ),
    pytest.param(
        "A\n\n{% if changes_28d > 9 %}B{% endif %}\n\nC", "<p>A</p><p>C</p>", "A\n\nC", id="a paragraph that is left out leaves no shell"
    ),
    pytest.param(
        "{% for a in areas %}\n- {{ a.name }}\n{% endfor %}",
        "<ul><li>Editor</li><li>API</li></ul>",
        "- Editor\n- API",
        id="loop of items is one list",
    ),
    pytest.param(
        "- first\n{% for a in areas %}\n- {{ a.name }}\n{% endfor %}\n- last",
        "<ul><li>first</li><li>Editor</li><li>API</li><li>last</li></ul>",
        "- first\n- Editor\n- API\n- last",
        id="loop in a list",
    ),
    pytest.param(
        "- one\n{% if changes_28d > 9 %}\n- two\n{% endif %}\n- three{% if changes_28d %} and more{% endif %}",
        "<ul><li>one</li><li>three and more</li></ul>",
        "- one\n- three and more",
        id="conditional item",
    ),
    pytest.param("- a\n- {% if changes_28d > 9 %}b{% endif %}", "<ul><li>a</li></ul>", "- a", id="an item that is left out leaves no mark"),
    pytest.param(
        "1. one\n{% for a in areas %}\n2. {{ a.name }}\n{% endfor %}",
        "<ol><li>one</li><li>Editor</li><li>API</li></ol>",
        "1. one\n2. Editor\n3. API",
        id="numbers go on in a loop",
    ),
    pytest.param(
        "| Area | Changes |\n|---|--:|\n{% for a in areas %}\n| {{ a.name }} | {{ a.n | number }} |\n{% endfor %}\n\nEnd",
        "<table><thead><tr><th>Area</th><th>Changes</th></tr></thead><tbody>"
        "<tr><td>Editor</td><td>1,200</td></tr><tr><td>API</td><td>7</td></tr></tbody></table><p>End</p>",
        f"Area | Changes\n{'-' * 40}\nEditor | 1,200\nAPI | 7\n\nEnd",
        id="loop of rows",
    ),
    pytest.param(
        "{% if changes_28d > 9 %}\n| A | B |\n|---|---|\n| 1 | 2 |\n{% else %}\n| C | D |\n|---|---|\n| 3 | 4 |\n{% endif %}\nEnd",
        "<table><thead><tr><th>C</th><th>D</th></tr></thead><tbody><tr><td>3</td><td>4</td></tr></tbody></table><p>End</p>",
        f"C | D\n{'-' * 40}\n3 | 4\n\nEnd",
        id="one table or the other",
    ),
    pytest.param(
        "A\n{% if changes_28d > 9 %}\n**[Go](https://x.example)**\n{% endif %}\nB", "<p>A</p><p>B</p>", "A\n\nB", id="conditional button"
    ),
    pytest.param(
        "{% for a in areas %}\n**[{{ a.name }}](https://x.example/{{ a.n }})**\n{% endfor %}",
        '<a href="https://x.example/1200">Editor</a><a href="https://x.example/7">API</a>',
        "Editor: https://x.example/1200\n\nAPI: https://x.example/7",
        id="loop of buttons",
    ),
    pytest.param("> Said {{ contact.name }}", "<blockquote><p>Said Alex Morgan</p></blockquote>", "> Said Alex Morgan", id="quotation"),
    pytest.param("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>", "<b>x</b>", id="HTML is text"),
    pytest.param(r"\{\{ 7*7 }} and `{# x #}`", "<p>{{ 7*7 }} and ``</p>", "{{ 7*7 }} and ``", id="escaped braces are text"),
    pytest.param("{% raw %}{{ x }}{% endraw %}", "<p>{{ x }}</p>", "{{ x }}", id="raw"),
    pytest.param("a {# not shown #}b", "<p>a b</p>", "a b", id="comment"),
    pytest.param("{% set n = changes_28d + 1 %}\nn is {{ n }}", "<p>n is 4</p>", "n is 4", id="set"),
    pytest.param("a\\\nb", "<p>a<br>b</p>", "a\nb", id="hard break"),
    pytest.param("a\nb", "<p>a b</p>", "a b", id="a line's end is a space"),
    pytest.param("日本語の\n続き", "<p>日本語の続き</p>", "日本語の続き", id="and nothing in Japanese"),
    pytest.param(
        "これは**「重要」**です", "<p>これは<strong>「重要」</strong>です</p>", "これは「重要」です", id="bold beside Japanese brackets"
    ),
    pytest.param(
        "blank: {{ account.renewal_at }}|{{ a }}|{{ b }}|{{ c }}", "<p>blank: |3|2.5|yes</p>", "blank: |3|2.5|yes", id="bare values"
    ),
]


@pytest.mark.parametrize(("body", "html", "text"), GOLDEN)
def test_markdown_and_jinja_make_html_and_text(tmp_path: Path, body: str, html: str, text: str) -> None:
    made = mail(tmp_path, body, areas=AREAS, a=3.0, b=2.5, c=True)
    assert body_of(made) == html
    assert text_of(made) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{% for a in areas %}\n- {{ a.name }}\n{% endfor %}\n\nEnd", "End"),
        ("A\n\n{% for a in areas %}\nX {{ a.name }}\n{% endfor %}\n\nB", "A\n\nB"),
    ],
)
def test_an_empty_loop_leaves_no_gap_in_the_text(tmp_path: Path, body: str, text: str) -> None:
    assert text_of(mail(tmp_path, body, areas=[])) == text


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "](javascript:alert(1))",
    "**bold** [x](http://evil.example)",
    "jnja00000z",
    "a\nb\r\nBcc: evil@evil.example",
    "مرحبا بالعالم",
    "👩‍👩‍👧‍👦🎉",
    "長" * 10_000,
    "a & b | c ~ `d`",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_data_is_never_code(tmp_path: Path, name: str) -> None:
    """A name from data appears as it is: escaped in HTML, unread by Markdown and Jinja, on one line in the subject."""
    body = "Hi {{ contact.name }},\n\n| N |\n|---|\n| {{ contact.name }} |\n\n[x](https://x.example/?q={{ contact.name }})"
    made = mail(tmp_path, body, subject="For {{ contact.name }}", contact={"name": name})
    assert f"Hi {name}," in made.text
    shown = body_of(made)
    assert "<script" not in shown
    assert "<img" not in shown
    assert shown.count("<a ") == 1
    assert "49" not in made.text
    href = re.search(r'href="https://x\.example/\?q=([^"]*)"', made.html)
    assert href is not None
    assert re.fullmatch(r"[\w%@~.-]*", href.group(1), re.ASCII)
    assert not re.search(r"[\x00-\x1f\x7f\u2028\u202e]", made.subject)
    assert len(made.subject) <= MOST_SUBJECT


def test_a_subject_is_one_line_of_plain_text(tmp_path: Path) -> None:
    made = mail(tmp_path, "x", subject="{{ contact.name }} & <you> #42", contact={"name": "A\r\nBcc: b@c.example\x00\u2028\u202eevil"})
    assert made.subject == "A Bcc: b@c.example evil & <you> #42"


@pytest.mark.parametrize("url", ["javascript:alert(1)", " data:text/html,x", "//evil.example", "/path", "", None, "https:///x"])
def test_a_url_from_data_is_http_or_mailto(tmp_path: Path, url: Any) -> None:
    with pytest.raises(RenderFailed) as failed:
        mail(tmp_path, "[x]({{ vars.docs }})", vars={"docs": url})
    assert failed.value.reason == "unsafe_url"


def test_what_is_missing_fails_by_name_and_shows_no_value(tmp_path: Path) -> None:
    template = project(tmp_path, {"templates/email/m.md": "---\nsubject: x\n---\n{{ contact.name }} {{ account.plan }}"}).email("m", "en")
    assert template is not None
    with pytest.raises(RenderFailed) as failed:
        template.render({**CONTEXT, "contact": {"name": "Secret Person"}})
    assert (failed.value.reason, failed.value.template, failed.value.name) == ("undefined_variable", "m", "account.plan")
    assert "Secret" not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


def test_an_error_of_python_shows_no_value(tmp_path: Path) -> None:
    with pytest.raises(RenderFailed) as failed:
        mail(tmp_path, "{{ contact.name | int + contact.name }}", contact={"name": "Secret Person"})
    assert failed.value.reason == "template_failed"
    assert "Secret" not in repr(failed.value)


def test_output_is_capped(tmp_path: Path) -> None:
    with pytest.raises(RenderFailed) as failed:
        mail(tmp_path, "{% for a in areas %}{% for b in areas %}{{ a }}{% endfor %}{% endfor %}", areas=["x" * 100] * 100)
    assert failed.value.reason == "too_long"


def test_a_value_before_sama_is_a_name(tmp_path: Path) -> None:
    """A blank name makes no bare 様, and a name that has its title gets no second one."""
    for name, subject in (("山田", "山田様 契約 #42"), ("山田様", "山田様 契約 #42"), (None, "ご担当者様 契約 #42")):
        assert mail(tmp_path, "x", subject="{{ contact.name }}様 契約 #42", locale="ja", contact={"name": name}).subject == subject


def test_a_mail_is_signed_once(tmp_path: Path) -> None:
    files = {
        "templates/email/signed.md": "---\nsubject: x\n---\nHello\n\n{{ sender.signature }}\n",
        "templates/email/unsigned.md": "---\nsubject: x\n---\nHello\n",
    }
    library = project(tmp_path, files)
    for name in ("signed", "unsigned"):
        template = library.email(name, "en")
        assert template is not None
        made = template.render(CONTEXT)
        assert made.text.count("Dana Reyes\nVendor") == 1
        assert made.html.count("Dana Reyes<br>Vendor") == 1
    assert "Dana Reyes" in library.email("unsigned", "en").render({**CONTEXT, "sender": {"name": "Dana Reyes", "signature": ""}}).text  # type: ignore[union-attr]


@pytest.mark.parametrize(("locale", "word"), [("en", "Unsubscribe"), ("ja", "配信を停止する")])
def test_the_footer_keeps_mail_law(tmp_path: Path, locale: str, word: str) -> None:
    """Company, postal address, contact and the way out, in the mail's locale; no way out of transactional mail."""
    suffix = "" if locale == "en" else ".ja"
    template = project(tmp_path, {f"templates/email/m{suffix}.md": "---\nsubject: x\n---\nHello"}).email("m", locale)
    assert template is not None
    made = template.render(CONTEXT)
    for part in (made.html.replace("<br>", "\n"), made.text):
        assert "Vendor\n1 Street\nTown" in part
        assert "help@vendor.example" in part
        assert "mailto:stop@vendor.example?subject=stop" in part
        assert word in part
        assert "Acme" in part
    transactional = template.render({**CONTEXT, "unsubscribe_url": ""})
    assert word not in transactional.html + transactional.text
