"""From words to a tree: what stands where is checked here, precedence is sqlglot's.

sqlglot sees no word of the author's. Names, numbers, texts and functions are handed over as numbered stand-ins, so the
parser's dialects, casts, statements and table functions cannot be reached, every leaf of the tree knows its place, and
expressions of the same shape are parsed once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cs_engine.language import durations
from cs_engine.language.scope import Reporter, Scope
from cs_engine.language.tokens import Kind, Token

if TYPE_CHECKING:
    from sqlglot import exp

MAX_DEPTH = 30
_SHAPES = {
    "between": "write x between 1 and 5",
    "case": "write case when … then … else … end",
    "distinct": "write x is distinct from y",
}
_BLANKS = ("blank", "empty", "none", "nil", "undefined")
_VALUES = frozenset({Kind.NUMBER, Kind.TEXT, Kind.DURATION, Kind.CONSTANT, Kind.NAME})
_COMPARISONS = ("=", "<>", "<", ">", "<=", ">=")


def tree_of(tokens: list[Token], scope: Scope, report: Reporter) -> tuple[exp.Expr, list[Token]] | None:
    """The tree and the tokens that its stand-ins number, or None and a problem."""
    tokens = _as_meant(tokens, report)
    if not _Grammar(tokens, scope, report).holds():
        return None
    try:
        return _parse(_shape(tokens)), tokens
    except (_NoTree, RecursionError):
        mend = next((_SHAPES[t.text] for t in tokens if t.is_(*_SHAPES)), "write it in parts, with parentheses")
        report.add(tokens[0].start, tokens[-1].end, "X203", "this is no expression", mend)
        return None


class _NoTree(Exception):
    """The parser refuses the shape."""


@lru_cache(maxsize=2048)
def _parse(shape: str) -> exp.Expr:
    from sqlglot import parse_one
    from sqlglot.errors import SqlglotError

    try:
        return parse_one(shape, dialect="duckdb")
    except SqlglotError as error:
        raise _NoTree from error


def _shape(tokens: list[Token]) -> str:
    parts = []
    for index, token in enumerate(tokens):
        if token.kind is Kind.FUNCTION:
            parts.append(f"fn_{index}")
        elif token.kind in _VALUES and not _is_tested(tokens, index):
            parts.append(f'"{index}"')
        else:
            parts.append(token.text)
    return " ".join(parts)


def _is_tested(tokens: list[Token], index: int) -> bool:
    """Whether the constant belongs to its operator: `is null`, `is not true`."""
    if tokens[index].kind is not Kind.CONSTANT or index == 0:
        return False
    before = tokens[index - 1]
    return before.is_("is") or (before.is_("not") and index > 1 and tokens[index - 2].is_("is"))


def _as_meant(tokens: list[Token], report: Reporter) -> list[Token]:
    """`is 'x'` and `in 'x'` as they were meant, reported."""
    meant: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        negated = index + 1 < len(tokens) and tokens[index + 1].is_("not")
        after = index + 1 + negated
        follows = tokens[after] if after < len(tokens) else None
        if token.is_("is") and follows is not None and follows.text.lower() in _BLANKS:
            report.add(
                token.start,
                follows.end,
                "X209",
                f"`{follows.text}` is not of this language",
                f"write is {'not ' * negated}null",
                f"is {'not ' * negated}null",
            )
            meant += [*tokens[index:after], Token(Kind.CONSTANT, "null", follows.start, follows.end)]
            index = after + 1
            continue
        if token.is_("is") and follows is not None and follows.kind in (_VALUES - {Kind.CONSTANT}):
            operator = "<>" if negated else "="
            report.add(
                token.start,
                follows.end,
                "X209",
                "`is` goes with null, true and false only",
                f"write {operator} {follows.text}",
                f"{operator} {follows.text}",
            )
            meant.append(Token(Kind.OPERATOR, operator, token.start, token.end))
            index = after
            continue
        meant.append(token)
        index += 1
        if token.is_("in") and index < len(tokens) and tokens[index].kind in _VALUES:
            value = tokens[index]
            report.add(token.start, value.end, "X209", "`in` takes a list", f"write in ({value.text})", f"in ({value.text})")
            meant += [Token(Kind.OPEN, "(", value.start, value.start), value, Token(Kind.CLOSE, ")", value.end, value.end)]
            index += 1
    return meant


class _Grammar:
    """Where values and operators may stand. What it lets through, the parser can parse."""

    def __init__(self, tokens: list[Token], scope: Scope, report: Reporter) -> None:
        self.tokens, self.scope, self.report = tokens, scope, report
        self.index = 0
        self.needs_value = True
        self.open: list[Token] = []
        """Parentheses and `case` that wait for their end."""
        self.prefixes = 0

    def holds(self) -> bool:
        for index, token in enumerate(self.tokens):
            self.index = index
            if not (self._value(token) if self._begins_value(token) else self._goes_on(token)):
                return False
            if len(self.open) > MAX_DEPTH or self.prefixes > MAX_DEPTH:
                self.report.add(
                    token.start,
                    token.end,
                    "X202",
                    f"nested more than {MAX_DEPTH} levels deep",
                    "split it: segments.yaml and metrics.yaml take parts of it",
                )
                return False
        last = self.tokens[-1]
        if self.open:
            opened = self.open[-1]
            mend = "write end after its last value" if opened.is_("case") else "write ) where it ends"
            self.report.add(opened.start, opened.end, "X203", f"this `{opened.text}` is never closed", mend)
            return False
        return not self.needs_value or self._no_value_after(last)

    def _token(self, index: int) -> Token | None:
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def _begins_value(self, token: Token) -> bool:
        if token.kind in _VALUES or token.kind is Kind.FUNCTION or token.is_("case"):
            return True
        if token.kind is Kind.OPEN:
            before = self._token(self.index - 1)
            return before is None or before.kind is not Kind.FUNCTION
        if token.is_("not"):
            follows = self._token(self.index + 1)
            return self.needs_value or not (follows is not None and follows.is_("in", "like", "ilike", "between"))
        return token.is_("-") and self.needs_value

    def _value(self, token: Token) -> bool:
        if not self.needs_value:
            return self._no_operator(token)
        if token.is_("not", "-"):
            self.prefixes += 1
        elif token.kind is Kind.OPEN or token.is_("case"):
            self.open.append(token)
        elif token.kind is Kind.FUNCTION:
            pass
        else:
            self.needs_value = False
        return True

    def _goes_on(self, token: Token) -> bool:
        before = self._token(self.index - 1)
        match token.kind:
            case Kind.OPEN:
                self.open.append(token)
                return True
            case Kind.CLOSE:
                return self._close(token, before)
            case Kind.COMMA:
                return self._comma(token)
            case _:
                return self._operator(token, before)

    def _close(self, token: Token, before: Token | None) -> bool:
        if not self.open or self.open[-1].kind is not Kind.OPEN:
            what = "this `case` has no end before it" if self.open else "no `(` before it"
            self.report.add(token.start, token.end, "X203", f"`)` without its `(`: {what}", "delete it")
            return False
        empty = before is self.open[-1]
        caller = self._token(self.index - 2)
        if self.needs_value and not (empty and caller is not None and caller.kind is Kind.FUNCTION):
            return self._no_value_after(before or token)
        self.open.pop()
        self.needs_value = False
        return True

    def _comma(self, token: Token) -> bool:
        if self.needs_value:
            return self._no_value_after(self._token(self.index - 1) or token)
        at = self._opened_by()
        if at is None or not (at.kind is Kind.FUNCTION or at.is_("in")):
            before, after = self._token(self.index - 1), self._token(self.index + 1)
            joined = (
                before and after and before.kind is after.kind is Kind.NUMBER and before.end == token.start and token.end == after.start
            )
            mend = f"write {before.text}{after.text}" if joined and before and after else "write and, or or"
            self.report.add(token.start, token.end, "X203", "a comma outside of a list", mend)
            return False
        self.needs_value = True
        return True

    def _opened_by(self) -> Token | None:
        """What stands before the innermost open parenthesis."""
        if not self.open or self.open[-1].kind is not Kind.OPEN:
            return None
        opened = self.open[-1]
        return self._token(next(i for i, t in enumerate(self.tokens) if t is opened) - 1)

    def _operator(self, token: Token, before: Token | None) -> bool:
        in_case = bool(self.open) and self.open[-1].is_("case")
        if token.is_("when") and in_case and before is self.open[-1]:
            self.needs_value = True
            return True
        if token.is_("distinct", "from"):
            asked = "is" if token.is_("distinct") else "distinct"
            if before is not None and (before.is_(asked) or (asked == "is" and before.is_("not"))):
                return True
        if self.needs_value:
            return self._no_value_after(before or token, token)
        if token.is_("when", "then", "else", "end") and not in_case:
            self.report.add(token.start, token.end, "X203", f"`{token.text}` without its `case`", "write case when … then … else … end")
            return False
        if token.is_("end"):
            self.open.pop()
            return True
        self.needs_value = not token.is_("not")
        if token.is_("is"):
            return self._is(token)
        return True

    def _is(self, token: Token) -> bool:
        follows = [self._token(self.index + 1), self._token(self.index + 2)]
        first = follows[1] if follows[0] is not None and follows[0].is_("not") else follows[0]
        if first is not None and (first.kind is Kind.CONSTANT or first.is_("distinct")):
            return True
        self.report.add(token.start, token.end, "X209", "`is` goes with null, true and false only", "write =")
        return False

    def _no_value_after(self, before: Token, token: Token | None = None) -> bool:
        caller = self._token(self.index - 2)
        if before.kind is Kind.OPEN and caller is not None and token is None and caller.is_("in"):
            self.report.add(before.start, self.tokens[self.index].end, "X203", "the list after `in` is empty", "write in ('a', 'b')")
            return False
        if before.kind is Kind.OPEN and token is not None and token.is_("*"):
            self.report.add(token.start, token.end, "X210", "`*` and aggregates are not supported here", "define a metric in metrics.yaml")
            return False
        where = f"after `{before.text}`" if token is not before else f"before `{before.text}`"
        self.report.add(before.start, before.end, "X203", f"a value is missing {where}", "")
        return False

    def _no_operator(self, token: Token) -> bool:
        before = self.tokens[self.index - 1]
        start, end = before.start, token.end
        after, earlier = self._token(self.index + 1), self._token(self.index - 2)
        code, message, mend = "X203", f"an operator is missing between `{before.text}` and `{token.text}`", "write and, or, = or another"
        if before.kind is Kind.NUMBER and token.kind is Kind.NAME and earlier is not None and earlier.text in ("+", "-"):
            written = f"{before.text} {token.text}"
            code, message, mend = "X290", f"{written!r} is no length of time", durations.mend(written)
        if token.text.lower() in ("over", "filter"):
            code, message, mend = "X210", "windows and aggregates are not supported here", "define a metric in metrics.yaml"
        elif token.text.lower() == "as":
            code, message, mend = "X204", "casts are not supported", "leave the cast out"
        elif token.is_("not") and after is not None and after.text == "null":
            start, end, mend = token.start, after.end, "write is not null"
        elif token.text.lower() in ("contains", "starts_with", "ends_with") and after is not None and after.kind is Kind.TEXT:
            start, end, mend = token.start, token.end, f"write {token.text.lower()}({before.text}, {after.text})"
        elif token.text.lower() in ("equals", "eq", "is", "has") and token.kind is Kind.NAME:
            start, end, mend = token.start, token.end, "write ="
        elif before.kind is token.kind is Kind.NAME and earlier is not None and earlier.is_(*_COMPARISONS) and self._unknown(before, token):
            words = self.report.text[before.start : token.end]
            code, message, mend = "X207", "text goes in single quotes", f"write '{words}'"
        self.report.add(start, end, code, message, mend)
        return False

    def _unknown(self, *tokens: Token) -> bool:
        return all(self.scope.resolve(token.text) is None for token in tokens)
