"""YAML: 1.2 values, places that point at the words, and every problem of a file at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_engine.language import yaml
from cs_engine.language.problems import Place, Problem, Problems
from tests.work import calls


def parsed(text: str) -> tuple[yaml.Document | None, list[Problem]]:
    problems = Problems()
    return yaml.parse(text, "p.yaml", problems), list(problems)


def good(text: str) -> yaml.Document:
    document, problems = parsed(text)
    assert document is not None, problems
    assert problems == []
    return document


def source(document: yaml.Document, place: Place) -> str:
    return document.text.split("\n")[place.line - 1][place.column - 1 : place.column - 1 + place.length]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("-5", -5),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("5 days", "5 days"),
        ("-", None),
    ],
)
def test_only_true_false_null_and_numbers_are_no_text(written: str, value: object) -> None:
    document, _ = parsed(f"on: {written}")
    if written == "-":
        assert document is None
        return
    assert document is not None
    assert document.data == {"on": value}
    assert type(document.data["on"]) is type(value)


def test_values_keys_and_items_have_places() -> None:
    document = good("playbook: x\nsteps:\n  - id: welcome\n    to: [champion, '日本', csm]\n")
    assert document.place(("steps", 0, "id")) == Place("p.yaml", 3, 9, 7)
    assert document.key_place(("steps", 0, "id")) == Place("p.yaml", 3, 5, 2)
    assert document.place(("steps", 0, "to", 2)) == Place("p.yaml", 4, 26, 3)
    assert document.place(("steps", 0)) == Place("p.yaml", 3, 5, 2)
    assert document.place(("steps", 0, "missing")) == document.place(("steps", 0))


WITHIN = """\
plain: account.plan = 'team'
quoted: 'account.plan = ''team'' and zed'
double: "a \\"team\\" \\u0041 \\
  zed"
literal: |
  first team

    zed
folded: >-
  one team

  zed
  more
flowing: one team
  and
  zed on
