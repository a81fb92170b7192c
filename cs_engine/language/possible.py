"""Whether conditions can be true at all: `uses > 3 and uses < 2` never is, whatever an account is like.

What a condition asks is taken apart down to comparisons of one value with constants, or of two values with each other. All else, and
whatever is worked out, is a value that may be anything. So what is called impossible is; not all that is impossible is found.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final

from cs_engine.language.expression import Expression
from cs_engine.language.scope import quoted

EXCLUDES = "what `and` joins here excludes each other: write `or`, or take one out"
"""The mend of what is never true."""
NO_LESS = "a count is 0 at least, and never blank: write what it should be, such as > 0"
"""The mend of what counts are always, or never."""
CONSTANT = "it hangs on nothing of the subject: leave it out, or say when"
"""The mend of what is as it is for all."""

_NOUGHT = re.compile(r"-|\b0|NULL")
"""Without it nothing is said that all counts are, or none."""
_MOST_WAYS = 500
"""Ways through the `or`s of conditions that are looked at; what has more may be true."""
_EXACT = 2**53
"""From here on not every whole number is a DOUBLE."""
_NEAR = 2
"""Days: how far times are apart of which the earlier is known whatever their zones are."""

_NULL: Final = "null"
_KNOWN: Final = "not null"
_COMPARE = {"=": eq, "<>": ne, "<": lt, ">": gt, "<=": le, ">=": ge}
_NEGATED = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_FLIPPED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

Constant = float | str | bool | tuple[int, str]
"""A time is its day's number and its text."""


@dataclass(frozen=True, slots=True)
class _Atom:
    """What a value, named by its SQL, has to be."""

    of: str
    operator: str
    """One of _COMPARE, or _NULL or _KNOWN."""
    constant: Constant = 0


@dataclass(frozen=True, slots=True)
class _All:
    parts: tuple[_Formula, ...]


@dataclass(frozen=True, slots=True)
class _Any:
    parts: tuple[_Formula, ...]


_Formula = bool | _Atom | _All | _Any


def possible(true: Sequence[Expression], not_true: Sequence[Expression] = (), counts: Collection[str] = ()) -> bool:
    """Whether there may be somebody of whom all conditions of `true` are true and none of `not_true`. They are over the same subject.

    `counts`: columns that are never blank, and never below 0.
    """
    return _possible(tuple(e.sql for e in true), tuple(e.sql for e in not_true), tuple(sorted(counts)))


def is_plain(condition: Expression, counts: Collection[str] = ()) -> bool:
    """Whether it asks one thing of one value: then it is sometimes true, and sometimes not. Tells quickly of most conditions."""
    if not condition.names or condition.sql.count('"') > len('""') or " AND " in condition.sql or " OR " in condition.sql:
        return False
    return not counts or _NOUGHT.search(condition.sql) is None


@lru_cache(maxsize=10_000)
def _possible(true: tuple[str, ...], not_true: tuple[str, ...], counts: tuple[str, ...]) -> bool:
    from sqlglot import errors, parse_one

    wanted = [(sql, True) for sql in true] + [(sql, False) for sql in not_true]
    try:
        formulas = [_Reading().formula(parse_one(sql, read="duckdb"), truth=truth, or_blank=not truth) for sql, truth in wanted]
        return _Search().finds(formulas, {quoted(name): (_Atom(quoted(name), ">=", 0.0), _Atom(quoted(name), _KNOWN)) for name in counts})
    except (RecursionError, errors.SqlglotError):  # it compiles, and is too much to be thought through
        return True


