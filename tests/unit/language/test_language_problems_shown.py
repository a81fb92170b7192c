"""How a problem is shown: the source line, and a caret below what is wrong."""

from __future__ import annotations

from cs_engine.language.problems import Place, Problem


def shown(source: str, column: int, length: int) -> list[str]:
    return Problem(Place("a.yaml", 1, column, length), "P103", "no").render(source).split("\n")


def test_the_caret_stands_below_what_is_wrong_also_behind_full_width_characters() -> None:
    assert shown("tempalte: x", 1, 8) == ["a.yaml:1:1 error P103 no", "    1 | tempalte: x", "      | ^^^^^^^^"]
    assert shown("件名: x", 5, 1) == ["a.yaml:1:5 error P103 no", "    1 | 件名: x", "      | \u3000\u3000  ^"]


def test_of_a_long_line_only_the_surroundings_are_shown() -> None:
    line = "a" * 500 + "WRONG" + "b" * 500
    _, text, caret = shown(line, 501, 5)
    assert len(text) < 180
    assert text[caret.index("^") : caret.rindex("^") + 1] == "WRONG"
    assert text.startswith("    1 | …")
    assert text.endswith("b…")
    start = shown("WRONG" + "b" * 500, 1, 5)
    assert start[1].startswith("    1 | WRONG")
    assert start[2] == "      | ^^^^^"