anchored: &x   team and zed
"""


@pytest.mark.parametrize("key", ["plain", "quoted", "double", "literal", "folded", "flowing", "anchored"])
@pytest.mark.parametrize("word", ["team", "zed", "more"])
def test_a_place_within_a_text_points_at_its_words(key: str, word: str) -> None:
    document = good(WITHIN)
    value = document.data[key]
    if word in value:
        assert source(document, document.within((key,), value.index(word), len(word))) == word


@given(st.lists(st.sampled_from(["a", "'", '"', "\\", " ", "日", "\n", "#", ":", "😀"]), max_size=12).map("".join))
def test_a_place_within_any_double_quoted_text_is_inside_of_it(value: str) -> None:
    document = good("k: " + json.dumps(value, ensure_ascii=False))
    for offset, character in enumerate(value):
        here = source(document, document.within(("k",), offset))
        assert here in (character, "\\")


PROBLEMS = [
    # text, code, line, column, part of the message or mend
    ("", "Y112", 1, 1, "empty"),
    ("- a", "Y112", 1, 1, "a list"),
    ("some words", "Y112", 1, 1, "plain text"),
    ("a: 1\nb: 2\na: 3", "Y102", 3, 1, "line 1 and again in line 3"),
    ("a: 1\n---\nb: 2", "Y111", 2, 1, "second document"),
    ("a: !!python/object:os.system x", "Y108", 1, 4, "tags"),
    ("a: !!str 5", "Y108", 1, 4, "tags"),
    ("a: *b", "Y109", 1, 4, "no anchor"),
    ("a: &a [*a]", "Y109", 1, 8, "holds itself"),
    ("a: &a {b: 1}\nc:\n  <<: *a", "Y113", 3, 3, "merge"),
    ("1: a", "Y107", 1, 1, "write '1'"),
    ("true: a", "Y107", 1, 1, "write 'true'"),
    ("[a]: b", "Y107", 1, 1, "must be text"),
    ("a: {{ b > 1 }}", "Y107", 1, 4, "braces"),
    ("a: { b > 1 }", "Y107", 1, 4, "braces"),
    ("a: 1\n\tb: 2", "Y105", 2, 1, "spaces"),
    ("a: \x00", "Y104", 1, 4, "NUL"),
    ("a: x\u2028y", "Y104", 1, 5, "separator"),
    ("a：1\nb: 2", "Y106", 1, 2, "write `a: 1`"),
    ("a: 1\ntitle：Foo\nb: 2", "Y106", 2, 6, "write `title: Foo`"),
    ("steps:\n  - id: a\n    email：foo", "Y106", 3, 10, "write `email: foo`"),
    ("a: 1\nb:　foo\nc: 2", "Y106", 2, 2, "write `b: foo`"),
    ("a:\n　　b: 1", "Y106", 2, 1, "full-width space"),
    ("a: “b: c”", "Y106", 1, 4, 'write "b: c"'),
    ("“a”: b", "Y106", 1, 1, "write a"),
    ("a: */15 * * * *", "Y115", 1, 4, 'in quotes: "*/15 * * * *"'),
    ("a: {b: *, c: 1}", "Y115", 1, 8, 'in quotes: "*"'),
    ("a: @csm", "Y115", 1, 4, 'in quotes: "@csm"'),
    ("a: >= 3", "Y115", 1, 4, 'in quotes: ">= 3"'),
    ("a: 'x' = b", "Y115", 1, 4, "\"'x' = b\""),
    ("a: b: c", "Y115", 1, 5, 'in quotes: "b: c"'),
    ("a:1\nb: 2", "Y101", 1, 2, "write `a: 1`"),
    ("a: 1\n b: 2", "Y101", 2, 3, "same column"),
    ("a:\n  - b: 1\n   c: 2", "Y101", 3, 4, "begin it in column 5, below `b`"),
    ("a:\n  - b: 1\n      c: 2", "Y101", 3, 8, "begin it in column 5, below `b`"),
    ("a: [1,\n  2\n", "Y101", 1, 4, "cannot be read"),
    ("a: 1e999", "Y114", 1, 4, "too large"),
    ("a: " + "9" * 5000, "Y114", 1, 4, "too large"),
    ("a: " + "[" * 300 + "]" * 300, "Y110", 1, 43, "deep"),
    ("- " * 30_000 + "a", "Y110", 1, 81, "deep"),
]


@pytest.mark.parametrize(("text", "code", "line", "column", "said"), PROBLEMS, ids=[p[0][:25] or "empty" for p in PROBLEMS])
def test_a_mistake_is_one_problem_with_its_place(text: str, code: str, line: int, column: int, said: str) -> None:
    _, problems = parsed(text)
    assert [(p.code, p.place.line, p.place.column) for p in problems] == [(code, line, column)]
    assert said in f"{problems[0].message} {problems[0].mend}"


def test_text_in_braces_keeps_its_place() -> None:
    document, _ = parsed("a: {{ b > team }}")
    assert document is not None
    assert document.data == {"a": "b > team"}
    assert source(document, document.within(("a",), 4, 4)) == "team"


def test_all_problems_of_a_file_are_found_in_one_pass_and_the_rest_is_read() -> None:
    document, problems = parsed("playbook: x\ntitle：Foo\nowner：me\nplaybook: y\n1: z\nlast: true\n")
    assert [(p.place.line, p.code) for p in problems] == [(2, "Y106"), (3, "Y106"), (4, "Y102"), (5, "Y107")]
    assert document is not None
    assert document.data == {"playbook": "x", "title": "Foo", "owner": "me", "1": "z", "last": True}
    assert source(document, document.place(("title",))) == "Foo"


def test_japanese_text_is_no_mistake() -> None:
    text = "title: 「導入」　ガイド：初級\nbody: |\n  　件名：ようこそ\n\tand a tab\n".replace("\n\tand", "\n  \tand")
    assert good(text).data["title"] == "「導入」　ガイド：初級"


def test_an_alias_is_its_anchors_value_and_a_bomb_is_refused_fast() -> None:
    assert good("a: &x {b: [1, 2]}\nc: *x").data["c"] == {"b": [1, 2]}
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{n}: &{n} [{','.join(['*' + m] * 9)}]\n" for m, n in zip("abcdefgh", "bcdefghi", strict=True)
    )
    found: list[tuple[yaml.Document | None, list[Problem]]] = []
    calls(lambda: found.append(parsed(bomb)), most=500_000)
    ((document, problems),) = found
    assert document is None
    assert [p.code for p in problems] == ["Y109"]


def test_line_ends_and_a_byte_order_mark_do_not_matter() -> None:
    document = good("\ufeffa: 1\r\nb: x\r\n")
    assert document.data == {"a": 1, "b": "x"}
    assert document.place(("b",)) == Place("p.yaml", 2, 4, 1)


def test_a_file_is_read_or_the_reason_is_told(tmp_path: Path) -> None:
    cases = {
        "good.yaml": ("a: 日本".encode(), None),
        "sjis.yaml": ("a: 1\nb: 日本".encode("cp932"), "Y104"),
        "utf16.yaml": ("a: 1".encode("utf-16"), "Y104"),
        "large.yaml": (b"a: " + b"x" * yaml.MAX_BYTES, "Y103"),
        "absent.yaml": (None, "Y100"),
    }
    for name, (content, code) in cases.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        problems = Problems()
        document = yaml.read(tmp_path / name, name, problems)
        assert [p.code for p in problems] == ([code] if code else [])
        assert (document is None) == bool(code)
    problems = Problems()
    yaml.read(tmp_path / "sjis.yaml", "sjis.yaml", problems)
    assert "Shift_JIS" in problems.found[0].message
    assert problems.found[0].place.line == 2


_PIECES = [
    "a",
    ": ",
    "：",
    "-",
    " - ",
    "\n",
    "\n  ",
    "\t",
    "'",
    '"',
    "[",
    "]",
    "{",
    "}",
    ",",
    "#",
    "&x ",
    "*x",
    "!t ",
    "|",
    ">",
    "?",
    "　",
    "“",
    "”",
    "1",
    "\x00",
    "---\n",
    "%Y",
    "😀",
    "\u2028",
    "\ud800",
    "<<",
    "{{",
    "~",
]


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(_PIECES), max_size=25).map("".join), st.text(max_size=50)))
def test_junk_gives_a_document_or_problems_never_an_exception(text: str) -> None:
    document, problems = parsed(text)
    assert document is not None or problems
    lines = text.count("\n") + text.count("\r") + 1
    assert all(1 <= p.place.line <= lines and p.place.column >= 1 for p in problems)


def test_a_file_takes_work_by_its_length_not_by_the_square_of_it() -> None:
    def read(steps: int) -> int:
        text = "steps:\n" + "".join(f"  - id: s{n}\n    email: a/b\n    if: account.plan = 'p{n}'\n" for n in range(steps))
        return calls(lambda: good(text))

    assert read(1_000) < 10.5 * read(100)
