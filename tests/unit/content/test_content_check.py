"""Every mistake in a template is found before anything is sent: its code, its place, its mend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from cs_engine.content.check import TemplateUse, check
from cs_engine.content.library import FOLDER, SUFFIX, Kind
from cs_engine.content.source import source_digest
from cs_engine.language.expression import Grain
from cs_engine.language.problems import Level, Place, Problem
from tests.unit.content.project import LAYOUT, project

USED_AT = Place("playbooks/p.yaml", 7, 5)
ACCOUNT = {"account.name", "account.plan", "champion.name", "changes_28d"}
CONTACT = {"contact.name", "contact.role", "account.name", "account.changes_28d", "changes_28d"}


def known(grain: Grain) -> set[str]:
    return ACCOUNT if grain is Grain.ACCOUNT else CONTACT


def checked(
    root: Path, files: Mapping[str, str], uses: Sequence[TemplateUse] | None = None, locales: Sequence[str] = ("en",)
) -> list[Problem]:
    library = project(root, files)
    if uses is None:
        kinds: Sequence[Kind] = ("email", "slack")
        uses = [TemplateUse(name, kind, Grain.ACCOUNT, USED_AT) for kind in kinds for name in library.names(kind)]
    return check(library, uses, known, locales)


def said(problems: Sequence[Problem]) -> list[str]:
    return [f"{p.place.line}:{p.place.column} {p.code}" for p in problems]


def mail_problems(root: Path, text: str, locale: str = "en") -> list[Problem]:
    files = {"templates/email/m.md": text}
    if locale != "en":
        original = "---\nsubject: x\n---\nx\n"
        translated = text.replace("---\n", f"---\nsource: {source_digest(original)}\n", 1)
        files = {"templates/email/m.md": original, f"templates/email/m.{locale}.md": translated}
    return checked(root, files)


MAIL = "---\nsubject: Hello\n---\n"

MISTAKES = [
    pytest.param(MAIL + "Hi {{ contact.nmae }}", "4:7 T304", 'did you mean "contact.name"?', id="unknown variable"),
    pytest.param(MAIL + "x\n{% if chnges_28d > 2 %}y{% endif %}", "5:7 T304", 'did you mean "changes_28d"?', id="unknown metric"),
    pytest.param(
        "---\nsubject: For {{ acount.name }}\n---\nx", "2:17 T304", 'did you mean "account"?', id="unknown variable in the subject"
    ),
    pytest.param(MAIL + "{{ milestone.title }}", "4:4 T304", "only a milestone notice has one", id="a milestone outside a notice"),
    pytest.param(MAIL + "Hi {{ contact }}", "4:7 T304", 'write "contact.name"', id="a group alone"),
    pytest.param(MAIL + "a\n\nHi {{ contact.name }", "6:4 T303", "", id="syntax"),
    pytest.param(MAIL + "{% if changes_28d %}\nx", "4:1 T303", "", id="a block that does not end"),
    pytest.param(
        MAIL + "a {% if changes_28d %}b\n\nc{% endif %}", "4:3 T316", "open and close it in one paragraph", id="a block across paragraphs"
    ),
    pytest.param(MAIL + "**a {% if changes_28d %}b** c{% endif %}", "4:5 T316", "", id="a block across bold"),
    pytest.param(MAIL + "{{ contact.name.upper() }}", "4:4 T315", "use a filter", id="a call"),
    pytest.param(MAIL + "{{ contact.name | uper }}", "4:19 T315", 'did you mean "upper"?', id="an unknown filter"),
    pytest.param(MAIL + "{{ contact.name | safe }}", "4:19 T315", "", id="the filter that would let HTML through"),
    pytest.param(MAIL + "{% if contact.name is strng %}x{% endif %}", "4:23 T315", 'did you mean "string"?', id="an unknown test"),
    pytest.param(MAIL + "[x](javascript:alert)", "4:5 T317", "links begin with https://", id="a link that runs"),
    pytest.param(MAIL + "see [x](/docs)", "4:9 T317", "", id="a relative link"),
    pytest.param(MAIL + "[x]({% if changes_28d %}https://a.example{% endif %})", "4:5 T317", "", id="a tag in a link"),
    pytest.param(MAIL + "a<br>b", "4:2 T318", "write Markdown", id="HTML"),
    pytest.param("Hello", "1:1 T305", "", id="no front matter"),
    pytest.param("---\nsubject: x\n", "1:1 T305", "", id="front matter without end"),
    pytest.param("---\nsubject: x\nhello\n---\nx", "3:1 T305", "", id="no key"),
    pytest.param("---\nsubject: x\npreheader：y\n---\nx", "3:10 T305", 'write ":"', id="a full-width colon"),
    pytest.param("---\nsubjct: x\n---\nx", "2:1 T306", 'did you mean "subject"?', id="an unknown key"),
    pytest.param("---\nsubject: x\nsubject: y\n---\nx", "3:1 T307", "line 2", id="a key twice"),
    pytest.param("---\npreheader: x\n---\nx", "1:1 T308", "", id="no subject"),
    pytest.param("---\nsubject:\n---\nx", "2:1 T308", "", id="an empty subject"),
    pytest.param(f"---\nsubject: {'x' * 151}\n---\nx", "2:10 T309", "", id="a long subject"),
    pytest.param(MAIL + "This is a no-reply address.", "4:11 T313", "", id="no-reply"),
    pytest.param("---\nsubject: x\nsource: 01234567\n---\nx", "3:9 T311", "", id="a source in no translation"),
]


@pytest.mark.parametrize(("text", "where", "mend"), MISTAKES)
def test_a_mistake_in_a_mail_is_placed_and_mended(tmp_path: Path, text: str, where: str, mend: str) -> None:
    problems = mail_problems(tmp_path, text)
    assert where in said(problems)
    found = next(p for p in problems if said([p]) == [where])
    assert mend in found.mend
    assert found.place.file == "templates/email/m.md"


@pytest.mark.parametrize(
    ("body", "underlined"),
    [
        ("Hi {{ contact.name | upper | uper }}, {{ contact.name | upper }}", ["uper"]),
        ("{{ contact.name }} {{ contact.name.upper() }}", ["contact.name.upper()"]),
        ("{{ contact.name.split(',', (1)) | first }}", ["contact.name.split(',', (1))"]),
        ("{{ ''.__class__ }}", ["__class__"]),
        ("{{ contact.name }} {{ 'x'.name }}", ["name"]),
        ("{{ ''['__class__'] }}", ["{{ ''['__class__'] }}"]),
        ("{{ contact.name.first }}", ["first"]),
        ("{% for x in contact.name %}{{ x.__class__ }}{{ loop.index }}{{ x.y }}{% endfor %}", ["__class__"]),
        ("{% for x in contact.name recursive %}{% endfor %}{% for x in contact.name %}{% endfor %}", ["recursive"]),
        ("Hi {% include 'x' %}", ["include"]),
        ("{{ changes_28d ** 2 }}", ["**"]),
        ("{{ contact.name }} and {{ contact.name | }}", ["{{ contact.name | }}"]),
        ("a {{ contact.name } b", ["{{ contact.name } b"]),
        ("{% if changes_28d %}{% if contact.name %}x\n\n{% endif %}\n\nx", ["{% if changes_28d %}"]),
        ("{{ contact.name }} {% fi %}", ["{% fi %}"]),
    ],
)
def test_the_words_that_cannot_be_said_are_underlined(tmp_path: Path, body: str, underlined: list[str]) -> None:
    """T303 and T315 stand at the filter, the call, the name or the braces, not at their line."""
    text = MAIL + body
    lines = text.split("\n")
    found = [p.place for p in mail_problems(tmp_path, text) if p.code in ("T303", "T315")]
    assert [lines[at.line - 1][at.column - 1 : at.column - 1 + at.length] for at in found] == underlined


def test_a_misspelt_key_is_the_missing_one(tmp_path: Path) -> None:
    """`subjct:` is one mistake, not two."""
    assert said(mail_problems(tmp_path, "---\nsubjct: x\n---\nx")) == ["2:1 T306"]


def test_all_mistakes_of_a_mail_at_once(tmp_path: Path) -> None:
    text = "---\nsubject: x\nprehead: y\n---\n{{ contact.nmae }} {{ account.pln }}\n\n{{ contact.name | uper }} no-reply"
    assert said(mail_problems(tmp_path, text)) == ["3:1 T306", "5:4 T304", "5:23 T304", "7:19 T315", "7:27 T313"]


def test_a_body_that_is_no_jinja_hides_nothing_of_the_subject(tmp_path: Path) -> None:
    """Each piece is judged by itself: what cannot be read is passed over, not the whole mail."""
    text = "---\nsubject: For {{ acount.name }}\npreheader: '{% if x'\n---\n{{ account.name }"
    assert said(mail_problems(tmp_path, text)) == ["2:17 T304", "3:13 T303", "5:1 T303"]


def test_a_wrong_block_hides_no_name_of_a_slack_template(tmp_path: Path) -> None:
    """The names of the block's own text too; a text that is no Jinja has none."""
    text = (
        "text: Hi {{ champion.nam }}\nblocks:\n  - type: sektion\n    text: {type: mrkdwn, text: '{{ account.pln }}'}\n"
        "  - type: section\n    text: {type: mrkdwn, text: '{{ account.nme '}\n"
    )
    assert said(checked(tmp_path, {"templates/slack/s.yaml": text})) == ["1:13 T304", "3:11 T332", "4:36 T304", "6:33 T303"]


