"""`happened('invited', area = 'roles' and at > event.at)`: whether the subject had such an event, ever, or after a time of its own.

Events are counted for all subjects at once, over their own columns. A time that each subject, or each passage, has for itself is
compared with the last such event: one came after it if the last one did; before it, with the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from cs_engine.language.expression import Type
from cs_engine.language.scope import Column, NotHere, Scope
from cs_engine.language.seen import EVENT_NAME, doubt
from cs_engine.language.tokens import Kind
from cs_engine.language.values import FLIPPED, Value

if TYPE_CHECKING:
    from cs_engine.language.compiler import Compiler

_ORDER: dict[type[exp.Expr], str] = {exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_AT = "at"
"""The column of every event that says when it happened."""


class Happened:
    """The rule for calls of happened() of one compiler."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def value(self, node: exp.Expr) -> Value:
        compiler, given = self.compiler, node.expressions
        events = compiler.scope.events
        if events is None:
            return compiler.refuse(node, "X220", "happened() cannot be asked here")
        if len(given) not in (1, 2):
            return compiler.refuse(node, "X217", "happened() takes an event, and a condition over it", "write happened('invited')")
        token = compiler.token(given[0]) if given[0].key == "column" else None
        if token is None or token.kind is not Kind.TEXT:
            start, end = compiler.span(given[0])
            words = compiler.report.text[start:end]
            return compiler.refuse(given[0], "X207", "happened() takes the name of an event in single quotes", f"write happened('{words}')")
        event = str(token.value)
        scope = events.scope_of(event)
        if isinstance(scope, NotHere):
            return compiler.refuse(given[0], "X218", scope.reason, scope.mend)
        if isinstance(named := scope.resolve(EVENT_NAME), Column) and events.plain(event) not in named.values:
            doubt(EVENT_NAME, [(event, token.start, token.end)], named.values, compiler.report, wanted=True)
        terms = list(_conjuncts(given[1])) if len(given) == 2 else []
        own_times = [term for term in terms if self._is_beside(term, scope)]
        if len(own_times) > 1:
            mend = "keep one of them; a second happened() asks for another event"
            return compiler.refuse(own_times[1], "X220", "happened() looks after one time, or before one", mend)
        inner = type(compiler)(compiler.tokens, scope, compiler.report)
        where = [inner.types.truth(inner.value(term)) for term in terms if term not in own_times]
        beside = self._beside(own_times[0]) if own_times else None
        start, end = compiler.span(node)
        words = compiler.report.text[start:end]
        if any(value.broken for value in where) or (beside is not None and beside[1].broken):
            return Value("NULL", Type.BOOLEAN, start, end, words, broken=True)
        sql, reads = " AND ".join(value.sql for value in where), tuple(sorted(inner.columns))
        if beside is None:
            column = events.count(" ".join(words.split()), event, sql, reads)
            compiler.columns.add(column.name)
            return Value(f"({column.to_sql()} > 0)", Type.BOOLEAN, start, end, words)
        operator, time = beside
        said = " and ".join(" ".join(compiler.report.text[slice(*compiler.span(term))].split()) for term in terms if term not in own_times)
        asked = f"happened('{event}'{f', {said}' if said else ''})"
        column = events.time(asked, event, sql, reads, last=operator.startswith(">"))
        compiler.columns.add(column.name)
        return Value(f"coalesce({column.to_sql()} {operator} {time.sql}, false)", Type.BOOLEAN, start, end, words)

    def _is_beside(self, term: exp.Expr, scope: Scope) -> bool:
        """Whether it compares the event's time with something of the subject, or of its passage."""
        if type(term) not in _ORDER:
            return False
        sides = (term.this, term.expression)
        return any(self._is_at(one) and self._is_outside(other, scope) for one, other in (sides, sides[::-1]))

    def _is_at(self, node: exp.Expr) -> bool:
        token = self.compiler.token(node) if isinstance(node, exp.Column) else None
        return token is not None and token.kind is Kind.NAME and token.text == _AT

    def _is_outside(self, node: exp.Expr, scope: Scope) -> bool:
        for leaf in node.find_all(exp.Column, exp.Anonymous):
            token = self.compiler.token(leaf)
            if token.kind is Kind.FUNCTION and token.text.lower() == "at_entry":
                return True
            if token.kind is Kind.NAME and not self._is_of(token.text, scope) and self._is_of(token.text, self.compiler.scope):
                return True
        return False

    @staticmethod
    def _is_of(name: str, scope: Scope) -> bool:
        found = scope.resolve(name)
        return found is not None and not isinstance(found, NotHere)

    def _beside(self, term: exp.Expr) -> tuple[str, Value]:
        """(operator, time): how the event's time stands to that one."""
        operator, time = _ORDER[type(term)], term.expression
        if not self._is_at(term.this):
            operator, time = FLIPPED[operator], term.this
        value = self.compiler.value(time)
        return operator, value if value.broken else self.compiler.types.want(value, Type.INSTANT, "the time beside `at`")


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of which all have to hold."""
    if isinstance(node, exp.Paren):
        yield from _conjuncts(node.this)
    elif isinstance(node, exp.And):
        yield from _conjuncts(node.this)
        yield from _conjuncts(node.expression)
    else:
        yield node
