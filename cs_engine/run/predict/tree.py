"""A small tree as its leaves: who belongs to each, how many it was learned of, and of how many of those the outcome came. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, inf
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cs_engine.usage.likely import Leaf, drawn

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Range(NamedTuple):
    """Which values of a fact belong to a leaf: above `low` and up to `high`."""

    fact: int
    low: float | None = None
    high: float | None = None
    blank: bool = False
    """Whether a blank belongs to it too."""

    def within(self, high: float, *, blank: bool) -> Range:
        """Those of it up to there."""
        return self._replace(high=high if self.high is None else min(self.high, high), blank=self.blank and blank)

    def above(self, low: float, *, blank: bool) -> Range:
        """Those of it beyond there."""
        return self._replace(low=low if self.low is None else max(self.low, low), blank=self.blank and blank)

    def holds(self, facts: Floats) -> Bools:
        values = facts[:, self.fact]
        inside = np.ones(len(values), np.bool_) if self.low is None else values > self.low
        if self.high is not None:
            inside &= values <= self.high
        return inside & ~np.isnan(values) | self.blank & np.isnan(values)

    def said(self, name: str) -> str:
        """As a condition of the language."""
        if self.low == inf or self.high == -inf:
            return f"{name} is null" if self.blank else "false"
        bounds = [f"{name} > {number(self.low)}"] if self.low not in (None, -inf) else []
        bounds += [f"{name} <= {number(self.high)}"] if self.high not in (None, inf) else []
        said = " and ".join(bounds or [f"{name} is not null"])
        if not self.blank:
            return said
        return f"({name} is null or {f'({said})' if len(bounds) > 1 else said})"


@dataclass(frozen=True, slots=True)
class Branch:
    """One leaf, with the way to it."""

    ranges: tuple[Range, ...]
    came: int
    of: int
    likely: float
    """How often it comes of who belongs here, as far as so few can tell."""

    def holds(self, facts: Floats) -> Bools:
        found = np.ones(len(facts), np.bool_)
        for one in self.ranges:
            found &= one.holds(facts)
        return found

    def said(self, names: Sequence[str]) -> str:
        return " and ".join(one.said(names[one.fact]) for one in self.ranges)


@dataclass(frozen=True, slots=True)
class Tree:
    """Leaves that share everybody out, the likeliest first."""

    leaves: tuple[Branch, ...]
    weight: float = 0
    """How many rows of all were counted to each leaf."""

    @classmethod
    def of(cls, counted: Sequence[tuple[tuple[Range, ...], int, int]], weight: float = 0) -> Tree:
        """From each leaf's way, of how many the outcome came, and how many there were."""
        base = sum(came for _, came, _ in counted) / sum(of for _, _, of in counted)
        leaves = [Branch(ranges, came, of, drawn(came, of, base, weight)) for ranges, came, of in counted]
        return cls(tuple(sorted(leaves, key=lambda leaf: -leaf.likely)), weight)

    def score(self, facts: Floats) -> Floats:
        """How likely it is for each row; blank where a row has a blank that was never learned of."""
        found = np.full(len(facts), np.nan)
        for leaf in self.leaves:
            found[leaf.holds(facts)] = leaf.likely
        return found

    def kept(self, names: Sequence[str]) -> tuple[Leaf, ...]:
        """As the model's file holds it."""
        return tuple(Leaf(came=leaf.came, of=leaf.of, when=leaf.said(names)) for leaf in self.leaves)

    def said(self, leaves: Sequence[Branch], names: Sequence[str]) -> str:
        """Who belongs to any of these leaves, as a condition of the language."""
        ways = [one for one in _joined([leaf.ranges for leaf in leaves]) if one]
        said = [" and ".join(one.said(names[one.fact]) for one in ranges) for ranges in ways]
        return said[0] if len(said) == 1 else " or ".join(f"({one})" for one in said)

    def facts(self) -> tuple[int, ...]:
        """Which facts it asks for."""
        return tuple(sorted({one.fact for leaf in self.leaves for one in leaf.ranges}))

    def threshold(self, base: float, *, unlikely: bool) -> float | None:
        """The nearest likelihood of a leaf whose odds are twice those of all, or half where the unlikely are asked for; None: no leaf's."""
        chosen = [leaf.likely for leaf in self.leaves if far_out(leaf.likely, base, unlikely=unlikely)]
        if not chosen:
            return None
        return max(chosen) if unlikely else min(chosen)


def far_out(likely: float, base: float, *, unlikely: bool) -> bool:
    """Whether the odds are twice the base's, or half."""
    mine, of_all = likely * (1 - base), base * (1 - likely)
    return mine * 2 <= of_all if unlikely else mine >= 2 * of_all and likely > 0


def _joined(ways: Sequence[tuple[Range, ...]]) -> list[tuple[Range, ...]]:
    """The same with as few ways: two become one where they part at one limit alone."""
    left = list(ways)
    for i, one in enumerate(left):
        for other in left[i + 1 :]:
            if (both := _both(one, other)) is not None:
                return _joined([both, *(way for way in left if way not in (one, other))])
    return left


def _both(one: tuple[Range, ...], other: tuple[Range, ...]) -> tuple[Range, ...] | None:
    """One way for the two of them; None where there is none."""
    mine, theirs = set(one) - set(other), set(other) - set(one)
    if len(mine) != 1 or len(theirs) != 1:
        return None
    (a,), (b,) = mine, theirs
    if a.fact != b.fact:
        return None
    low, high = (a, b) if a.high == b.low and a.high is not None else (b, a)
    if low.high is None or low.high != high.low:
        return None
    whole = Range(a.fact, low.low, high.high, a.blank or b.blank)
    every = whole.low is None and whole.high is None
    return tuple(whole if way == a else way for way in one if not (every and way == a))


def between(low: float, high: float, digits: int = -9) -> float:
    """The shortest number in [low, high), as near to the middle as that allows: what people would write. `digits`: at least so many
    after the point.
    """
    middle = low + (high - low) / 2
    for more in range(digits, 18):
        for short in (round(middle, more), floor(middle * 10.0**more) / 10.0**more):
            if low <= short < high:
                return float(short)
    return low


def number(value: float | None) -> str:
    """A number as authors write it: no exponent, no needless digits."""
    assert value is not None
    return str(int(value)) if value == int(value) else np.format_float_positional(value, trim="-")
