"""From a tree to SQL, checking names and types on the way.

Only what has a rule here can come out: there is none for tables, subqueries, casts, windows or aggregates. The SQL cannot fail
while it runs: numbers are added up as DOUBLE, a division by 0 is blank, and functions are those of `functions`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any

from sqlglot import exp

from cs_engine.language import durations
from cs_engine.language.calls import Calls
from cs_engine.language.expression import Duration, Expression, Spell, Type
from cs_engine.language.problems import did_you_mean
from cs_engine.language.scope import Column, Literal, NotHere, Reporter, Scope, written
from cs_engine.language.seen import doubt
from cs_engine.language.tokens import Kind, Token
from cs_engine.language.typed import Types, operation, short
from cs_engine.language.values import Value, as_type, double, yes_or_no

_COMPARE: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.GT: ">",
    exp.LTE: "<=",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_TYPES = {bool: Type.BOOLEAN, int: Type.NUMBER, float: Type.NUMBER, str: Type.TEXT}
_ORDER = ("<", ">", "<=", ">=")
_IS_NULL = "write is null"
_NAME_MENDS = {
    **dict.fromkeys(("now", "today", "current_date", "current_timestamp", "sysdate"), "write now()"),
    **dict.fromkeys(("none", "nil", "undefined", "blank", "empty"), _IS_NULL),
    **dict.fromkeys(("yes", "on"), "write true"),
    **dict.fromkeys(("no", "off"), "write false"),
}


_MANY = 12
"""More names than these are not listed in a mend."""


def _which_there_are(name: str, names: Collection[str]) -> str:
    """Where a name that is near to none was to be found: the columns beside it, or those of metrics.yaml."""
    space, dot, _ = name.partition(".")
    same = sorted(n for n in names if n.startswith(space + dot)) if dot else sorted(n for n in names if "." not in n)
    if 0 < len(same) <= _MANY:
        return f"there are {', '.join(same)}"
    if same and dot:
        return f"there are {', '.join(same[:_MANY])}, …"
    return "" if dot else "`cs-engine list` shows what there is; metrics.yaml defines more"


class Compiler:
    """Compiles one tree. `columns` are those that it reads."""

    def __init__(self, tokens: list[Token], scope: Scope, report: Reporter) -> None:
        self.tokens, self.scope, self.report = tokens, scope, report
        self.types = Types(report)
        self.columns: set[str] = set()
        self.at_entry: dict[str, Expression] = {}
        """What is to be kept when a passage begins, by the name that it is then known by."""
        self.spells: dict[str, Spell] = {}
        """What held(…) is asked of, by its column."""
        calls = Calls(self)
        self._rules: dict[type[exp.Expr], Callable[[Any], Value]] = {
            exp.Column: self._leaf,
            exp.Anonymous: calls.value,
            exp.Paren: lambda node: self.value(node.this),
            exp.And: self._logic,
            exp.Or: self._logic,
            exp.Not: self._not,
            exp.In: self._in,
            exp.Between: self._between,
            exp.Like: self._like,
            exp.ILike: self._like,
            exp.Is: self._is,
            exp.Case: self._case,
            exp.Neg: self._minus,
            **dict.fromkeys(_COMPARE, self._compare),
            **dict.fromkeys(_ARITHMETIC, self._arithmetic),
        }

    def value(self, node: exp.Expr) -> Value:
        """The value of any node. One that has no rule is refused."""
        rule = self._rules.get(type(node))
        if rule is None:
            return self.refuse(node, "X203", "this is not supported in an expression")
        return rule(node)

    def refuse(self, node: exp.Expr, code: str, message: str, mend: str = "", edit: str | None = None) -> Value:
        start, end = self.span(node)
        self.report.add(start, end, code, message, mend, edit)
        return Value("NULL", None, start, end, self.report.text[start:end], broken=True)

    def span(self, node: exp.Expr) -> tuple[int, int]:
        """From the first to the last word of a node, in the author's text."""
        spans = [self._leaf_span(leaf) for leaf in node.find_all(exp.Column, exp.Anonymous)]
        if not spans:
            return 0, len(self.report.text)
        return min(s for s, _ in spans), max(e for _, e in spans)

    def _words(self, node: exp.Expr) -> str:
        start, end = self.span(node)
        return self.report.text[start:end]

    def _leaf_span(self, leaf: exp.Expr) -> tuple[int, int]:
        index = self.token_index(leaf)
        token = self.tokens[index]
        if token.kind is not Kind.FUNCTION:
            return token.start, token.end
        depth = 0
        for later in self.tokens[index + 1 :]:
            depth += (later.kind is Kind.OPEN) - (later.kind is Kind.CLOSE)
            if not depth:
                return token.start, later.end
        return token.start, token.end

    @staticmethod
    def token_index(leaf: exp.Expr) -> int:
        return int(leaf.name.removeprefix("fn_"))

    def token(self, leaf: exp.Expr) -> Token:
        return self.tokens[self.token_index(leaf)]

    def made(self, sql: str, of: Type | None, *parts: Value, is_double: bool = False) -> Value:
        """A value made of others; broken when one of them is."""
        start = min((p.start for p in parts), default=0)
        end = max((p.end for p in parts), default=0)
        broken = any(p.broken for p in parts)
        return Value(sql, of, start, end, self.report.text[start:end], is_double=is_double, broken=broken)

    # Leaves

    def _leaf(self, node: exp.Expr) -> Value:
        token = self.token(node)
        if token.kind is Kind.NAME:
            return self._name(node, token)
        if token.value is None and token.kind is not Kind.CONSTANT:
            return Value("NULL", None, token.start, token.end, self.report.text[token.start : token.end], broken=True)
        return self.literal(token, token.value)

    def literal(self, token: Token, value: str | float | bool | Duration | None) -> Value:
        words = self.report.text[token.start : token.end]
        if value is None:
            return Value("NULL", None, token.start, token.end, words)
        if isinstance(value, Duration):
            return Value(durations.to_sql(value) or "", Type.DURATION, token.start, token.end, words, value)
        if isinstance(value, bool):
            sql = "TRUE" if value else "FALSE"
        elif isinstance(value, str):
            sql = "'" + value.replace("'", "''") + "'"
        else:
            sql = str(value)
        made = Value(sql, _TYPES[type(value)], token.start, token.end, words, value)
        return replace(made, sql=double(made), is_double=True) if isinstance(value, float) else made

    def _name(self, node: exp.Expr, token: Token) -> Value:
        match self.scope.resolve(token.text):
            case Column() as column:
                self.columns.add(column.name)
                return Value(column.to_sql(), column.type, token.start, token.end, token.text)
            case Literal(value):
                return self.literal(token, value)
            case NotHere(reason, mend):
                return self.refuse(node, "X212", reason, mend)
            case None:
                return self.refuse(node, "X211", f"nothing is called {token.text}", self._nearest(token.text))

    def _nearest(self, name: str) -> str:
        names = self.scope.names()
        tails = sorted(n for n in names if n.rpartition(".")[2].lower() == name.rpartition(".")[2].lower())
        if tails:
            return f'did you mean "{tails[0]}"?'
        quoted = {f'did you mean "{n}"?': f"write {written(n)}" for n in names if written(n) != n}
        near = did_you_mean(name, names)
        return _NAME_MENDS.get(name.lower()) or quoted.get(near, near) or _which_there_are(name, names)

    def column(self, node: exp.Expr, name: str, of: Type) -> Value:
        """A column of the facts that a function stands for."""
        self.columns.add(name)
        start, end = self.span(node)
        return Value(Column(name, of).to_sql(), of, start, end, self.report.text[start:end])

    def _bare_words(self, node: exp.Expr) -> str | None:
        """`team`, `self-serve`: words that are no names, where text was meant."""
        leaves = list(node.find_all(exp.Column, exp.Anonymous))
        inner = (exp.Column, exp.Identifier, exp.Sub, exp.Add, exp.Div)
        if not leaves or any(not isinstance(part, inner) for part in node.walk()):
            return None
        tokens = [self.token(leaf) for leaf in leaves]
        if tokens[0].kind is not Kind.NAME or any(t.kind not in (Kind.NAME, Kind.NUMBER) for t in tokens):
            return None
        if any(t.kind is Kind.NAME and self._is_name(t.text) for t in tokens):
            return None
        start, end = self.span(node)
        return self.report.text[start:end]

    def _is_name(self, words: str) -> bool:
        """Whether this is a name, or begins as names do: `account.pln`."""
        space, dot, _ = words.partition(".")
        return self.scope.resolve(words) is not None or (bool(dot) and any(n.startswith(space + dot) for n in self.scope.names()))

    def beside(self, node: exp.Expr, other: Value | None) -> Value:
        """The value of a node that is compared with `other`: a bare word beside text was meant as text."""
        words = self._bare_words(node)
        if words is None or other is None or other.broken or other.literal is not None:
            return self.value(node)
        if other.type in (Type.TEXT, Type.UNKNOWN) and _NAME_MENDS.get(words.lower()) != _IS_NULL:
            near = did_you_mean(words, self.scope.names())
            mend = f"write '{words}'" + (f", or {near}" if near else "")
            return self.refuse(node, "X207", f"nothing is called {words}; text goes in single quotes", mend, None if near else f"'{words}'")
        if other.type is Type.BOOLEAN and (said := yes_or_no(words)) is not None:
            return self.refuse(node, "X209", f"`{words}` is not of this language", f"write {str(said).lower()}", str(said).lower())
        return self.value(node)

    # Comparisons

    def _compare(self, node: exp.Expr) -> Value:
        operator = _COMPARE[type(node)]
        if operator in _ORDER and type(node.this) in _COMPARE:
            first, middle, last = (self._words(n) for n in (node.this, node.this.expression, node.expression))
            return self.refuse(node, "X213", "comparisons cannot be chained", f"write {first} and {middle} {operator} {last}")
        if operator in ("=", "<>") and (word := self._blank_word(node.expression)):
            left, (start, end) = self._whole(self.value(node.this), node.this), self.span(node.expression)
            at = operation(self.report.text, left, Value("NULL", None, start, end))
            null = "is null" if operator == "=" else "is not null"
            self.report.add(*at, "X211", f"nothing is called {word}", f"write {null}", null)
            return replace(self.made("NULL", Type.BOOLEAN, left), broken=True)
        left, right = self._pair(node.this, node.expression)
        left, right = self._whole(left, node.this), self._whole(right, node.expression)
        if not (left.broken or right.broken) and operator in ("=", "<>") and (left.type is None or right.type is None):
            mend = "is null" if operator == "=" else "is not null"
            start, end = operation(self.report.text, left, right)
            if right.type is not None:
                start, mend = left.start, f"{right.words} {mend}"
            self.report.add(start, end, "X214", f"nothing is ever {operator} null", f"write {mend}", mend)
            return replace(self.made("NULL", Type.BOOLEAN, left, right), broken=True)
        agreed = self.types.agree(left, right, operator)
        if agreed is None:
            return replace(self.made("NULL", Type.BOOLEAN, left, right), broken=True)
        one, two = agreed
        if operator in ("=", "<>"):
            self._doubted(node.this, [right], wanted=operator == "=")
            self._doubted(node.expression, [left], wanted=operator == "=")
        if one.type is Type.BOOLEAN and operator in _ORDER:
            return self.refuse(node, "X213", f"yes/no has no order for `{operator}`", "write = true or = false")
        return self.made(f"({one.sql} {operator} {two.sql})", Type.BOOLEAN, one, two)

    def _doubted(self, subject: exp.Expr, beside: list[Value], *, wanted: bool) -> None:
        """Warns of text beside a column that has never been that. `wanted`: whether it is to be one of these."""
        token = self.token(subject) if isinstance(subject, exp.Column) else None
        column = self.scope.resolve(token.text) if token is not None and token.kind is Kind.NAME else None
        if isinstance(column, Column) and column.values and token is not None:
            said = [(value.literal, value.start, value.end) for value in beside if isinstance(value.literal, str)]
            doubt(token.text, said, column.values, self.report, wanted=wanted)

    def _pair(self, left: exp.Expr, right: exp.Expr) -> tuple[Value, Value]:
        if self._bare_words(left) is not None and self._bare_words(right) is None:
            second = self.value(right)
            return self.beside(left, second), second
        first = self.value(left)
        if first.broken and self._bare_words(right) is not None:
            return first, replace(first, broken=True)
        return first, self.beside(right, first)

    def _blank_word(self, node: exp.Expr) -> str:
        """`none`, `nil` and the like where null is meant; ''."""
        token = self.token(node) if isinstance(node, exp.Column) else None
        if token is None or token.kind is not Kind.NAME or self.scope.resolve(token.text) is not None:
            return ""
        return token.text if _NAME_MENDS.get(token.text.lower()) == _IS_NULL else ""

    def _whole(self, value: Value, node: exp.Expr) -> Value:
        """The value with all of its node's words: a call's name and parentheses too."""
        start, end = self.span(node)
        return replace(value, start=start, end=end, words=self.report.text[start:end])

    def _in(self, node: exp.Expr) -> Value:
        left = self.value(node.this)
        items = node.expressions
        if not items:
            return self.refuse(node, "X203", "the list after `in` is empty", "write in ('a', 'b')")
        parts = [left]
        for item in items:
            value = self.beside(item, left)
            if value.type is None and not value.broken:
                self.report.add(value.start, value.end, "X214", "nothing is ever in a list by being null", "write … or x is null")
                value = replace(value, broken=True)
            agreed = self.types.agree(left, value)
            left, value = agreed or (replace(left, broken=True), value)
            parts.append(value)
        self._doubted(node.this, parts[1:], wanted=True)
        sql = f"({left.sql} IN ({', '.join(p.sql for p in parts[1:])}))"
        return self.made(sql, Type.BOOLEAN, *parts, left)

    def _between(self, node: exp.Expr) -> Value:
        subject, low = self._pair(node.this, node.args["low"])
        high = self.beside(node.args["high"], subject)
        lower = self.types.agree(subject, low)
        upper = self.types.agree(subject, high)
        if lower is None or upper is None:
            return replace(self.made("NULL", Type.BOOLEAN, subject, low, high), broken=True)
        sql = f"({lower[0].sql} >= {lower[1].sql} AND {upper[0].sql} <= {upper[1].sql})"
        return self.made(sql, Type.BOOLEAN, *lower, *upper)

    def _like(self, node: exp.Expr) -> Value:
        subject, pattern = self.value(node.this), self.value(node.expression)
        parts = [self.types.want(part, Type.TEXT, "like") for part in (subject, pattern)]
        operator = "ILIKE" if isinstance(node, exp.ILike) else "LIKE"
        sql = f"({parts[0].sql} {operator} {parts[1].sql})"
        return self.made(f"(NOT {sql})" if node.args.get("negate") else sql, Type.BOOLEAN, *parts)

    def _is(self, node: exp.Expr) -> Value:
        subject = self.value(node.this)
        tested = node.expression
        if isinstance(tested, exp.Boolean):
            subject = self.types.truth(subject)
            return self.made(f"({subject.sql} IS {'TRUE' if tested.this else 'FALSE'})", Type.BOOLEAN, subject)
        if not isinstance(tested, exp.Null):
            return self.refuse(node, "X209", "`is` goes with null, true and false only", "write =")
        return self.made(f"({self.types.exact(subject).sql} IS NULL)", Type.BOOLEAN, subject)

    # Logic

    def _logic(self, node: exp.Expr) -> Value:
        kind = type(node)
        parts: list[Value] = []
        for part in chain(node):
            value = self.value(part)
            mend = ""
            if parts and kind is exp.Or and value.literal is not None and isinstance(part, exp.Column):
                before = self.tokens[: self.token_index(part)]
                subject = next((t.text for t in reversed(before) if t.kind is Kind.NAME), "x")
                mend = f"write {subject} in (…, {value.words})"
            parts.append(self.types.truth(value, mend))
        word = " AND " if kind is exp.And else " OR "
        return self.made("(" + word.join(p.sql for p in parts) + ")", Type.BOOLEAN, *parts)

    def _not(self, node: exp.Expr) -> Value:
        value = self.types.truth(self.value(node.this))
        return self.made(f"(NOT {value.sql})", Type.BOOLEAN, value)

    def _case(self, node: exp.Expr) -> Value:
        subject = self.value(node.this) if node.this is not None else None
        whens, results = [], []
        for branch in node.args["ifs"]:
            condition = self.value(branch.this) if subject is None else self.beside(branch.this, subject)
            if subject is None:
                whens.append(self.types.truth(condition))
            else:
                agreed = self.types.agree(subject, condition)
                equal = f"{agreed[0].sql} = {agreed[1].sql}" if agreed else "NULL"
                whens.append(replace(self.made(equal, Type.BOOLEAN, subject, condition), broken=agreed is None or condition.broken))
            results.append(self.value(branch.args["true"]))
        if (default := node.args.get("default")) is not None:
            results.append(self.value(default))
        if not whens:
            return self.refuse(node, "X203", "a `case` without `when`", "write case when … then … else … end")
        same = self.types.alike(results)
        sql = "".join(f" WHEN {w.sql} THEN {r.sql}" for w, r in zip(whens, same, strict=False))
        if default is not None:
            sql += f" ELSE {same[-1].sql}"
        return self.made(f"(CASE{sql} END)", _common(same), *whens, *same)

    # Arithmetic

    def _arithmetic(self, node: exp.Expr) -> Value:
        operator = _ARITHMETIC[type(node)]
        left, right = self.value(node.this), self.value(node.expression)
        if left.broken or right.broken:
            return self.made("NULL", Type.NUMBER, left, right)
        if Type.INSTANT in (left.type, right.type) or Type.DURATION in (left.type, right.type):
            return self._with_time(operator, left, right)
        if operator == "+" and Type.TEXT in (left.type, right.type):
            mend = f"write concat({short(left.words)}, {short(right.words)})"
            return self.refuse(node, "X213", "`+` adds numbers, not text", mend)
        one, two = self.types.want(left, Type.NUMBER, operator), self.types.want(right, Type.NUMBER, operator)
        a, b = double(one), double(two)
        sql = f"({a} {operator} nullif({b}, 0))" if operator in ("/", "%") else f"({a} {operator} {b})"
        return self.made(sql, Type.NUMBER, one, two, is_double=True)

    def _with_time(self, operator: str, left: Value, right: Value) -> Value:
        if operator == "+" and left.type is Type.DURATION and right.type is not Type.DURATION:
            left, right = right, left
        if right.type is Type.DURATION and operator in ("+", "-"):
            if left.type is Type.DURATION:
                return self.made(f"({self.types.exact(left).sql} {operator} {self.types.exact(right).sql})", Type.DURATION, left, right)
            instant = as_type(left, Type.INSTANT)
            if instant is not None and isinstance(right.literal, Duration):
                sql = durations.shifted_sql(instant.sql, right.literal, 1 if operator == "+" else -1)
                return self.made(sql, Type.INSTANT, instant, right)
            if instant is not None:
                return self.made(f"({instant.sql} {operator} {right.sql})", Type.INSTANT, instant, right)
        if operator == "-" and left.type is Type.INSTANT and (instant := as_type(right, Type.INSTANT)) is not None:
            return self.made(f"to_microseconds(epoch_us({left.sql}) - epoch_us({instant.sql}))", Type.DURATION, left, instant)
        mend = (
            f"write {short(right.words)} days"
            if left.type is Type.INSTANT and right.type is Type.NUMBER and right.literal is not None
            else ""
        )
        message = f"`{operator}` does not go with {left.said} and {right.said}"
        self.report.add(right.start, right.end, "X213", message, mend)
        return replace(self.made("NULL", Type.INSTANT, left, right), broken=True)

    def _minus(self, node: exp.Expr) -> Value:
        value = self.types.want(self.value(node.this), Type.NUMBER, "-")
        return self.made(f"(-{double(value)})", Type.NUMBER, value, is_double=True)


def chain(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of `a and b and c`, first to last, however many."""
    kind = type(node)
    parts: list[exp.Expr] = []
    while type(node) is kind:
        parts.append(node.expression)
        node = node.this
    parts.append(node)
    return reversed(parts)


def _common(values: list[Value]) -> Type | None:
    return next((v.type for v in values if v.type is not None), None)
