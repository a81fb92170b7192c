"""Health: what health.yaml says, as columns.

Each component's value becomes a score of 0–100 along its points. Health is the weighted mean of the scores; a component without a
value is left out and the others share its weight; without any value health is blank. The band is the highest whose lowest score
is reached, unless an override holds: the first that does, wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from cs_engine.language.expression import Expression, Type
from cs_engine.language.problems import Problems
from cs_engine.language.scope import quoted
from cs_engine.usage.columns import Derived
from cs_engine.usage.model import HealthSpec
from cs_engine.usage.section import Section

SCORE = "health"
BAND = "health_band"


def component(name: str) -> str:
    """The column with a component's score."""
    return f"health:{name}"


def check(spec: HealthSpec, section: Section, problems: Problems) -> bool:
    """Whether points rise, bands make sense and overrides name bands. Adds a problem where not."""
    before = len(problems)
    if not spec.components:
        problems.add(section.place("components"), "M130", "health needs at least one component")
    for name, part in spec.components.items():
        values = [value for value, _ in part.points]
        if values != sorted(set(values)):
            problems.add(
                section.place("components", name, "points"),
                "M131",
                "the values of points must rise",
                "write them from low to high, each once",
            )
        if any(not 0 <= score <= 100 for _, score in part.points):
            problems.add(section.place("components", name, "points"), "M131", "a score lies between 0 and 100")
    if not spec.bands:
        problems.add(section.place("bands"), "M132", "health needs at least one band", "write {green: 70, yellow: 40, red: 0}")
    elif min(spec.bands.values()) > 0:
        problems.add(section.place("bands"), "M132", "no band holds the lowest scores", "let the lowest band begin at 0")
    for condition, band in spec.overrides.items():
        if band not in spec.bands:
            problems.add(section.place("overrides", condition), "M133", f'there is no band "{band}"', f"bands: {', '.join(spec.bands)}")
    return len(problems) == before


def columns(spec: HealthSpec, components: Mapping[str, Expression], overrides: Sequence[tuple[Expression, str]]) -> dict[str, Derived]:
    """The columns of a checked health: a score a component, the score, the band."""
    found = {
        component(name): Derived(_score(components[name].sql, part.points), Type.NUMBER, components[name].names)
        for name, part in spec.components.items()
    }
    weights = {component(name): part.weight for name, part in spec.components.items()}
    total = " + ".join(f"coalesce({quoted(name)} * {weight!r}, 0)" for name, weight in weights.items())
    known = " + ".join(f"CASE WHEN {quoted(name)} IS NULL THEN 0 ELSE {weight!r} END" for name, weight in weights.items())
    found[SCORE] = Derived(f"(({total}) / nullif({known}, 0))", Type.NUMBER, tuple(weights))
    forced = [f"WHEN {condition.sql} THEN {_text(band)}" for condition, band in overrides]
    falling = sorted(spec.bands.items(), key=lambda item: -item[1])
    reached = [f"WHEN {quoted(SCORE)} >= {lowest!r} THEN {_text(band)}" for band, lowest in falling]
    needs = {SCORE, *(name for condition, _ in overrides for name in condition.names)}
    found[BAND] = Derived(f"CASE {' '.join([*forced, *reached])} END", Type.TEXT, tuple(sorted(needs)))
    return found


def _score(value: str, points: Sequence[tuple[float, float]]) -> str:
    """Piecewise linear through the points, flat beyond both ends; blank for a blank value."""
    x = f"CAST({value} AS DOUBLE)"
    pieces = [f"WHEN {x} <= {points[0][0]!r} THEN {points[0][1]!r}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        pieces.append(f"WHEN {x} <= {x1!r} THEN {y0!r} + ({x} - {x0!r}) * {(y1 - y0) / (x1 - x0)!r}")
    return f"CASE WHEN {x} IS NULL THEN NULL {' '.join(pieces)} ELSE {points[-1][1]!r} END"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
