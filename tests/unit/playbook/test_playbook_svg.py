"""A plan as a picture: well-formed, every step once, no box on another, ways run down, text in any script stays inside."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cs_engine.playbook.layout import GAP_X, Box, Line, layered
from cs_engine.playbook.plan import Plan
from cs_engine.playbook.svg import _WIDEST, _width, _wrapped, svg
from cs_engine.settings import Settings
from cs_engine.wiring import load_project
from tests.unit.playbook.folder import Folder
from tests.unit.playbook.test_playbook_draw import STEPS

SVG = "{http://www.w3.org/2000/svg}"
SHIPPED = load_project(Settings(cs_engine_project=Path(__file__).parents[3]))


def texts(drawn: str, kind: str) -> list[str]:
    return [str(node.text) for node in ET.fromstring(drawn).iter(f"{SVG}text") if node.get("class") == kind]


@pytest.mark.parametrize("name", sorted(SHIPPED.plans))
@pytest.mark.parametrize("locale", ["en", "ja"])
def test_every_step_is_drawn_once_and_the_picture_is_well_formed(name: str, locale: str) -> None:
    plan = SHIPPED.plans[name]
    drawn = svg(plan, locale)
    assert sorted(texts(drawn, "id")) == sorted(["start", *(step.id for step in plan.steps)])
    root = ET.fromstring(drawn)
    assert root.find(f"{SVG}title") is not None
    assert drawn == svg(plan, locale), "the same plan is the same picture"
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", ""), "nothing is loaded from elsewhere"


def test_ways_have_their_words_and_what_leads_back_is_dashed(folder: Folder) -> None:
    drawn = svg(folder.steps(STEPS, "enter: changes_7d > 0\n").plan())
    assert sorted(texts(drawn, "word")) == ["after 5 days", "else", "met", "then"]
    assert drawn.count('class="way back"') == 1
    assert "enter: changes_7d &gt; 0" in drawn


def test_what_authors_write_is_never_markup(folder: Folder) -> None:
    plan = folder.steps("- id: one\n  wait: 2 days\n", "title: '<script>alert(1)</script> & \"more\"'\n").plan()
    drawn = svg(plan)
    ET.fromstring(drawn)
    assert "<script" not in drawn


def test_no_box_lies_on_another() -> None:
    for plan in SHIPPED.plans.values():
        _apart(plan)


def _apart(plan: Plan) -> None:
    spots = []
    for node in ET.fromstring(svg(plan)).iter():
        if node.tag == f"{SVG}rect" and node.get("class"):
            x, y, width, height = (float(str(node.get(key))) for key in ("x", "y", "width", "height"))
            spots.append((x, y, x + width, y + height))
        if node.tag == f"{SVG}polygon":
            points = [tuple(map(float, point.split(","))) for point in str(node.get("points")).split()]
            spots.append((min(p[0] for p in points), min(p[1] for p in points), max(p[0] for p in points), max(p[1] for p in points)))
    assert len(spots) == len(plan.steps) + 1
    for one, other in combinations(spots, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], plan.playbook


@given(st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 2), st.integers(1, n - 1))))))
def test_any_flow_is_laid_out_downwards_with_room_between(flow: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = flow
    boxes = [Box(str(n), 40 + 13 * (n % 5), 20 + 7 * (n % 3)) for n in range(count)]
    lines = [Line(str(a), str(b)) for a, b in pairs if a < b]
    layout = layered(boxes, lines)
    for line in lines:
        assert layout.layer[line.source] < layout.layer[line.target]
        assert layout.at[line.source][1] < layout.at[line.target][1]
    for one, other in combinations(boxes, 2):
        if layout.layer[one.id] == layout.layer[other.id]:
            apart = abs(layout.at[one.id][0] - layout.at[other.id][0])
            assert apart >= (one.width + other.width) / 2 + GAP_X - 1e-6
    assert all(layout.at[box.id][0] >= box.width / 2 - 1e-6 for box in boxes)


@pytest.mark.parametrize(
    "text",
    [
        "wait until reached('second_person') and changes_7d > 0, at most 5 business days",
        "account.name <> '日本語の条件文がとても長い場合の折り返し表示の確認。（句読点は行の頭に来ません）'",
        "x" * 90,
        "",
    ],
)
def test_text_is_wrapped_within_its_width_and_nothing_is_lost(text: str) -> None:
    rows = _wrapped(text, _WIDEST)
    assert "".join("".join(rows).split()) == "".join(text.split())
    assert all(_width(row) <= _WIDEST + 13 for row in rows), "a full stop may hang over"
    assert not any(row[:1] in ("。", "、", "）") for row in rows)
