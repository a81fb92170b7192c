"""scikit-learn's decision tree, made ours. The only file that needs the extra `predict`."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cs_engine.errors import SettingsError
from cs_engine.run.predict.tree import Bools, Floats, Range, Tree, between

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

MOST_LEAVES = 6
DEEPEST = 3
"""Questions to a leaf: what a person can hold in mind."""
LEAST_ACCOUNTS = 10
"""A leaf is learned of as many rows as so many accounts have."""
_WEIGHT = 3
"""A leaf is drawn toward all by as many rows as so many accounts have: those of one account are alike, so rows would count for too many.

Measured on what came later: three questions to the shipped sample are answered best between 3 and 10; over histories that were made by a
sharp rule each account more costs a little.
"""
_LEAST_GAIN = 0.005
"""What a question must explain, as a share of what there is to explain."""
_LARGEST = float(np.finfo(np.float32).max) / 2


def require() -> None:
    """Raises SettingsError, with the mend, where scikit-learn is not installed."""
    try:
        import sklearn.tree  # noqa: F401
    except ImportError as missing:
        raise SettingsError(
            "learning needs scikit-learn, which is not installed (what was learned does not)", "pip install 'cs-engine[predict]'"
        ) from missing


def fit(facts: Floats, came: Bools, accounts: NDArray[np.int64]) -> Tree:
    """The tree of these rows. `accounts`: whose each is. Nothing in it hangs on chance."""
    weight = round(_WEIGHT * len(came) / len(np.unique(accounts)), 1)
    return tree_of(classifier(facts, came, accounts), facts, came, weight)


def classifier(facts: Floats, came: Bools, accounts: NDArray[np.int64]) -> DecisionTreeClassifier:
    """scikit-learn's own."""
    from sklearn.tree import DecisionTreeClassifier

    base = float(came.mean())
    a_leaf = min(len(came) // 2, max(LEAST_ACCOUNTS, round(LEAST_ACCOUNTS * len(came) / len(np.unique(accounts)))))
    tree: DecisionTreeClassifier = DecisionTreeClassifier(
        max_depth=DEEPEST,
        max_leaf_nodes=MOST_LEAVES,
        min_samples_leaf=max(1, a_leaf),
        min_impurity_decrease=_LEAST_GAIN * 2 * base * (1 - base),
        random_state=0,
    )
    return tree.fit(bounded(facts), came)


def bounded(facts: Floats) -> Floats:
    """Without what scikit-learn's single precision cannot hold."""
    return np.clip(facts, -_LARGEST, _LARGEST)


def tree_of(fitted: DecisionTreeClassifier, facts: Floats, came: Bools, weight: float = 0) -> Tree:
    """The same tree over the rows that it was fitted to, with limits that are written shortly, and its leaves drawn toward all."""
    found: list[tuple[tuple[Range, ...], int, int]] = []
    inner, single = fitted.tree_, bounded(facts).astype(np.float32)

    def walk(node: int, rows: NDArray[np.int64], ranges: dict[int, Range]) -> None:
        left, right = int(inner.children_left[node]), int(inner.children_right[node])
        if left == right:
            ways = tuple(one for one in ranges.values() if one.low is not None or one.high is not None)
            found.append((ways, int(came[rows].sum()), len(rows)))
            return
        fact, blank_left = int(inner.feature[node]), bool(inner.missing_go_to_left[node])
        values = facts[rows, fact]
        blank = np.isnan(values)
        up_to = single[rows, fact] <= inner.threshold[node]
        there = ranges.get(fact, Range(fact, blank=bool(np.isnan(facts[:, fact]).any())))
        if blank.all() or up_to[~blank].all() or not up_to[~blank].any():
            limit = inf if up_to[~blank].all() else -inf  # it parts blanks from all the rest
        else:
            limit = between(float(values[~blank & up_to].max()), float(values[~blank & ~up_to].min()))
        goes_left = np.where(blank, blank_left, up_to)
        walk(left, rows[goes_left], {**ranges, fact: there.within(limit, blank=blank_left)})
        walk(right, rows[~goes_left], {**ranges, fact: there.above(limit, blank=not blank_left)})

    walk(0, np.arange(len(facts)), {})
    return Tree.of(found, weight)


def as_floats(column: list[Any]) -> Floats:
    """A column of facts: blank is NaN."""
    return np.array([np.nan if value is None else float(value) for value in column], np.float64)
