"""Conditions and scalar expressions of playbooks, metrics, segments and milestones: checked, and compiled to DuckDB SQL.

A `Scope` says what names mean at a place of the project; the rest is the same everywhere. Inside, SQL's three-valued logic
holds; as a condition, what ends blank is false. Every problem has the place of the words that cause it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cs_engine.language.expression import Expression, Spell, Type
from cs_engine.language.problems import Problems
from cs_engine.language.scope import Column, Literal, NotHere, PlaceOf, Reporter, Scope
from cs_engine.language.syntax import tree_of
from cs_engine.language.tokens import tokens_of
from cs_engine.language.values import Value

if TYPE_CHECKING:
    from cs_engine.language.compiler import Compiler

__all__ = ["Column", "Literal", "NotHere", "PlaceOf", "Scope", "compile_condition", "compile_scalar"]


def compile_condition(text: str, place_of: PlaceOf, scope: Scope, problems: Problems) -> Expression | None:
    """The condition of a text, of type yes/no and never NULL, or None and at least one problem."""
    compiled = _compile(text, place_of, scope, problems, Type.BOOLEAN)
    if compiled is None:
        return None
    value, columns, kept, spells = compiled
    return Expression(text, scope.grain, f"coalesce({value.sql}, false)", Type.BOOLEAN, columns, at_entry=kept, spells=spells)


def compile_scalar(text: str, place_of: PlaceOf, scope: Scope, problems: Problems, want: Type | None = None) -> Expression | None:
    """The expression of a text, of the type `want` when given, NULL where it is blank; or None and at least one problem."""
    compiled = _compile(text, place_of, scope, problems, want)
    if compiled is None:
        return None
    value, columns, kept, spells = compiled
    return Expression(text, scope.grain, value.sql, value.type or Type.UNKNOWN, columns, at_entry=kept, spells=spells)


_Compiled = tuple[Value, tuple[str, ...], tuple[Expression, ...], tuple[Spell, ...]]
"""What came out, the columns that it reads, what it asks to be kept when a passage begins, and of what it asks how long it has held."""


def _compile(text: str, place_of: PlaceOf, scope: Scope, problems: Problems, want: Type | None) -> _Compiled | None:
    report = Reporter(text, place_of, problems)
    tokens = tokens_of(text, scope, report)
    tree = None if tokens is None else tree_of(tokens, scope, report)
    if tree is None:
        return None
    from cs_engine.language.compiler import Compiler

    node, meant = tree
    compiler = Compiler(meant, scope, report)
    try:
        value = _wanted(compiler.value(node), want, compiler)
    except RecursionError:
        report.add(0, len(text), "X202", "nested too deeply", "split it: segments.yaml and metrics.yaml take parts of it")
        return None
    if report.failed:
        return None
    return value, tuple(sorted(compiler.columns)), tuple(compiler.at_entry.values()), tuple(compiler.spells.values())


def _wanted(value: Value, want: Type | None, compiler: Compiler) -> Value:
    if value.broken:
        return value
    if want is Type.BOOLEAN:
        return compiler.types.truth(value)
    if value.type is Type.DURATION and want is not Type.DURATION:
        message = "a length of time is no value by itself"
        compiler.report.add(value.start, value.end, "X213", message, "write days_since(…) or days_until(…)")
        return value
    return value if want is None else compiler.types.want(value, want, "")
