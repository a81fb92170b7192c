"""History as rows to learn from: accounts at moments of the past, with the facts as they were known then, and whether the outcome came.

Each moment's facts are those of a tick at that `now`, by the evaluator of every tick: nothing that happened, or was learned, later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import repeat
from math import ceil

import numpy as np
from numpy.typing import NDArray

from cs_engine.errors import WrongUse
from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.language.expression import Grain
from cs_engine.ports import Overlay
from cs_engine.run.context import Engine
from cs_engine.run.predict.fit import as_floats
from cs_engine.run.predict.question import Question
from cs_engine.run.predict.tree import Bools, Floats

Ints = NDArray[np.int64]

_STEP = timedelta(days=7)
"""From moment to moment at most."""
MOST_MOMENTS = 130
"""Some two years of weeks."""
MOST_ROWS = 300_000
"""Of more accounts a part is looked at, chosen by their ids."""


@dataclass(frozen=True, slots=True)
class History:
    """All rows, and which accounts the outcome was true of when."""

    moments: tuple[datetime, ...]
    step: timedelta
    ahead: int
    """How many moments further on the outcome must have come."""
    accounts: tuple[str, ...]
    of: int
    """How many accounts there are in all."""
    outcome: Bools
    """By moment and account."""
    facts: Floats
    """By row and fact."""
    moment: Ints
    """Of each row."""
    account: Ints
    came: Bools
    """Whether the outcome came in time."""

    def rows(self, chosen: Bools) -> History:
        """The same with these rows alone."""
        return replace(self, facts=self.facts[chosen], moment=self.moment[chosen], account=self.account[chosen], came=self.came[chosen])

    @property
    def with_outcome(self) -> int:
        """Accounts of which it came."""
        return len(np.unique(self.account[self.came]))

    @property
    def without_outcome(self) -> int:
        """Accounts of which it did not come at some moment or other."""
        return len(np.unique(self.account[~self.came]))

    @property
    def with_rows(self) -> int:
        return len(np.unique(self.account))


def gather(engine: Engine, question: Question, since: datetime | None, until: datetime | None, told: Callable[[int, int], None]) -> History:
    """Looks at one moment after another; `told` is given how many are done, and of how many.

    `until`: None for the last tick's moment, or now. Nobody knows what came after the newest usage, so nothing later is looked at.
    """
    end, first, ids = _bounds(engine, until)
    steps = ceil(question.within / _STEP)
    step = question.within / steps
    begin = max(since or end - MOST_MOMENTS * step, end - MOST_MOMENTS * step, first)
    moments = tuple(end - step * back for back in range(int((end - begin) / step), -1, -1))
    if len(moments) < 2 * steps + 2:
        span = f"{begin:%Y-%m-%d} to {end:%Y-%m-%d}"
        raise WrongUse(
            f"there is too little history to learn from: {span}, and what came shows after {question.spec.within}",
            "learn it when there is more",
        )
    chosen = _chosen(ids, len(moments))
    number = {id: n for n, id in enumerate(chosen)}
    confirmed = engine.project.journey.confirmed()
    latched = engine.store.milestones() | (engine.store.counted(confirmed) if confirmed else {})
    outcome = np.zeros((len(moments), len(chosen)), np.bool_)
    asked = np.zeros_like(outcome)
    facts = np.full((len(moments), len(chosen), len(question.facts)), np.nan, np.float64)
    for at, moment in enumerate(moments):
        told(at, len(moments))
        _look(engine, question, moment, latched, number, (outcome[at], asked[at], facts[at]))
    told(len(moments), len(moments))
    return _rows(question, moments, step, steps, (chosen, len(ids)), outcome, asked, facts)


def _bounds(engine: Engine, until: datetime | None) -> tuple[datetime, datetime, list[str]]:
    """The last moment of which all is known, the first sign-up, and the accounts."""
    last = engine.store.last_tick()
    end = until or (from_micros(last) if last is not None else engine.wall.now())
    facts = engine.usage.facts(end, [], Overlay({}, {}, {}))
    try:
        newest = facts.stock().newest
        ids = facts.ids(Grain.ACCOUNT)
        (since,) = facts.columns(Grain.ACCOUNT, ["account.signed_up_at"], np.arange(len(ids))) if ids else ([],)
    finally:
        facts.close()
    if newest is None or not ids:
        raise WrongUse(f"there is no usage by {end:%Y-%m-%d} to learn from", "cs-engine sync")
    end = min(end, from_micros(newest))
    return end, min((at for at in since if at is not None), default=end - MOST_MOMENTS * _STEP), ids


def _chosen(ids: Sequence[str], moments: int) -> tuple[str, ...]:
    """All of them; of very many those whose ids fall under a share."""
    most = MOST_ROWS // moments
    if len(ids) <= most:
        return tuple(ids)
    under = 2**32 * most // len(ids)
    return tuple(id for id in ids if int.from_bytes(blake2b(id.encode(), digest_size=4).digest()) < under)


def _look(
    engine: Engine, question: Question, moment: datetime, latched: Mapping[str, tuple[list[str], list[Micros]]], number: Mapping[str, int],
    into: tuple[Bools, Bools, Floats],
) -> None:  # fmt: skip
    """Writes what was so then: the outcome, of whom it was asked, the facts."""
    outcome, asked, values = into
    at = to_micros(moment)
    known = {milestone: _by_then(accounts, times, at) for milestone, (accounts, times) in latched.items()}
    facts = engine.usage.facts(moment, question.reads, Overlay(known, {}, {}))
    try:
        ids = facts.ids(Grain.ACCOUNT)
        to = np.fromiter(map(number.get, ids, repeat(-1)), np.int64, len(ids))
        rows = np.flatnonzero(to >= 0)
        to = to[rows]
        outcome[to] = facts.mask(question.outcome)[rows]
        asked[to] = facts.mask(question.among)[rows] if question.among is not None else True
        for fact, column in enumerate(facts.columns(Grain.ACCOUNT, question.facts, rows)):
            values[to, fact] = as_floats(column)
        if facts.failed:
            failure = facts.failed[0]
            raise WrongUse(f"{failure.text} fails at {moment:%Y-%m-%d}: {failure.reason}", "mend it, or leave it out of `facts`")
    finally:
        facts.close()


def _by_then(accounts: Sequence[str], times: Sequence[Micros], at: Micros) -> tuple[list[str], list[Micros]]:
    """Those who had reached it by then."""
    there = [(account, time) for account, time in zip(accounts, times, strict=True) if time <= at]
    return [account for account, _ in there], [time for _, time in there]


def _rows(
    question: Question, moments: tuple[datetime, ...], step: timedelta, ahead: int, accounts: tuple[tuple[str, ...], int],
    outcome: Bools, asked: Bools, facts: Floats,
) -> History:  # fmt: skip
    """Who is asked about and does not have the outcome, at each moment of which it is known what came."""
    if question.lasts:
        outcome = np.logical_or.accumulate(outcome, axis=0)
    usable = len(moments) - ahead
    came = np.zeros((usable, outcome.shape[1]), np.bool_)
    for later in range(1, ahead + 1):
        came |= outcome[later : later + usable]
    moment, account = np.nonzero(asked[:usable] & ~outcome[:usable])
    return History(moments, step, ahead, accounts[0], accounts[1], outcome, facts[moment, account], moment, account, came[moment, account])