HONORIFICS = [
    ("山田様様", "1"),
    ("{{ contact.name }}様様", "1"),
    ("株式会社A御中 山田様", "1"),
    ("株式会社A 御中\n山田様", "1"),
    ("営業部御中様", "1"),
    ("各位様", "1"),
    ("{{ contact | addressee }}様", "1"),
    ("{{ contact | addressee }} 御中", "1"),
    ("様\n\nお世話", "1"),
    ("いつも 様", "1"),
    ("{{ contact.name }}様 契約の更新", ""),
    ("皆様、仕様の様子を同様にお客様へ", ""),
    ("{{ contact | addressee }}\n\n様々な", ""),
    ("株式会社A 御中\n\nいつもお世話になっております。ご担当者様", ""),
    ("{{ account | addressee }}", ""),
]


@pytest.mark.parametrize(("body", "wrong"), HONORIFICS)
def test_forms_of_address_in_japanese(tmp_path: Path, body: str, wrong: str) -> None:
    problems = mail_problems(tmp_path, f"---\nsubject: x\n---\n{body}\n", "ja")
    assert bool(problems) == bool(wrong), [p.render() for p in problems]
    assert {p.code for p in problems} <= {"T312"}


@pytest.mark.parametrize(
    "body",
    ["このメールは送信専用です。", "このメールに返信しないでください", "返信いただいてもお答えできません", "Do not reply to this mail"],
)
def test_mail_comes_from_a_person(tmp_path: Path, body: str) -> None:
    assert [p.code for p in mail_problems(tmp_path, f"---\nsubject: x\n---\n{body}\n", "ja")] == ["T313"]


