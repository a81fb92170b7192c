"""Health: what health.yaml says, as columns.

Each component's value becomes a score of 0–100 along its points. Health is the weighted mean of the scores. A component without a
value does what its `missing` says: it is left out and the others share its weight, or counts as a score, or leaves health blank;
without any score health is blank. The band is the highest whose lowest score is reached, unless an override holds: the first that
does, wins, whatever is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from cs_engine.language.expression import Expression, Grain, Type
from cs_engine.language.problems import Problems
from cs_engine.language.scope import quoted
from cs_engine.usage.columns import Derived
from cs_engine.usage.model import HealthComponent, HealthSpec
from cs_engine.usage.section import Section

SCORE = "health"
BAND = "health_band"
FORCED = "health_row:forced"
"""The override that holds, in the author's words; blank when none does."""
SCORES = "health_row:scores"
"""JSON: component -> [its score, its weight]; the score is null where there is none, or where the component is left out."""
VALUES = "health_row:values"
"""JSON: component -> the value that its score comes from."""
DECIMALS = 1
"""Scores are told, and remembered, to this precision."""


def component(name: str) -> str:
    """The column with a component's score."""
    return f"health:{name}"


def value(name: str) -> str:
    """The column with the value that a component's score comes from."""
    return f"health_value:{name}"


def told() -> tuple[str, ...]:
    """The columns that say everything about an account's health: score, band, override, scores, values."""
    return (SCORE, BAND, FORCED, SCORES, VALUES)


def all_of_it() -> Expression:
    """What reads them all: given to `Usage.facts` they are made with the rest."""
    return Expression(SCORE, Grain.ACCOUNT, quoted(SCORE), Type.NUMBER, tuple(sorted(told())))


def check(spec: HealthSpec, section: Section, problems: Problems) -> bool:
    """Whether points rise, bands make sense and overrides name bands. Adds a problem where not."""
    before = len(problems.errors())
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
        if isinstance(part.missing, float) and not 0 <= part.missing <= 100:
            mend = "write skip, unknown, or a score"
            problems.add(section.place("components", name, "missing"), "M131", "a score lies between 0 and 100", mend)
    if not spec.bands:
        problems.add(section.place("bands"), "M132", "health needs at least one band", "write {green: 70, yellow: 40, red: 0}")
    elif min(spec.bands.values()) > 0:
        problems.add(section.place("bands"), "M132", "no band holds the lowest scores", "let the lowest band begin at 0")
    begun: dict[float, str] = {}
    for band, lowest in spec.bands.items():
        if (other := begun.setdefault(lowest, band)) != band:
            mend = "let each begin at a score of its own"
            problems.add(section.place("bands", band), "M132", f'"{other}" begins at {lowest:g} too: nobody would be "{band}"', mend)
        elif lowest > 100:
            problems.add(section.place("bands", band), "M132", f'no score reaches "{band}"', "scores lie between 0 and 100")
    for condition, band in spec.overrides.items():
        if band not in spec.bands:
            problems.add(section.place("overrides", condition), "M133", f'there is no band "{band}"', f"bands: {', '.join(spec.bands)}")
    return len(problems.errors()) == before


def columns(spec: HealthSpec, components: Mapping[str, Expression], overrides: Sequence[tuple[Expression, str]]) -> dict[str, Derived]:
    """The columns of a checked health: a value and a score a component, the score, the band, and the row that history keeps."""
    found: dict[str, Derived] = {}
    for name, part in spec.components.items():
        found[value(name)] = Derived(f"CAST({components[name].sql} AS DOUBLE)", Type.NUMBER, components[name].names)
        found[component(name)] = Derived(_score(quoted(value(name)), part), Type.NUMBER, (value(name),))
    scores = {component(name): part.weight for name, part in spec.components.items()}
    total = " + ".join(f"coalesce({quoted(name)} * {weight!r}, 0)" for name, weight in scores.items())
    known = " + ".join(f"CASE WHEN {quoted(name)} IS NULL THEN 0 ELSE {weight!r} END" for name, weight in scores.items())
    mean = f"(({total}) / nullif({known}, 0))"
    needed = [f"{quoted(component(name))} IS NULL" for name, part in spec.components.items() if part.missing == "unknown"]
    found[SCORE] = Derived(f"(CASE WHEN {' OR '.join(needed)} THEN NULL ELSE {mean} END)" if needed else mean, Type.NUMBER, tuple(scores))
    forced = [f"WHEN {condition.sql} THEN {_text(band)}" for condition, band in overrides]
    falling = sorted(spec.bands.items(), key=lambda item: -item[1])
    reached = [f"WHEN {quoted(SCORE)} >= {lowest!r} THEN {_text(band)}" for band, lowest in falling]
    asked = tuple(sorted({name for condition, _ in overrides for name in condition.names}))
    found[BAND] = Derived(f"CASE {' '.join([*forced, *reached])} END", Type.TEXT, tuple(sorted({SCORE, *asked})))
    said = " ".join(f"WHEN {condition.sql} THEN {_text(condition.text)}" for condition, _ in overrides)
    found[FORCED] = Derived(f"CASE {said} END" if said else "CAST(NULL AS VARCHAR)", Type.TEXT, asked)
    pairs = ", ".join(f"{_text(name)}, json_array({_rounded(component(name))}, {part.weight!r})" for name, part in spec.components.items())
    found[SCORES] = Derived(f"CAST(json_object({pairs}) AS VARCHAR)", Type.TEXT, tuple(scores))
    given = ", ".join(f"{_text(name)}, {quoted(value(name))}" for name in spec.components)
    found[VALUES] = Derived(f"CAST(json_object({given}) AS VARCHAR)", Type.TEXT, tuple(value(name) for name in spec.components))
    return found


def _rounded(column: str) -> str:
    return f"round({quoted(column)}, {DECIMALS})"


def _score(x: str, part: HealthComponent) -> str:
    """Piecewise linear through the points, flat beyond both ends; for a blank value what counts in its place."""
    points = part.points
    pieces = [f"WHEN {x} <= {points[0][0]!r} THEN {points[0][1]!r}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        pieces.append(f"WHEN {x} <= {x1!r} THEN {y0!r} + ({x} - {x0!r}) * {(y1 - y0) / (x1 - x0)!r}")
    blank = repr(part.missing) if isinstance(part.missing, float) else "NULL"
    return f"CASE WHEN {x} IS NULL THEN {blank} {' '.join(pieces)} ELSE {points[-1][1]!r} END"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
