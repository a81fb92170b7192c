"""How well it was foretold: figures over rows that came later than what was learned, with intervals. Pure.

Accounts are ranked beside those of the same moment: that more leave in spring than in autumn says nothing of any of them.
Rows of one account are alike, so an interval is what 400 draws of whole accounts give, and not of rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cs_engine.run.predict.tree import Bools, Floats
from cs_engine.usage.likely import Estimate, Quality

_DRAWS = 400
_TENTH = 0.1


class Judged(NamedTuple):
    """Rows that were foretold, aligned."""

    account: NDArray[np.int64]
    moment: NDArray[np.int64]
    likely: Floats
    base: Floats
    """The base rate of what was learned from: what one would say who knew no facts."""
    came: Bools


class Band(NamedTuple):
    """Rows for which about the same was foretold."""

    foretold: float
    came: float
    rows: int


def quality(judged: Judged) -> Quality:
    """All figures; each account is drawn as often as chance will have it. There must be both who had the outcome and who had not."""
    _, who = np.unique(judged.account, return_inverse=True)
    accounts = int(who.max()) + 1
    counts = _Counts.of(judged, who, accounts)
    chance = np.random.default_rng(0)
    drawn: dict[str, list[float]] = {name: [] for name in _FIGURES}
    for _ in range(_DRAWS):
        weights = np.bincount(chance.integers(0, accounts, accounts), minlength=accounts).astype(np.float64)
        for name, value in figures(counts.weighted(weights)).items():
            if np.isfinite(value):
                drawn[name].append(value)
    found = figures(counts.weighted(np.ones(accounts)))
    estimates = {name: _estimate(found[name], drawn[name]) for name in _FIGURES}
    return Quality(**estimates, rows=len(who), accounts=accounts, outcomes=len(np.unique(who[judged.came])))


def auc_of(judged: Judged) -> float | None:
    """AUC alone; None where it cannot be told."""
    found = figures(_Counts.of(judged, np.zeros(len(judged.came), np.int64), 1).weighted(np.ones(1)))["auc"]
    return round(found, 4) if np.isfinite(found) else None


_FIGURES = ("auc", "lift", "calibration", "skill", "base_rate")


class _Sums(NamedTuple):
    """Over all rows: by moment and how likely it was held, the least likely first; and in all."""

    first: NDArray[np.int64]
    """Where each moment begins."""
    likely: Floats
    came: Floats
    not_came: Floats
    error: float
    """Squared, of what was foretold."""
    base_error: float


class _Counts(NamedTuple):
    """The same for each account."""

    first: NDArray[np.int64]
    likely: Floats
    came: Floats
    not_came: Floats
    error: Floats
    base_error: Floats

    @classmethod
    def of(cls, judged: Judged, who: NDArray[np.int64], accounts: int) -> _Counts:
        levels, level = np.unique(np.stack([judged.moment.astype(np.float64), judged.likely]), axis=1, return_inverse=True)
        came, not_came = np.zeros((accounts, levels.shape[1])), np.zeros((accounts, levels.shape[1]))
        np.add.at(came, (who[judged.came], level[judged.came]), 1)
        np.add.at(not_came, (who[~judged.came], level[~judged.came]), 1)

        def error(foretold: Floats) -> Floats:
            return np.asarray(np.bincount(who, (judged.came - foretold) ** 2, accounts), np.float64)

        _, first = np.unique(levels[0], return_index=True)
        return cls(first, levels[1], came, not_came, error(judged.likely), error(judged.base))

    def weighted(self, weights: Floats) -> _Sums:
        came, not_came = weights @ self.came, weights @ self.not_came
        return _Sums(self.first, self.likely, came, not_came, float(weights @ self.error), float(weights @ self.base_error))


def figures(sums: _Sums) -> Mapping[str, float]:
    """NaN for what cannot be told: nobody had the outcome, or everybody."""
    came, rows = sums.came.sum(), (sums.came + sums.not_came).sum()
    foretold = (sums.likely * (sums.came + sums.not_came)).sum()
    return {
        "auc": _auc(sums),
        "lift": _lift(sums),
        # Where nothing at all was foretold it is compared with half an outcome.
        "calibration": float(came / max(foretold, 0.5)),
        "skill": 1 - sums.error / sums.base_error if sums.base_error else np.nan,
        "base_rate": float(came / rows) if rows else np.nan,
    }


def _auc(sums: _Sums) -> float:
    """Of all pairs at one moment, one with the outcome and one without: how many are in the right order; half of those held for alike."""
    below = _before(sums.not_came, sums.first)
    pairs = (np.add.reduceat(sums.came, sums.first) * np.add.reduceat(sums.not_came, sums.first)).sum()
    return float((sums.came * (below + sums.not_came / 2)).sum() / pairs) if pairs else np.nan


def _lift(sums: _Sums) -> float:
    """Of the likeliest tenth of each moment; of those who are held for equally likely a share, as if drawn."""
    rows = sums.came + sums.not_came
    wanted = _spread_out(np.add.reduceat(rows, sums.first) * _TENTH, sums)
    above = _spread_out(np.add.reduceat(rows, sums.first), sums) - _before(rows, sums.first) - rows
    taken = np.clip((wanted - above) / np.where(rows, rows, 1), 0, 1)
    return float((sums.came * taken).sum() / (sums.came.sum() * _TENTH)) if sums.came.any() else np.nan


def _before(counts: Floats, first: NDArray[np.int64]) -> Floats:
    """How many stand before each in its moment."""
    before = np.cumsum(counts) - counts
    return np.asarray(before - np.repeat(before[first], np.diff([*first, len(counts)])), np.float64)


def _spread_out(of_moments: Floats, sums: _Sums) -> Floats:
    """Its moment's for each."""
    return np.repeat(of_moments, np.diff([*sums.first, len(sums.likely)]))


def _estimate(value: float, drawn: list[float]) -> Estimate:
    low, high = (float(x) for x in np.quantile(drawn, [0.025, 0.975])) if drawn else (value, value)
    return Estimate(value=round(value, 4), low=round(low, 4), high=round(high, 4))


def bands(judged: Judged, most: int = 5) -> list[Band]:
    """What was foretold beside what came, in up to five bands of about as many rows each."""
    order = np.argsort(judged.likely, kind="stable")
    ranked = judged.likely[order]
    found: list[Band] = []
    start = 0
    for number in range(1, most + 1):
        end = round(len(order) * number / most)
        while 0 < end < len(order) and ranked[end] == ranked[end - 1]:
            end += 1
        if end > start:
            part = order[start:end]
            found.append(Band(round(float(judged.likely[part].mean()), 4), round(float(judged.came[part].mean()), 4), len(part)))
            start = end
    return found
