"""A playbook's `enter`, and what it would have done: whom it would have entered each month, how many of those rightly, how early. Pure.

Only judged moments count, each with what had been learned before it. The rule is the same everywhere and chosen by nobody's result: who has
twice the odds of all (or half, where those are meant of whom it is unlikely) enters, and again after `within` at the earliest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from cs_engine.run.predict.history import History
from cs_engine.run.predict.learn import Block, Learned
from cs_engine.run.predict.tree import Tree, between, far_out, number


class Entry(NamedTuple):
    """An account that would have entered."""

    moment: int
    account: int
    right: bool
    """Whether what was foretold came: the outcome, or that it stayed away."""


class Month(NamedTuple):
    month: str
    entered: int
    right: int


class Backtest(NamedTuple):
    """What `enter` would have done over the judged moments."""

    since: datetime
    until: datetime
    entered: int
    right: int
    came: int
    """Outcomes that came of accounts that were asked about; none are counted where the unlikely are asked for."""
    caught: int
    """Of these, entered in time before."""
    lead: tuple[float, float, float] | None
    """Days from the entry to the outcome: a quarter below, median, a quarter above."""
    months: tuple[Month, ...]


class Proposal(NamedTuple):
    """An `enter`, as a threshold of the metric and in plain facts."""

    enter: str
    plainly: str
    backtest: Backtest


def propose(learned: Learned, metric: str, names: Sequence[str], zone: ZoneInfo, *, unlikely: bool) -> Proposal | None:
    """None where no leaf is far enough from all."""
    tree, history = learned.tree, learned.history
    assert tree is not None
    base = float(history.came.mean())
    limit = tree.threshold(base, unlikely=unlikely)
    if limit is None:
        return None
    chosen = [leaf for leaf in tree.leaves if far_out(leaf.likely, base, unlikely=unlikely)]
    others = [leaf.likely for leaf in tree.leaves if leaf not in chosen]
    # A short number between the leaves on both sides.
    if unlikely:
        enter = f"{metric} <= {number(between(limit, min(others, default=1.0), 2))}"
    else:
        enter = f"{metric} > {number(between(max(others, default=0.0), limit, 2))}"
    return Proposal(enter, tree.said(chosen, names), _backtest(learned, zone, unlikely=unlikely))


def _backtest(learned: Learned, zone: ZoneInfo, *, unlikely: bool) -> Backtest:
    history, blocks = learned.history, learned.blocks
    entries = list(_entries(history, blocks, unlikely=unlikely))
    entered, right = Counter[str](), Counter[str]()
    for entry in entries:
        month = history.moments[entry.moment].astimezone(zone).strftime("%Y-%m")
        entered[month] += 1
        right[month] += entry.right
    came, leads = (0, []) if unlikely else _caught(history, blocks, entries)
    days = history.step.total_seconds() / 86_400
    lead = tuple(float(x) * days for x in np.quantile(leads, [0.25, 0.5, 0.75])) if leads else None
    return Backtest(
        since=history.moments[blocks[0].first],
        until=history.moments[blocks[-1].last],
        entered=len(entries),
        right=sum(entry.right for entry in entries),
        came=came,
        caught=len(leads),
        lead=(lead[0], lead[1], lead[2]) if lead else None,
        months=tuple(Month(month, entered[month], right[month]) for month in sorted(entered)),
    )


def _entries(history: History, blocks: Sequence[Block], *, unlikely: bool) -> Iterator[Entry]:
    """Moment after moment; who has entered does not again before its time is over."""
    last: dict[int, int] = {}
    for block in blocks:
        rows = np.flatnonzero(block.rows)
        flagged = rows[_flagged(block.tree, history.facts[rows], block.base, unlikely=unlikely)]
        for row in flagged[np.argsort(history.moment[flagged], kind="stable")].tolist():
            moment, account = int(history.moment[row]), int(history.account[row])
            if moment - last.get(account, moment - history.ahead) >= history.ahead:
                last[account] = moment
                yield Entry(moment, account, bool(history.came[row]) is not unlikely)


def _flagged(tree: Tree, facts: np.ndarray, base: float, *, unlikely: bool) -> np.ndarray:
    score = tree.score(facts)
    levels = {leaf.likely for leaf in tree.leaves if far_out(leaf.likely, base, unlikely=unlikely)}
    return np.isin(score, list(levels))


def _caught(history: History, blocks: Sequence[Block], entries: Sequence[Entry]) -> tuple[int, list[int]]:
    """How many outcomes came of accounts that were asked about; and of those entered before, by how many moments."""
    begun: dict[int, list[int]] = defaultdict(list)
    for entry in entries:
        begun[entry.account].append(entry.moment)
    asked = np.zeros_like(history.outcome)
    for block in blocks:
        asked[history.moment[block.rows], history.account[block.rows]] = True
    came, leads = 0, []
    onsets = history.outcome[1:] & ~history.outcome[:-1]
    for moment, account in zip(*(side.tolist() for side in np.nonzero(onsets)), strict=True):
        at = moment + 1
        if not asked[max(0, at - history.ahead) : at, account].any():
            continue
        came += 1
        early = [at - one for one in begun.get(account, ()) if 0 < at - one <= history.ahead]
        if early:
            leads.append(max(early))
    return came, leads
