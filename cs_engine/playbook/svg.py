"""A plan as an SVG picture, made without a browser and without other programs. Text is measured roughly, and wrapped, in any script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

from cs_engine.playbook.draw import does, edges
from cs_engine.playbook.layout import Box, Layout, Line, layered
from cs_engine.playbook.plan import AnyStep, Branch, Cta, Email, Notice, Plan, Split, Stop, Wait, WaitDate, WaitUntil

_FONT = "system-ui, 'Segoe UI', 'Hiragino Sans', 'Noto Sans CJK JP', 'Noto Sans JP', 'Yu Gothic', Meiryo, sans-serif"
_SIZE, _ROW = 13.0, 18.0
_WIDEST = 210.0
_PAD = 12.0
_MARGIN = 24.0
_MOST_ROWS = 6
_DOWN = 18.0
"""How far below the box the word of a way stands."""
_START = "\x01start"

_STYLE = """\
text{font-size:13px;fill:#1f2328}.id{font-weight:600}.soft{fill:#57606a}.title{font-size:17px;font-weight:600}
.word{font-size:12px;fill:#57606a;paint-order:stroke;stroke:#fff;stroke-width:5px;stroke-linejoin:round}
.box{stroke-width:1.4}.mail{fill:#e7f0fb;stroke:#1f5fbf}.cta{fill:#fdf1dc;stroke:#b5730b}.wait{fill:#f3f4f6;stroke:#8b949e}
.ask{fill:#f1ebfb;stroke:#7a4fc4}.act{fill:#e5f5ea;stroke:#2c8548}.stop{fill:#fbe9e7;stroke:#b3423a}.start{fill:#fff;stroke:#1f2328}
.end{fill:#1f2328}.way{fill:none;stroke:#57606a;stroke-width:1.4}.back{stroke-dasharray:5 4}"""
_TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class _Node:
    id: str
    look: str
    """A class of the style."""
    rows: tuple[str, ...]
    """The first is the id."""

    def box(self) -> Box:
        if self.look == "end":
            return Box(self.id, 14, 14)
        return Box(self.id, max(map(_width, self.rows)) + 2 * _PAD + (16 if self.look in ("ask", "cta") else 0), len(self.rows) * _ROW + 14)


@dataclass(frozen=True, slots=True)
class _Way:
    source: str
    target: str
    word: str
    back: bool


def svg(plan: Plan, locale: str = "en") -> str:
    """The plan as an SVG document: from top to bottom, ways side by side; what leads back is dashed."""
    nodes, ways = _flow(plan)
    boxes = {node.id: node.box() for node in nodes}
    forward = [way for way in ways if not way.back]
    layout = layered([*boxes.values()], [Line(way.source, way.target) for way in forward])
    head = _head(plan, locale, max(layout.width, 420.0))
    lanes = [_lane(way, layout, boxes, number) for number, way in enumerate(way for way in ways if way.back)]
    left = _MARGIN - min([0.0, *lanes])
    width = (
        max([left + max([layout.width, *lanes]) - _MARGIN, *(_width(row, 17 if kind == "title" else _SIZE) for kind, row in head)])
        + 2 * _MARGIN
    )
    top = _MARGIN + len(head) * _ROW + 26
    height = top + layout.height + _MARGIN
    drawn = [*_lines(forward, layout, boxes), *_backs([w for w in ways if w.back], lanes, layout, boxes), *_boxes(nodes, layout, boxes)]
    texts = [
        f'<text class="{kind}" x="{_MARGIN:g}" y="{_MARGIN + 14 + number * _ROW:g}">{escape(row)}</text>'
        for number, (kind, row) in enumerate(head)
    ]
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {size} font-family="{escape(_FONT)}">',
        f"<title>{escape(head[0][1])}</title>",
        f"<style>{_STYLE}</style>",
        _TIP,
        '<rect width="100%" height="100%" fill="#fff"/>',
        *texts,
        f'<g transform="translate({left:g} {top:g})">',
        *drawn,
        "</g>",
        "</svg>\n",
    ])  # fmt: skip


def _flow(plan: Plan) -> tuple[list[_Node], list[_Way]]:
    """Boxes in an order in which ways run forward. Every way that leaves the playbook ends in a dot of its own."""
    nodes = [_Node(_START, "start", ("start",))]
    ways = [_Way(_START, plan.first.id, "", back=False)]
    for step in plan.steps:
        said = re.sub(r"\./\S*/", "./", does(step)) + (f", if {step.only_if.text}" if step.only_if is not None else "")
        nodes.append(_Node(step.id, _look(step), (step.id, *_wrapped(said, _WIDEST)[:_MOST_ROWS])))
        for number, (word, edge) in enumerate(edges(step)):
            target = edge.to
            if target is None:
                target = f"\x01end {step.id} {number}"
                nodes.append(_Node(target, "end", ()))
            ways.append(_Way(step.id, target, word, edge.otherwise_done))
    return nodes, ways


def _look(step: AnyStep) -> str:
    match step:
        case Email() | Notice():
            return "mail"
        case Cta():
            return "cta"
        case Wait() | WaitUntil() | WaitDate():
            return "wait"
        case Branch() | Split():
            return "ask"
        case Stop():
            return "stop"
        case _:
            return "act"


def _head(plan: Plan, locale: str, width: float) -> list[tuple[str, str]]:
    """(class, text) of each line above the flow: what it is, who enters, who leaves."""
    title = plan.title.get(locale) or plan.title.get("") or next(iter(plan.title.values()), "") or plan.playbook
    found = [("title", title), ("soft", f"{plan.playbook} · {plan.schedule.text}")]
    said = [
        f"{word}: {condition.text}" for word, condition in (("audience", plan.audience), ("enter", plan.enter)) if condition is not None
    ]
    said += [f"{leave.reason}, at any time: {leave.condition.text}" for leave in plan.leaves()]
    for text in said:
        found += [("", row) for row in _wrapped(text, width)]
    return found


# --- drawing ---------------------------------------------------------------------------------------------------------


def _boxes(nodes: list[_Node], layout: Layout, boxes: dict[str, Box]) -> Iterator[str]:
    for node in nodes:
        x, y = layout.at[node.id]
        box = boxes[node.id]
        if node.look == "end":
            yield f'<circle class="end" cx="{x:.1f}" cy="{y:.1f}" r="6"/>'
            continue
        yield _shape(node.look, x, y, box.width, box.height)
        first = y - (len(node.rows) - 1) * _ROW / 2 + 4.5
        for number, row in enumerate(node.rows):
            kind = ' class="id"' if number == 0 else ""
            yield f'<text{kind} x="{x:.1f}" y="{first + number * _ROW:.1f}" text-anchor="middle">{escape(row)}</text>'


def _shape(look: str, x: float, y: float, width: float, height: float) -> str:
    left, right, top, bottom = x - width / 2, x + width / 2, y - height / 2, y + height / 2
    if look == "ask":
        points = [(left + 12, top), (right - 12, top), (right, y), (right - 12, bottom), (left + 12, bottom), (left, y)]
    elif look == "cta":
        points = [(left + 12, top), (right, top), (right - 12, bottom), (left, bottom)]
    else:
        round_by = height / 2 if look in ("wait", "start", "stop") and height < 60 else 18 if look == "wait" else 7
        return f'<rect class="box {look}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{round_by:g}"/>'
    return f'<polygon class="box {look}" points="{" ".join(f"{px:.1f},{py:.1f}" for px, py in points)}"/>'


def _lines(ways: list[_Way], layout: Layout, boxes: dict[str, Box]) -> Iterator[str]:
    leaving = _spread(ways, layout, boxes, out=True)
    coming = _spread(ways, layout, boxes, out=False)
    words = []
    for number, way in enumerate(ways):
        (sx, sy), (tx, ty) = layout.at[way.source], layout.at[way.target]
        start = (sx + leaving[number], sy + boxes[way.source].height / 2)
        end = (tx + coming[number], ty - boxes[way.target].height / 2 - 1)
        path, at = f"M{start[0]:.1f} {start[1]:.1f}", start
        points = [*((x, top, bottom) for x, top, bottom in layout.bends[number]), (end[0], end[1], end[1])]
        for x, top, bottom in points:
            middle = (at[1] + top) / 2
            path += f"C{at[0]:.1f} {middle:.1f} {x:.1f} {middle:.1f} {x:.1f} {top:.1f}" + (f"V{bottom:.1f}" if bottom != top else "")
            at = (x, bottom)
        yield f'<path class="way" d="{path}" marker-end="url(#tip)"/>'
        if way.word:
            words.append(_word(way.word, _along(start, points[0][:2], _DOWN), start[1] + _DOWN + 4))
    yield from words


def _along(start: tuple[float, float], end: tuple[float, float], down: float) -> float:
    """The x of a way at about so far below its start."""
    t = min(0.5, down / max(1.0, end[1] - start[1]))
    return start[0] + (end[0] - start[0]) * (3 * (1 - t) * t**2 + t**3)


def _spread(ways: list[_Way], layout: Layout, boxes: dict[str, Box], *, out: bool) -> list[float]:
    """How far from the middle of its box each way begins (or ends), so that several do not lie on each other."""
    groups: dict[str, list[int]] = {}
    for number, way in enumerate(ways):
        groups.setdefault(way.source if out else way.target, []).append(number)
    offsets = [0.0] * len(ways)
    for box, members in groups.items():
        towards = {
            n: (layout.bends[n][0 if out else -1][0] if layout.bends[n] else layout.at[ways[n].target if out else ways[n].source][0])
            for n in members
        }
        step = min(64.0, boxes[box].width / (len(members) + 1))
        for place, number in enumerate(sorted(members, key=lambda n: (towards[n], n))):
            offsets[number] = (place - (len(members) - 1) / 2) * step
    return offsets


def _lane(way: _Way, layout: Layout, boxes: dict[str, Box], number: int) -> float:
    """The x of the way back: beyond all that stands beside it, on the side where less stands in between."""
    span = range(layout.layer[way.target], layout.layer[way.source] + 1)
    beside = [(layout.at[id][0], box.width / 2) for id, box in boxes.items() if layout.layer[id] in span]
    at_ends = [
        layout.at[id][0] - layout.at[end][0] for end in (way.source, way.target) for id in boxes if layout.layer[id] == layout.layer[end]
    ]
    if sum(x > 0 for x in at_ends) > sum(x < 0 for x in at_ends):
        return min(x - half for x, half in beside) - 22 - 12 * number
    return max(x + half for x, half in beside) + 22 + 12 * number


def _backs(ways: list[_Way], lanes: list[float], layout: Layout, boxes: dict[str, Box]) -> Iterator[str]:
    for way, lane in zip(ways, lanes, strict=True):
        (sx, sy), (tx, ty) = layout.at[way.source], layout.at[way.target]
        if way.source == way.target:
            sy, ty = sy + 8, ty - 8
        side = 1 if lane > sx else -1
        start, end = sx + side * boxes[way.source].width / 2, tx + side * (boxes[way.target].width / 2 + 1)
        yield f'<path class="way back" d="M{start:.1f} {sy:.1f}H{lane:.1f}V{ty:.1f}H{end:.1f}" marker-end="url(#tip)"/>'
        if way.word:
            yield _word(way.word, lane, (sy + ty) / 2)


def _word(text: str, x: float, y: float) -> str:
    return f'<text class="word" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{escape(text)}</text>'


# --- text ------------------------------------------------------------------------------------------------------------


def _width(text: str, size: float = _SIZE) -> float:
    """About how wide a text is: Japanese characters are as wide as high, others a good half."""
    return sum(size if _wide(c) else size * (0.36 if c in "iljt.,:;'|!()[] " else 0.62) for c in text)


def _wide(character: str) -> bool:
    return east_asian_width(character) in "WF"


def _wrapped(text: str, widest: float) -> list[str]:
    """Lines no wider than that: broken at spaces, between Japanese characters, and within a word only where it is too long alone."""
    rows, row = [], ""
    for piece in _pieces(text):
        if row and _width(row + piece.rstrip()) > widest:
            rows.append(row.rstrip())
            row = piece.lstrip()
        else:
            row += piece
        while _width(row) > widest:
            cut = next(n for n in range(len(row), 0, -1) if n == 1 or _width(row[:n]) <= widest)
            if cut >= len(row.rstrip()):
                break
            rows.append(row[:cut])
            row = row[cut:]
    return [*rows, row.rstrip()] if row.strip() else rows


def _pieces(text: str) -> Iterator[str]:
    """The text cut where a line may end."""
    piece = ""
    for character in " ".join(text.split()):
        if _wide(character) and character not in "、。，．）」』】！？ー":
            if piece:
                yield piece
            piece = character
            continue
        piece += character
        if character == " ":
            yield piece
            piece = ""
    if piece:
        yield piece
