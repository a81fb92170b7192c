"""Learning, and judging what was learned on moments that came later: in blocks of time, each judged by what was known before it.

What is learned at a moment rests on outcomes that were known then: rows whose time was not over are left out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from cs_engine.run.predict.history import History
from cs_engine.run.predict.quality import Judged, quality
from cs_engine.run.predict.tree import Bools, Tree
from cs_engine.usage.likely import Quality

Fit = Callable[[History], Tree]
"""What learns from rows."""

BLOCKS = 5
_JUDGED = 0.6
"""The share of the moments that is judged."""
LEAST_OUTCOMES = 30
"""Accounts of which the outcome came, and of which it did not: from fewer nothing is learned."""
_LEAST_TO_LEARN = 15
_LEAST_JUDGED = 10


@dataclass(frozen=True, slots=True)
class Block:
    """Some moments, judged by what was learned before them."""

    first: int
    last: int
    tree: Tree
    base: float
    """The base rate of what was learned from."""
    rows: Bools
    """Of the history: those that are judged."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What history gave."""

    history: History
    tree: Tree | None
    """Learned of all of it; None where there is too little."""
    blocks: tuple[Block, ...]
    quality: Quality | None
    judged: Judged | None
    why_not: tuple[str, ...]
    """Why it is not to be relied on; empty where it is."""

    @property
    def carries(self) -> bool:
        return not self.why_not


def learn(history: History, fit: Fit) -> Learned:
    """Learns of all, and says whether the data carry it."""
    sides = ((history.with_outcome, "of which the outcome came"), (history.without_outcome, "of which it did not come"))
    for many, said in sides:
        if many < LEAST_OUTCOMES:
            why = f"too few outcomes: {many} account{'' if many == 1 else 's'} {said}, and it takes {LEAST_OUTCOMES}"
            return Learned(history, None, (), None, None, (why,))
    blocks = tuple(_blocks(history, fit))
    if not blocks:
        why = "too short a history: in no part of it enough had come before to judge what came after"
        return Learned(history, None, (), None, None, (why,))
    judged = judged_of(history, blocks)
    came, other = len(np.unique(judged.account[judged.came])), len(np.unique(judged.account[~judged.came]))
    if min(came, other) < _LEAST_JUDGED:
        why = f"too few outcomes to judge it by: {came} accounts with one and {other} without, and it takes {_LEAST_JUDGED}"
        return Learned(history, None, blocks, None, None, (why,))
    found = quality(judged)
    tree = fit(history)
    return Learned(history, tree, blocks, found, judged, tuple(_why_not(tree, found)))


def _blocks(history: History, fit: Fit) -> Iterator[Block]:
    """The last moments in blocks, each that enough was known before and enough came in."""
    usable = len(history.moments) - history.ahead
    for part in np.array_split(np.arange(round(usable * (1 - _JUDGED)), usable), BLOCKS):
        if not len(part):
            continue
        first, last = int(part[0]), int(part[-1])
        known = history.rows(history.moment + history.ahead <= first)
        rows = (history.moment >= first) & (history.moment <= last)
        if min(known.with_outcome, known.without_outcome) >= _LEAST_TO_LEARN and rows.any():
            yield Block(first, last, fit(known), float(known.came.mean()), rows)


def judged_of(history: History, blocks: tuple[Block, ...]) -> Judged:
    """All rows of the blocks with what was foretold of them; of whom nothing could be, the base rate."""
    parts = [(block, history.rows(block.rows)) for block in blocks]
    foretold = [block.tree.score(part.facts) for block, part in parts]
    return Judged(
        account=np.concatenate([part.account for _, part in parts]),
        moment=np.concatenate([part.moment for _, part in parts]),
        likely=np.concatenate([np.where(np.isnan(one), block.base, one) for (block, _), one in zip(parts, foretold, strict=True)]),
        base=np.concatenate([np.full(len(part.came), block.base) for block, part in parts]),
        came=np.concatenate([part.came for _, part in parts]),
    )


def _why_not(tree: Tree, found: Quality) -> Iterator[str]:
    if len(tree.leaves) < 2:
        yield "no fact parts those of whom it came from the others"
    if not found.auc.low > 0.5:
        yield f"out of time it is no better than a coin: AUC {found.auc.value:.2f} ({found.auc.low:.2f} to {found.auc.high:.2f})"
    if not found.skill.value > 0:
        yield f"out of time it is no nearer to what came than the base rate of the past: skill {found.skill.value:.2f}"
