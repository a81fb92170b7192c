"""An account's health: what is remembered of it, and what moved it between two moments. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from cs_engine.instants import Micros

UNKNOWN = "unknown"
"""How a blank band is called."""
SMALLEST = 0.05
"""Points: what moves the score by less is not told."""


class HealthRow(NamedTuple):
    """An account's health as it is kept: most are compared, and few are read."""

    account: str
    since: Micros
    """The now of the tick that saw it so first."""
    score: float | None
    band: str
    """'' where it is unknown."""
    forced: str
    """The override that made the band, in the author's words; '' when the score did."""
    scores: str
    """JSON: component -> [score, weight]."""
    values: str
    """JSON: component -> what its score comes from."""

    def same_as(self, other: HealthRow) -> bool:
        """Whether nothing that people see has changed; values alone, with the same scores, have not."""
        return (self.band, self.forced, self.scores) == (other.band, other.forced, other.scores)


class Part(NamedTuple):
    """A component at one moment."""

    score: float | None
    """None: it is blank, and left out."""
    weight: float
    value: float | None = None
    """What the score comes from."""


@dataclass(frozen=True, slots=True)
class Health:
    """An account's health at one moment, to be looked into."""

    score: float | None
    band: str
    forced: str = ""
    parts: Mapping[str, Part] = field(default_factory=dict)

    @classmethod
    def of(cls, row: HealthRow) -> Health:
        values = json.loads(row.values)
        parts = {name: Part(score, weight, values.get(name)) for name, (score, weight) in json.loads(row.scores).items()}
        return cls(row.score, row.band, row.forced, parts)

    def shares(self) -> dict[str, float]:
        """Component -> its part of the score: together they are the score."""
        whole = sum(part.weight for part in self.parts.values() if part.score is not None)
        return {name: part.score * part.weight / whole for name, part in self.parts.items() if part.score is not None}


class Shift(NamedTuple):
    """What one component did to the score between two moments."""

    component: str
    was: Part | None
    """None: health had no such component then."""
    now: Part | None
    by: float
    """Points of the whole score."""

    @property
    def why(self) -> str:
        """In words, without the number of points: `fell from 85 to 52 (weight 3)`."""
        match self.was, self.now:
            case None, Part(_, weight, _):
                return f"is new, weight {weight:g}"
            case Part(_, weight, _), None:
                return f"is no component any more; its weight was {weight:g}"
            case Part(was, before, _), Part(now, weight, _):
                return f"{_said(was, now)} ({_weights(before, weight)})"
        return "is not there"


def differences(was: Health, now: Health) -> list[Shift]:
    """What each component did to the score, biggest first; they add up to the difference. Nothing of those that did nothing."""
    before, after = was.shares(), now.shares()
    names = dict.fromkeys([*now.parts, *was.parts])
    found = [Shift(name, was.parts.get(name), now.parts.get(name), after.get(name, 0.0) - before.get(name, 0.0)) for name in names]
    return sorted((shift for shift in found if abs(shift.by) >= SMALLEST), key=lambda shift: (-abs(shift.by), shift.component))


def to_remember(known: Mapping[str, HealthRow], found: Iterable[HealthRow]) -> list[HealthRow]:
    """What is another than it was remembered last."""
    return [row for row in found if (before := known.get(row.account)) is None or not before.same_as(row)]


def _said(was: float | None, now: float | None) -> str:
    if was is None:
        return "was blank and did not count" if now is None else f"was blank and did not count, is {now:g} now"
    if now is None:
        return f"was {was:g}, is blank now: the others share its weight"
    if now == was:
        return f"is {now:g} as before; others count more or less beside it"
    return f"{'rose' if now > was else 'fell'} from {was:g} to {now:g}"


def _weights(was: float, now: float) -> str:
    return f"weight {now:g}" if was == now else f"weight {now:g}, was {was:g}"