def test_a_template_that_is_not_there(tmp_path: Path) -> None:
    uses = [TemplateUse("onboarding/welcom", "email", Grain.ACCOUNT, USED_AT), TemplateUse("../x", "email", Grain.ACCOUNT, USED_AT)]
    problems = checked(tmp_path, {"templates/email/onboarding/welcome.md": MAIL + "x"}, uses)
    missing = [p for p in problems if p.code == "T301"]
    assert [p.mend for p in missing] == ["a template lies inside the project", 'did you mean "onboarding/welcome"?']
    assert {p.place for p in missing} == {USED_AT}


def test_a_locale_that_people_have_is_an_error(tmp_path: Path) -> None:
    problems = checked(tmp_path, {"templates/email/m.md": MAIL + "x"}, locales=["en", "ja", "ja-JP", "en-GB"])
    assert [(p.code, p.level, p.place, p.mend) for p in problems] == [
        ("T302", Level.ERROR, USED_AT, "write templates/email/m.ja.md"),
    ]


def test_a_mail_that_lacks_a_locale_of_the_others_is_a_warning(tmp_path: Path) -> None:
    """Found before any people are synced: the project writes Japanese, and here it does not."""
    files = {f"templates/email/{name}.md": MAIL + "x" for name in ("a", "b", "a.ja")}
    problems = [p for p in checked(tmp_path, files) if p.code == "T302"]
    assert [(p.level, p.mend) for p in problems] == [(Level.WARNING, "write templates/email/b.ja.md")]


