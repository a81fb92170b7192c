"""The reader of our pages itself: what it takes for a match, and what not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import blocks, commands, shows, table


@pytest.mark.parametrize(
    ("shown", "output", "matches"),
    [
        (("a  b",), "a b\n", True),
        (("a", "c"), "a\nb\nc\n", False),
        (("a", "…", "c"), "a\nb\nc\n", True),
        (("a …",), "a b c\n", True),
        (("a",), "a\nb\n", False),
        (("a", "…"), "a\nb\n", True),
        (("…", "z"), "a\nb\n", False),
        ((), "anything\n", True),
    ],
)
def test_what_is_shown_is_compared_line_by_line(shown: tuple[str, ...], output: str, matches: bool) -> None:
    assert (shows(shown, output) == "") is matches


def test_a_block_knows_its_file_and_its_commands(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "Write `a/b.yaml`:\n\n```yaml\nx: 1\n```\n\nThen:\n\n```console\n$ one \\\n    two\nout\n$ three\n```\n"
    page.write_text(text, encoding="utf-8")
    yaml, console = blocks(page)
    assert (yaml.file, yaml.text, console.file) == ("a/b.yaml", "x: 1\n", None)
    assert [(c.line, c.shown) for c in commands(console)] == [("one two", ("out",)), ("three", ())]


def test_a_table_is_found_by_its_first_heading() -> None:
    assert table("| Key | Value |\n|---|---|\n| `a` | b \\| c |\n\n", "Key") == [["`a`", "b | c"]]