class _Reading:
    """From SQL to what it asks of values."""

    def formula(self, node: Any, *, truth: bool, or_blank: bool) -> _Formula:
        """What must be so for the node to be true (`truth`) or false; with `or_blank`, or blank."""
        from sqlglot import exp

        match node:
            case exp.Paren():
                return self.formula(node.this, truth=truth, or_blank=or_blank)
            case exp.Not():
                return self.formula(node.this, truth=not truth, or_blank=or_blank)
            case exp.And() | exp.Or():
                parts = tuple(self.formula(part, truth=truth, or_blank=or_blank) for part in node.flatten())
                return _All(parts) if isinstance(node, exp.And) is truth else _Any(parts)
            case exp.Boolean():
                return bool(node.this) is truth
            case exp.Coalesce(this=inner, expressions=[exp.Boolean(this=default)]):
                return self.formula(inner, truth=truth, or_blank=bool(default) is truth)
            case exp.Is(this=inner, expression=exp.Boolean(this=wanted)):
                # `x is false` is true where x is false, and else not: then x is true or blank.
                return self.formula(inner, truth=bool(wanted) is truth, or_blank=not truth)
            case exp.Is(this=inner, expression=exp.Null()):
                return self._blank(inner) if truth else self._known(inner)
            case exp.In(this=subject, expressions=items) if items:
                parts = tuple(self._compared(subject, "=", item, truth=truth, or_blank=or_blank) for item in items)
                return _Any(parts) if truth else _All(parts)
            case exp.NullSafeEQ(this=left, expression=right) | exp.NullSafeNEQ(this=left, expression=right):
                return self._distinct(node, left, right, same=isinstance(node, exp.NullSafeEQ) is truth)
        operator = _operators().get(type(node))
        if operator is not None:
            return self._compared(node.this, operator, node.expression, truth=truth, or_blank=or_blank)
        return self._or_blank(_Atom(self._named(node), "=", truth), node, or_blank=or_blank)

    def _compared(self, left: Any, operator: str, right: Any, *, truth: bool, or_blank: bool) -> _Formula:
        one, two = _constant(left), _constant(right)
        operator = operator if truth else _NEGATED[operator]
        if one is not None and two is not None:
            return _COMPARE[operator](one, two) if _alike([one, two]) else True
        if one is not None:
            left, right, two, operator = right, left, one, _FLIPPED[operator]
        if two is not None:
            if isinstance(two, bool):
                operator, two = "=", two is (operator == "=")
            return self._or_blank(_Atom(self._named(left), operator, two), left, or_blank=or_blank)
        a, b = self._named(left), self._named(right)
        if a > b:
            a, b, operator = b, a, _FLIPPED[operator]
        compared = _COMPARE[operator](0, 0) if a == b else _Atom(f"{a} minus {b}", operator, 0.0)
        known = _All((compared, self._known(left), self._known(right)))
        return _Any((known, self._blank(left), self._blank(right))) if or_blank else known

    def _distinct(self, node: Any, left: Any, right: Any, *, same: bool) -> _Formula:
        """`is [not] distinct from`, which is never blank."""
        from sqlglot import exp

        if isinstance(right, exp.Null):
            return self._blank(left) if same else self._known(left)
        if _constant(right) is None:
            kind = type(node)
            return _Atom(self._named(node), "=", same is (kind is exp.NullSafeEQ))
        return self._compared(left, "=", right, truth=same, or_blank=not same)

    def _or_blank(self, atom: _Atom, node: Any, *, or_blank: bool) -> _Formula:
        return _Any((atom, self._blank(node))) if or_blank else atom

    def _blank(self, node: Any) -> _Formula:
        return False if _constant(node) is not None else _Atom(self._named(node), _NULL)

    def _known(self, node: Any) -> _Formula:
        return True if _constant(node) is not None else _Atom(self._named(node), _KNOWN)

    @staticmethod
    def _named(node: Any) -> str:
        return str(node.unnest().sql("duckdb"))


@lru_cache(maxsize=1)
def _operators() -> dict[type, str]:
    from sqlglot import exp

    return {exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.GT: ">", exp.LTE: "<=", exp.GTE: ">="}


def _constant(node: Any) -> Constant | None:
    """The value of a literal; None of all else, and of numbers that a DOUBLE may not be equal to."""
    from sqlglot import exp

    node = node.unnest()
    match node:
        case exp.Boolean():
            return bool(node.this)
        case exp.Literal() if node.is_string:
            return str(node.this)
        case exp.Literal():
            number = float(node.this)
            return number if abs(number) < _EXACT else None
        case exp.Neg():
            inner = _constant(node.this)
            return -inner if isinstance(inner, float) else None
        case exp.Cast(this=exp.Literal() as literal) if node.to.this == exp.DType.TIMESTAMPTZ:
            return _time(str(literal.this))
        case _:
            return None


def _time(text: str) -> tuple[int, str] | None:
    from datetime import date

    try:
        return date.fromisoformat(text[:10]).toordinal(), text
    except ValueError:
        return None


class _Search:
    """Looks for a way through all formulas that no value stands in."""

    def __init__(self) -> None:
        self._ways = _MOST_WAYS

    def finds(self, formulas: Sequence[_Formula], known: dict[str, tuple[_Atom, ...]]) -> bool:
        todo, choices = list(formulas), []
        while todo:
            match todo.pop():
                case bool(is_so):
                    if not is_so:
                        return False
                case _All(parts):
                    todo += parts
                case _Any() as choice:
                    choices.append(choice)
                case _Atom() as atom:
                    atoms = (*known.get(atom.of, ()), atom)
                    if not _fit(atoms):
                        return False
                    known = {**known, atom.of: atoms}
        if not choices:
            return True
        first, *others = choices
        for part in first.parts:
            self._ways -= 1
            if self._ways < 0 or self.finds([part, *others], known):
                return True
        return False


def _fit(atoms: Sequence[_Atom]) -> bool:
    """Whether some value is all that."""
    asked = {atom.operator for atom in atoms}
    if _NULL in asked:
        return asked == {_NULL}
    compared = [atom for atom in atoms if atom.operator != _KNOWN]
    if not _alike([atom.constant for atom in compared]):
        return True
    for exactly in (atom.constant for atom in compared if atom.operator == "="):
        return all(_COMPARE[atom.operator](exactly, atom.constant) for atom in compared)
    lows = [(atom.constant, atom.operator == ">") for atom in compared if atom.operator in (">", ">=")]
    highs = [(atom.constant, atom.operator == "<") for atom in compared if atom.operator in ("<", "<=")]
    if not lows or not highs:
        return True
    low, high = max(low for low, _ in lows), min(high for high, _ in highs)
    if low != high:
        return bool(_COMPARE["<"](low, high))
    return (low, True) not in lows and (high, True) not in highs and all(a.constant != low for a in compared if a.operator == "<>")


def _alike(constants: Sequence[Constant]) -> bool:
    """Whether it is known how they stand to each other."""
    if len({type(constant) for constant in constants}) > 1:
        return False
    times = sorted({constant for constant in constants if isinstance(constant, tuple)})
    return all(later[0] - earlier[0] >= _NEAR for earlier, later in pairwise(times))
