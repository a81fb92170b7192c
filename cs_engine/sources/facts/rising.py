"""Conditions that events can only make true: how far fewer moments have to be looked at for when they became so.

Most milestones ask that something be at least so many: events, people, days. In the course of a day such a count can only rise. So what
does not hold as a day ends held at no moment of it; and where it does not rise as days go by either, no other day has to be looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlglot
from sqlglot import expressions as exp

from cs_engine.usage.columns import Derived
from cs_engine.usage.names import is_latch
from cs_engine.usage.past_sql import Reads, only_grows
from cs_engine.usage.windows import Kind, Window

_RISING = frozenset(
    {
        Kind.COUNT,
        Kind.COUNT_DISTINCT,
        Kind.ACTIVE_DAYS,
        Kind.ACTIVE_WEEKS,
        Kind.STREAK_DAYS,
        Kind.STREAK_WEEKS,
        Kind.FUNNEL,
    }
)
"""What another event never lessens."""
_NOT_BY_TIME = _RISING - {Kind.ACTIVE_WEEKS, Kind.STREAK_WEEKS}
"""What a day without events never adds to: weeks are counted back from each day anew."""


def rises(reads: Reads, column: str, latch: str) -> bool:
    """Whether that column of conditions, once true, stays so to the end of its day. `latch`: the column of when it was reached before,
    which is blank of all who are looked at.
    """
    if reads.before or any(is_latch(name) and name != latch for name in reads.kept):
        return False
    rising = {window.name for window in reads.windows if _rises(window)}
    derived = dict(reads.derived)
    if any("getvariable" in one.sql for one in derived.values()):
        return False
    return _Condition(rising, frozenset(reads.kept), derived).of(column)


def by_time(reads: Reads) -> bool:
    """Whether a condition that rises may become true without an event, as days go by."""
    return not all(window.ago == 0 and (window.kind in _NOT_BY_TIME or only_grows(window)) for window in reads.windows)


def once_a_day(reads: Reads) -> bool:
    """Whether of events of one day that are alike in all that is read the first says all: nothing counts how many there were."""
    return all(window.kind not in (Kind.COUNT, Kind.FUNNEL) and "at" not in (window.column, *window.reads) for window in reads.windows)


def _rises(window: Window) -> bool:
    sqls = (window.where, *(window.funnel.steps if window.funnel else ()))
    rate = window.funnel is not None and window.funnel.rate
    return (
        window.kind in _RISING and window.when is None and window.hours is None and not rate and not any("getvariable" in s for s in sqls)
    )


class _Condition:
    """`rising`: names of numbers that only rise; `constant`: columns that stay as they are; `derived`: what is made of both."""

    def __init__(self, rising: Collection[str], constant: Collection[str], derived: Mapping[str, Derived]) -> None:
        self._rising, self._constant, self._derived = rising, constant, derived

    def of(self, column: str) -> bool:
        return self._rises(sqlglot.parse_one(self._derived[column].sql, read="duckdb"))

    def _rises(self, node: exp.Expr) -> bool:
        """Of a truth: whether it never becomes false. Of a number: whether it never falls."""
        match node:
            case exp.Paren():
                return self._rises(node.this)
            case exp.And() | exp.Or() | exp.Add():
                return self._rises(node.left) and self._rises(node.right)
            case exp.GTE() | exp.GT():
                return self._rises(node.left) and self._stays(node.right)
            case exp.LTE() | exp.LT():
                return self._stays(node.left) and self._rises(node.right)
            case exp.Coalesce():
                # What is blank is not true, and may become so.
                return self._rises(node.this) and all(one == exp.false() for one in node.expressions)
            case exp.Column() if node.name in self._derived:
                return self.of(node.name)
            case exp.Column() if node.name in self._rising:
                return True
        return self._stays(node)

    def _stays(self, node: exp.Expr) -> bool:
        return all(column.name in self._constant for column in node.find_all(exp.Column)) and not node.find(exp.Anonymous)