def test_a_translation_whose_source_has_changed(tmp_path: Path) -> None:
    source = MAIL + "Hello\n"
    for mark, code in ((f"source: {source_digest(source)}\n", None), ("source: 01234567\n", "T310"), ("", "T311")):
        files = {"templates/email/m.md": source, "templates/email/m.ja.md": f"---\n{mark}subject: x\n---\nx\n"}
        problems = checked(tmp_path, files)
        assert [(p.code, p.level) for p in problems] == ([(code, Level.WARNING)] if code else [])
        assert all(source_digest(source) in p.mend for p in problems)


def test_line_ends_do_not_age_a_translation() -> None:
    assert source_digest("a\r\nb\r\n") == source_digest("\ufeffa\nb\n")


def test_a_template_that_nobody_uses_is_a_warning(tmp_path: Path) -> None:
    problems = checked(tmp_path, {"templates/email/m.md": MAIL + "x", "templates/slack/s.yaml": "text: x\n"}, uses=[])
    assert [(p.place.file, p.code, p.level) for p in problems] == [
        ("templates/email/m.md", "T314", Level.WARNING),
        ("templates/slack/s.yaml", "T314", Level.WARNING),
    ]


def test_what_is_wrong_in_a_template_that_nobody_uses_is_one_warning(tmp_path: Path) -> None:
    files = {"templates/email/m.md": MAIL + "{{ nope }} {{ neither }}", "templates/email/m.ja.md": MAIL + "{{ nope }}"}
    (problem,) = checked(tmp_path, files, uses=[])
    assert (problem.code, problem.level) == ("T314", Level.WARNING)
    assert problem.message == "no playbook uses this template, and it has 3 errors"


def test_names_depend_on_what_the_playbook_is_about(tmp_path: Path) -> None:
    files = {
        "templates/email/m.md": MAIL + "{{ account.plan }} {{ account.changes_28d }} {{ contact.role }} {{ csm.name }} {{ now | date }}"
    }
    account = checked(tmp_path, files, [TemplateUse("m", "email", Grain.ACCOUNT, USED_AT)])
    contact = checked(tmp_path, files, [TemplateUse("m", "email", Grain.CONTACT, USED_AT)])
    assert said(account) == ["4:23 T304"]
    assert said(contact) == ["4:4 T304"]
    assert "playbooks/p.yaml sends it about a contact" in contact[0].message


def test_vars_are_those_of_every_playbook_that_sends_it(tmp_path: Path) -> None:
    files = {"templates/email/m.md": MAIL + "[x]({{ vars.docs }})"}
    uses = [TemplateUse("m", "email", Grain.ACCOUNT, USED_AT, vars=names) for names in (("docs",), ("dcs",))]
    assert [p.mend for p in checked(tmp_path, files, uses)] == ['did you mean "vars.dcs"?']
    assert checked(tmp_path, files, uses[:1]) == []


def test_a_milestone_notice_names_its_milestone(tmp_path: Path) -> None:
    files = {"templates/email/m.md": MAIL + "{{ milestone.title }}", "templates/slack/s.yaml": "text: '{{ milestone.title }}'\n"}
    kinds: Sequence[tuple[str, Kind]] = (("m", "email"), ("s", "slack"))
    assert checked(tmp_path, files, [TemplateUse(name, kind, Grain.ACCOUNT, USED_AT, milestone=True) for name, kind in kinds]) == []


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (("<mj-divider", "<mj-dividr"), "T321", "mj-dividr"),
        (("<mj-column>", "<div><mj-column>"), "T321", "<div>"),
        (("<mj-text css", "<mj-include path='x' /><mj-text css"), "T321", "mj-include"),
        (("</mj-column>", ""), "T322", "no MJML"),
        (("{{ company.postal_address | lines }}", ""), "T323", "company.postal_address"),
        (("{{ unsubscribe_url }}", ""), "", ""),
        (("{{ company.name }}", "{{ company.nam }}"), "T323", "company.name"),
        (("{{ body }}", ""), "T323", "body"),
        (("{% endif %}", ""), "T303", "not a Jinja template"),
    ],
)
def test_mistakes_in_the_layout(tmp_path: Path, change: tuple[str, str], code: str, message: str) -> None:
    name = "templates/email/layout.mjml"
    problems = checked(tmp_path, {"templates/email/m.md": MAIL + "x", name: LAYOUT[name].replace(*change)})
    assert {p.code for p in problems} == ({code} if code else set())
    assert all(p.place.file == name and message in p.message for p in problems)


