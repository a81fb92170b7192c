"""Where the boxes of a flow stand: from top to bottom in layers, few lines crossing, each box under what leads to it. Pure geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP_X = 28.0
GAP_Y = 48.0
"""Between two layers: room for the words on the lines."""
_THIN = 10.0
"""The room that a line takes which passes a layer."""
_SWEEPS = 12


@dataclass(frozen=True, slots=True)
class Box:
    """A node to be placed, by its size."""

    id: str
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Line:
    """From one box to another, further on in their order."""

    source: str
    target: str


@dataclass(slots=True)
class Layout:
    """Centres of the boxes, and for each line the points that it passes, layer by layer, between its two boxes: (x, top, bottom)."""

    at: dict[str, tuple[float, float]] = field(default_factory=dict)
    bends: list[list[tuple[float, float, float]]] = field(default_factory=list)
    layer: dict[str, int] = field(default_factory=dict)
    width: float = 0.0
    height: float = 0.0


def layered(boxes: Sequence[Box], lines: Sequence[Line]) -> Layout:
    """Places the boxes, which come in an order in which every line runs forward."""
    layer = _layers(boxes, lines)
    sizes = {box.id: (box.width, box.height) for box in boxes}
    rows: list[list[str]] = [[] for _ in range(max(layer.values(), default=0) + 1)]
    for box in boxes:
        rows[layer[box.id]].append(box.id)
    chains = [_chain(number, line, layer, sizes, rows) for number, line in enumerate(lines)]
    links = [pair for chain in chains for pair in pairwise(chain)]
    above, below = _neighbours(links)
    rows = _ordered(rows, above, below)
    x = _columns(rows, sizes, above, below)
    heights = [max(sizes[id][1] for id in row) for row in rows]
    tops = [sum(heights[:number]) + GAP_Y * number for number in range(len(rows))]
    left = min(x[id] - sizes[id][0] / 2 for id in sizes)
    layout = Layout(layer=layer, height=tops[-1] + heights[-1], width=max(x[id] + sizes[id][0] / 2 for id in sizes) - left)
    for number, row in enumerate(rows):
        layout.at |= {id: (x[id] - left, tops[number] + heights[number] / 2) for id in row}
    for chain in chains:
        first = layer[chain[0]]
        layout.bends.append([
            (layout.at[id][0], tops[first + step], tops[first + step] + heights[first + step]) for step, id in enumerate(chain[1:-1], 1)
        ])  # fmt: skip
    return layout


def _layers(boxes: Sequence[Box], lines: Sequence[Line]) -> dict[str, int]:
    layer = {box.id: 0 for box in boxes}
    into: dict[str, list[str]] = {}
    for line in lines:
        into.setdefault(line.target, []).append(line.source)
    for box in boxes:
        layer[box.id] = max((layer[source] + 1 for source in into.get(box.id, ())), default=0)
    return layer


def _chain(number: int, line: Line, layer: Mapping[str, int], sizes: dict[str, tuple[float, float]], rows: list[list[str]]) -> list[str]:
    """The line's way: its boxes, and in each layer between them a place to pass."""
    passing = []
    for between in range(layer[line.source] + 1, layer[line.target]):
        id = f"\x00{number}.{between}"
        sizes[id] = (_THIN, 0.0)
        rows[between].append(id)
        passing.append(id)
    return [line.source, *passing, line.target]


_Beside = Mapping[str, Sequence[str]]


def _neighbours(links: Sequence[tuple[str, str]]) -> tuple[_Beside, _Beside]:
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for source, target in links:
        above.setdefault(target, []).append(source)
        below.setdefault(source, []).append(target)
    return above, below


def _ordered(rows: list[list[str]], above: _Beside, below: _Beside) -> list[list[str]]:
    """Each row in the order of what it hangs on, down and up again; the best of all that came by."""
    best, fewest = rows, _crossings(rows, below)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        rows = [list(row) for row in rows]
        for number in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            place = {id: float(i) for i, id in enumerate(rows[number - 1 if down else number + 1])}
            beside = above if down else below
            rows[number] = [rows[number][i] for i in _by_middle(rows[number], place, beside)]
        if (crossings := _crossings(rows, below)) < fewest:
            best, fewest = rows, crossings
    return best


def _by_middle(row: Sequence[str], place: Mapping[str, float], beside: _Beside) -> list[int]:
    """The row's positions in the order of the middle of what each hangs on; what hangs on nothing keeps its own."""
    middles = [_mean([place[other] for other in beside.get(id, ())], float(own)) for own, id in enumerate(row)]
    return sorted(range(len(row)), key=lambda i: (middles[i], i))


def _crossings(rows: Sequence[Sequence[str]], below: _Beside) -> int:
    found = 0
    for row, under in pairwise(rows):
        place = {id: i for i, id in enumerate(under)}
        ends = [place[other] for id in row for other in sorted(below.get(id, ()), key=place.__getitem__)]
        found += sum(a > b for i, a in enumerate(ends) for b in ends[i + 1 :])
    return found


def _columns(rows: Sequence[Sequence[str]], sizes: Mapping[str, tuple[float, float]], above: _Beside, below: _Beside) -> dict[str, float]:
    """The middle of each: as near to the middle of its neighbours as those beside it in the row allow."""
    x: dict[str, float] = {}
    for row in rows:
        gaps = _gaps(row, sizes)
        x |= {id: gap - gaps[-1] / 2 for id, gap in zip(row, gaps, strict=True)}
    for sweep in range(_SWEEPS * 2 + 1):
        down = sweep % 2 == 0
        beside = above if down else below
        for row in rows if down else reversed(rows):
            wanted = [_mean([x[other] for other in beside.get(id, ())], x[id]) for id in row]
            x |= dict(zip(row, _apart(wanted, _gaps(row, sizes)), strict=True))
    return x


def _gaps(row: Sequence[str], sizes: Mapping[str, tuple[float, float]]) -> list[float]:
    """How far each is from the first at least."""
    gaps = [0.0]
    for one, other in pairwise(row):
        gaps.append(gaps[-1] + (sizes[one][0] + sizes[other][0]) / 2 + GAP_X)
    return gaps


def _apart(wanted: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """The places nearest to those wanted that keep the gaps: neighbours that push each other move as one block."""
    blocks: list[tuple[float, int]] = []
    for want, gap in zip(wanted, gaps, strict=True):
        mean, count = want - gap, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    places = [mean for mean, count in blocks for _ in range(count)]
    return [place + gap for place, gap in zip(places, gaps, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
