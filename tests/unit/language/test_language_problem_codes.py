"""Every code that the language reports is explained in docs/problems.md, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import cs_engine.language
from cs_engine.language.expressions import compile_condition
from cs_engine.language.problems import Problems, render_all
from cs_engine.language.yaml import parse
from tests.unit.language.facts_scope import FactsScope

ROOT = Path(__file__).parents[3]


def test_every_code_is_explained() -> None:
    package = Path(cs_engine.language.__path__[0])
    reported = {code for file in package.glob("*.py") for code in re.findall(r'"([XY]\d{3})"', file.read_text(encoding="utf-8"))}
    explained = set(re.findall(r"^\| ([XY]\d{3}) \|", (ROOT / "docs/problems.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {code for code in explained if code[1] in "12"} == reported


def test_a_problem_in_a_block_of_yaml_is_shown_under_its_words() -> None:
    text = "goal: |\n  changes_7d > 3\n  and account.plan = team\n"
    problems = Problems()
    document = parse(text, "p.yaml", problems)
    assert document is not None
    compile_condition(document.data["goal"], lambda at, length: document.within(("goal",), at, length), FactsScope(), problems)
    assert render_all(problems, {"p.yaml": text}).split("\n") == [
        "p.yaml:3:22 error X207 nothing is called team; text goes in single quotes; write 'team'",
        "    3 |   and account.plan = team",
        "      |                      ^^^^",
    ]
