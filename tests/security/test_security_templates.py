"""A template, or a name in the data, that tries to reach what a template has no business with.

The corpus is what is published of attacks on Jinja2: objects' classes and globals, the environment, files, imports, code, loops
without end. A template of that kind is refused when it is compiled, or fails when it runs; data of that kind is text.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cs_engine.content.failures import BrokenTemplate, RenderFailed
from cs_engine.content.library import Library
from tests.unit.content.project import BARE, CONTEXT, mail, project, text_of

ATTACKS = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ [].__class__.__base__.__subclasses__()[0] }}",
    "{{ ''['__class__']['__mro__'][1] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ ''|attr(['_'*2,'class','_'*2]|join) }}",
    "{{ contact['__class__'] }}",
    "{{ contact.__init__.__globals__ }}",
    "{{ contact|map(attribute='__class__')|list }}",
    "{{ [contact]|map(attribute='__class__')|list }}",
    "{{ [contact]|selectattr('__class__')|list }}",
    "{{ [contact]|groupby('__class__') }}",
    "{{ [contact]|sort(attribute='__class__') }}",
    "{{ [contact]|sum(attribute='__class__') }}",
    "{{ [contact]|unique(attribute='__class__')|list }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{ config }}",
    "{{ config.items() }}",
    "{{ request.application.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__.os.environ }}",
    "{{ namespace.__init__.__globals__.os.environ }}",
    "{% set x = namespace(a=1) %}{% set x.__class__ = 1 %}",
    "{{ dict(a=1).__class__ }}",
    "{{ range.__class__ }}",
    "{{ loop }}",
    "{% for a in [1] %}{{ loop.__class__ }}{% endfor %}",
    "{% for a in [1] %}{{ loop._iterable }}{% endfor %}",
    "{% for a in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% import 'os' as os %}{{ os }}",
    "{% from 'os' import environ %}{{ environ }}",
    "{% include '/etc/passwd' %}",
    "{% include '../../.env' %}",
    "{% extends '/etc/passwd' %}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{{ m() }}",
    "{% call(x) contact() %}{% endcall %}",
    "{{ ().__class__.__bases__[0] }}",
    "{{ (1).__class__ }}",
    "{{ true.__class__ }}",
    "{{ none.__class__ }}",
    "{{ '{0.__class__}'.format(contact) }}",
    "{{ '{0.__class__}'|format(contact) }}",
    "{{ '%s'|format(contact.__class__) }}",
    "{{ contact|string|attr('__class__') }}",
    "{{ contact|pprint }}",
    "{{ contact|tojson }}",
    "{{ contact|xmlattr }}",
    "{{ '<b>'|safe }}",
    "{% autoescape false %}{{ contact.name }}{% endautoescape %}",
    "{% debug %}",
    "{{ undefined_name.__class__ }}",
    "{{ 'x' * 100000000 }}",
    "{{ 'x' % 100000000 }}",
    "{{ '%100000000d' % 1 }}",
    "{{ 9**9**9 }}",
    "{{ [1]*100000000 }}",
    "{{ 'x'|center(100000000) }}",
    "{{ 'x'|indent(100000000) }}",
    "{{ contact.name|wordwrap(1) }}",
    "{% for a in range(100000000) %}x{% endfor %}",
    "{{ open('/etc/passwd').read() }}",
    "{{ __import__('os').environ }}",
    "{{ eval('1') }}",
]
GIVEN_AWAY = ("class '", "<function", "<module", "object at 0x", "root:", "PATH=", "TemplateReference", "built-in", "uid=")


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_template_reaches_nothing_but_its_values(tmp_path: Path, attack: str) -> None:
    try:
        made = mail(tmp_path, attack)
    except (BrokenTemplate, RenderFailed):
        return
    told = made.subject + made.html + made.text
    assert not [word for word in GIVEN_AWAY if word in told]
    assert len(told) < 5_000


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_a_customer_is_called_is_text(tmp_path: Path, attack: str) -> None:
    """The name stands in the subject, the text and the HTML as it was written: it is not a template."""
    contact = {"name": attack, "timezone": "Asia/Tokyo"}
    made = mail(tmp_path, "Dear {{ contact.name }},", subject="For {{ contact.name }}", contact=contact)
    plain = " ".join(attack.split())
    assert plain in " ".join(made.subject.split())
    assert plain in " ".join(made.text.split())
    assert "__globals__" not in made.html or "__globals__" in attack


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if '"' not in attack and "\\" not in attack])
def test_an_alert_reaches_nothing_but_its_values(tmp_path: Path, attack: str) -> None:
    text = f'text: "For {attack}"\nblocks:\n  - type: section\n    text: {{type: mrkdwn, text: "For {attack}"}}\n'
    library = Library(project(tmp_path, {"templates/slack/m.yaml": text}, BARE).root, "en")
    try:
        template = library.slack("m", "en")
        assert template is not None
        said, blocks = template.render(CONTEXT)
    except (BrokenTemplate, RenderFailed):
        return
    told = said + str(blocks)
    assert not [word for word in GIVEN_AWAY if word in told]
    assert len(told) < 5_000


def test_the_corpus_would_be_noticed() -> None:
    """Stock Jinja gives away what this corpus asks for: the attacks are real."""
    from jinja2 import Environment

    gave = 0
    for attack in ATTACKS[:20]:
        try:
            told = Environment().from_string(attack).render(CONTEXT)
        except Exception:  # noqa: BLE001 - some need a web framework around them
            continue
        gave += any(word in told for word in GIVEN_AWAY)
    assert gave >= 8


def test_text_of_a_mail_that_holds_an_attack_is_still_a_mail(tmp_path: Path) -> None:
    made = mail(tmp_path, "Dear {{ contact.name }},", contact={"name": "<script>alert(1)</script>", "timezone": "UTC"})
    assert "<script" not in made.html
    assert "Dear <script>alert(1)</script>" in text_of(made)
