"""How long customers take to a milestone, and when the next one will get there. Pure; lengths of time are days."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from statistics import quantiles
from typing import NamedTuple

from cs_engine.instants import Micros

LEAST = 5
"""From fewer nothing is foretold."""
ENOUGH = 10
"""Accounts alike; where there are fewer, all accounts are looked at."""
_DAY = 24 * 3600 * 1_000_000


class Spread(NamedTuple):
    """How lengths of time lie."""

    n: int
    low: float
    """A quarter is shorter."""
    median: float
    high: float
    """A quarter is longer."""


class Forecast(NamedTuple):
    """How long it takes in all, judged by those who took longer than has passed already."""

    spread: Spread | None
    """Of those who took longer; None where hardly anybody did."""
    of: int
    """Of how many they are: all who got there."""
    alike: bool
    """Whether these are accounts like this one; else all."""


def days_between(start: Micros, end: Micros) -> float:
    return (end - start) / _DAY


def spread_of(lengths: Sequence[float]) -> Spread | None:
    """None of nothing."""
    if not lengths:
        return None
    if len(lengths) == 1:
        return Spread(1, lengths[0], lengths[0], lengths[0])
    low, median, high = quantiles(lengths, n=4, method="inclusive")
    return Spread(len(lengths), low, median, high)


def forecast(passed: float, alike: Sequence[float], every: Sequence[float]) -> Forecast | None:
    """For one who has not got there after so many days. `alike`, `every`: how long those took who did. None: they are too few to tell."""
    pool, narrow = (alike, True) if len(alike) >= ENOUGH else (every, False)
    if len(pool) < LEAST:
        return None
    ordered = sorted(pool)
    longer = ordered[bisect_right(ordered, passed) :]
    return Forecast(spread_of(longer) if len(longer) >= LEAST else None, len(ordered), narrow)