def test_a_layout_that_sets_many_mails_is_told_of_once_when_it_is_broken(tmp_path: Path) -> None:
    name = "templates/email/layout.txt"
    files = {"templates/email/m.md": MAIL + "x", "templates/email/n.md": MAIL + "y", name: LAYOUT[name] + "{{ company.name }"}
    uses = [TemplateUse(mail, "email", Grain.ACCOUNT, USED_AT) for mail in ("m", "n")]
    assert [(p.place.file, p.code) for p in checked(tmp_path, files, uses)] == [(name, "T303")]


def test_no_layout(tmp_path: Path) -> None:
    library = project(tmp_path, {"templates/email/m.md": MAIL + "x"}, layout={})
    problems = check(library, [TemplateUse("m", "email", Grain.ACCOUNT, USED_AT)], known, ["en"])
    assert [p.code for p in problems] == ["T320", "T320"]


SLACK = [
    pytest.param("text: Hi {{ champion.nam }}\n", "1:13 T304", id="unknown variable"),
    pytest.param("text: |\n  a\n  {{ champion.nam }}\n", "3:6 T304", id="unknown variable in a block of text"),
    pytest.param("text: Hi {{ contact.name }}\n", "1:13 T304", id="a contact in a message about an account"),
    pytest.param("text: Hi\nblcks: []\n", "2:1 T330", id="unknown key"),
    pytest.param("blocks: []\n", "1:1 T333", id="no text"),
    pytest.param("text: x\nblocks:\n  - type: sektion\n", "3:11 T332", id="unknown block"),
    pytest.param("text: x\nblocks:\n  - {text: x}\n", "3:5 T332", id="a block without type"),
    pytest.param("text: x\nblocks:\n  - just text\n", "3:5 T330", id="a block that is none"),
    pytest.param("text: x\nblocks:\n  - type: section\n    text: hello\n", "4:11 T333", id="a text that is no object"),
    pytest.param("text: x\nblocks:\n  - type: header\n    text: {type: mrkdwn, text: x}\n", "4:18 T332", id="a header in mrkdwn"),
    pytest.param("text: x\nblocks:\n  - type: section\n", "3:5 T333", id="a section of nothing"),
    pytest.param(
        f"text: x\nblocks:\n  - type: header\n    text: {{type: plain_text, text: '{'x' * 151}'}}\n", "4:36 T331", id="a long header"
    ),
    pytest.param("text: x\nblocks:\n" + "  - type: divider\n" * 51, "3:5 T331", id="too many blocks"),
    pytest.param("text: x\nblocks:\n  - type: image\n    alt_text: x\n    image_url: ftp://x\n", "5:16 T317", id="a wrong URL"),
    pytest.param("text: '{{ x.y() }}'\n", "1:11 T315", id="a call"),
    pytest.param("text: '{% if x %}'\n", "1:8 T303", id="syntax"),
]


@pytest.mark.parametrize(("text", "where"), SLACK)
def test_a_mistake_in_a_slack_template_is_placed(tmp_path: Path, text: str, where: str) -> None:
    assert where in said(checked(tmp_path, {"templates/slack/s.yaml": text}))


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    library = project(tmp_path, {})
    (tmp_path / "templates/email/m.md").write_bytes("---\nsubject: 契約\n---\n".encode("shift_jis"))
    assert "T300" in {p.code for p in check(library, [TemplateUse("m", "email", Grain.ACCOUNT, USED_AT)], known, [])}


def test_every_code_is_explained() -> None:
    """docs/problems.md has a line for each code that this room gives."""
    import re

    from tests.unit.content.project import SHIPPED

    given = {
        code
        for path in (SHIPPED / "cs_engine/content").glob("*.py")
        for code in re.findall(r'"(T3\d\d)"', path.read_text(encoding="utf-8"))
    }
    explained = set(re.findall(r"\bT3\d\d\b", (SHIPPED / "docs/problems.md").read_text(encoding="utf-8")))
    assert given <= explained, given - explained
    assert set(FOLDER) == set(SUFFIX)
