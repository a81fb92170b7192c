"""The parts of a condition: what stands between its `and` and `or`, each a condition of its own. What `why` shows one by one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from sqlglot import exp

from cs_engine.language.compiler import Compiler, chain
from cs_engine.language.expression import Expression, Type
from cs_engine.language.problems import Place, Problems
from cs_engine.language.scope import Reporter, Scope
from cs_engine.language.syntax import tree_of
from cs_engine.language.tokens import Token, tokens_of

_JOINS: dict[type[exp.Expr], str] = {exp.And: "and", exp.Or: "or"}
_DEEPEST = 6
"""How deep parts are told apart: below that a part is one piece."""


@dataclass(frozen=True, slots=True)
class Part:
    """A condition, and how it is made of others."""

    condition: Expression
    joined: str = ""
    """and | or | not; '' when it is one piece."""
    parts: tuple[Part, ...] = ()


def taken_apart(condition: Expression, scope: Scope) -> Part:
    """A condition that was compiled in that scope, and its parts. One that the scope does not understand any more is one piece."""
    report = Reporter(condition.meant or condition.text, lambda offset, length: Place("", 1, offset + 1, length), Problems())
    tokens = tokens_of(report.text, scope, report)
    tree = None if tokens is None else tree_of(tokens, scope, report)
    if tree is None:
        return Part(condition)
    cutter = _Cutter(tree[1], scope, report)
    joined, parts = cutter.parts(tree[0], 0, len(report.text), _DEEPEST)
    return Part(condition) if report.failed else Part(condition, joined, parts)


_Made = tuple[str, tuple[Part, ...]]
_WHOLE: _Made = ("", ())


class _Cutter:
    def __init__(self, meant: list[Token], scope: Scope, report: Reporter) -> None:
        self._meant, self._scope, self._report = meant, scope, report

    def parts(self, node: exp.Expr, start: int, end: int, depth: int) -> _Made:
        """`start` to `end`: the author's words that the node stands for."""
        start, end = self._trimmed(start, end)
        text = self._report.text
        while isinstance(node, exp.Paren):
            if text[start] != "(" or text[end - 1] != ")":
                return _WHOLE
            node, (start, end) = node.this, self._trimmed(start + 1, end - 1)
        if not depth:
            return _WHOLE
        if isinstance(node, exp.Not):
            if not (found := re.match(r"not\b", text[start:end], re.IGNORECASE)):
                return _WHOLE  # `x is not null`, `x not in (…)`
            return "not", (self._part(node.this, start + found.end(), end, depth - 1),)
        joined = _JOINS.get(type(node), "")
        pieces = list(chain(node)) if joined else []
        cuts = self._cuts(pieces, joined, start, end)
        return (joined, tuple(self._part(piece, *cut, depth - 1) for piece, cut in zip(pieces, cuts, strict=True))) if cuts else _WHOLE

    def _cuts(self, pieces: list[exp.Expr], joined: str, start: int, end: int) -> list[tuple[int, int]]:
        """From where to where each piece stands: the word that joins two lies between the last leaf of one and the first of the next."""
        compiler = self._compiler()
        cuts = []
        for (_, before), (after, _) in pairwise(compiler.span(piece) for piece in pieces):
            word = re.search(rf"\b{joined}\b", self._report.text[before:after], re.IGNORECASE)
            if word is None:
                return []
            cuts.append((start, before + word.start()))
            start = before + word.end()
        return [*cuts, (start, end)] if cuts else []

    def _part(self, node: exp.Expr, start: int, end: int, depth: int) -> Part:
        start, end = self._trimmed(start, end)
        compiler = self._compiler()
        value = compiler.types.truth(compiler.value(node))
        names = tuple(sorted(compiler.columns))
        sql = f"coalesce({value.sql}, false)"
        condition = Expression(self._report.text[start:end], self._scope.grain, sql, Type.BOOLEAN, names)
        return Part(condition, *self.parts(node, start, end, depth))

    def _compiler(self) -> Compiler:
        return Compiler(self._meant, self._scope, self._report)

    def _trimmed(self, start: int, end: int) -> tuple[int, int]:
        words = self._report.text[start:end]
        return start + len(words) - len(words.lstrip()), end - (len(words) - len(words.rstrip()))
