"""Where in a template a mistake stands: Jinja itself knows the line alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from jinja2 import TemplateSyntaxError

from cs_engine.content.guard import lexing
from cs_engine.content.source import Span
from cs_engine.language.problems import Place

Kind = Literal["filter", "test", "call", "name", "attribute", "statement", "operator"]

_OPENING = re.compile(r"\{\{.*?(?:\}\}|$)|\{%.*?(?:%\}|$)", re.MULTILINE)
_TAG = re.compile(r"\{%[-+]?\s*(end)?(\w+).*?%\}", re.DOTALL)
_UNCLOSED = re.compile(r"needs to be closed is '(\w+)'")
_QUOTED = re.compile(r"unknown tag '(\w+)'")
_NO_CALL = frozenset({"and", "else", "if", "elif", "in", "is", "not", "or", "recursive"})
"""Words before a parenthesis that call nothing."""


class Spot(NamedTuple):
    """A word of a template's Jinja that could be said to be wrong."""

    kind: Kind
    word: str
    """A filter's or test's name, what is called (`upper` of `a.b.upper()`), a name behind a dot, a statement's keyword, an operator."""
    offset: int
    length: int


class _Token(NamedTuple):
    kind: str
    text: str
    offset: int


def _tokens(source: str) -> Iterator[_Token]:
    position = 0
    for _, kind, text in lexing().lex(source):
        found = max(source.find(text, position), position)
        position = found + len(text)
        if kind != "whitespace":
            yield _Token(kind, text, found)


def spots(source: str) -> Iterator[Spot]:
    """Every spot of a template that is well-formed, in its order."""
    tokens = [token for token in _tokens(source) if token.kind not in ("data", "comment")]
    for number, token in enumerate(tokens):
        before = tokens[number - 1] if number else _Token("", "", 0)
        if token.kind == "operator":
            yield Spot("operator", token.text, token.offset, len(token.text))
            if token.text == "(" and _calls(tokens, number):
                start, end = _first_of(tokens, number), _closing(tokens, number)
                yield Spot("call", before.text if before.kind == "name" else "", start, end - start)
        elif token.kind == "name" and (kind := _kind(tokens, number)) is not None:
            yield Spot(kind, token.text, token.offset, len(token.text))


def _kind(tokens: list[_Token], number: int) -> Kind | None:
    before, token = tokens[number - 1], tokens[number]
    if before.kind == "block_begin" or (token.text == "recursive" and tokens[number + 1].kind == "block_end"):
        return "statement"
    if before.text == "|":
        return "filter"
    if before.text == ".":
        # `account.name` names a value; what stands behind a value, or between underscores, does not.
        root = tokens[number - 2].kind == "name" and tokens[number - 3].text != "."
        return "name" if root and not token.text.startswith("__") else "attribute"
    negated = before.text == "not" and tokens[number - 2].text == "is"
    return "test" if before.kind == "name" and (before.text == "is" or negated) and token.text != "not" else None


def _calls(tokens: list[_Token], number: int) -> bool:
    """Whether the parenthesis calls what stands before it; filters and tests take theirs."""
    before = tokens[number - 1]
    if before.kind == "name":
        return before.text not in _NO_CALL and _kind(tokens, number - 1) in (None, "name", "attribute")
    return before.kind == "string" or (before.kind == "operator" and before.text in (")", "]"))


def _first_of(tokens: list[_Token], number: int) -> int:
    """Where the dotted name before a parenthesis begins."""
    first = number - 1
    while first >= 2 and tokens[first - 1].text == "." and tokens[first - 2].kind in ("name", "string"):
        first -= 2
    return tokens[first].offset


def _closing(tokens: list[_Token], number: int) -> int:
    depth = 0
    for token in tokens[number:]:
        if token.kind == "operator":
            depth += (token.text == "(") - (token.text == ")")
        if not depth:
            return token.offset + 1
    return tokens[number].offset + 1


def syntax_place(span: Span, error: TemplateSyntaxError) -> Place:
    """Where the template ceases to be one: the braces, or the tag that stays open; its line where that cannot be told."""
    message = error.message or ""
    tag = _QUOTED.search(message)
    unclosed = None if tag else _UNCLOSED.search(message)
    if unclosed is not None and (opened := _open_tag(span.text, unclosed[1])) is not None:
        return span.place(opened.start(), len(opened.group()))
    found = list(_on_line(span.text, error.lineno))
    if tag is not None:
        found = [match for match in found if re.match(rf"\{{%[-+]?\s*{tag[1]}\b", match.group())] or found
    else:
        found = [match for match in found if _is_wrong(match.group())] or found
    return span.place(found[0].start(), len(found[0].group())) if found else span.line_place(error.lineno)


def piece_place(span: Span, line: int) -> Place:
    """The first braces of the text's line `line`; the line where it has none."""
    found = next(_on_line(span.text, line), None)
    return span.line_place(line) if found is None else span.place(found.start(), len(found.group()))


def _on_line(text: str, line: int) -> Iterator[re.Match[str]]:
    start = sum(len(before) + 1 for before in text.split("\n")[: line - 1])
    end = text.find("\n", start)
    return _OPENING.finditer(text, start, end if end >= 0 else len(text))


def _open_tag(text: str, keyword: str) -> re.Match[str] | None:
    """The innermost tag of that name that nothing closes."""
    opened: list[re.Match[str]] = []
    for tag in _TAG.finditer(text):
        if tag[2] == keyword and tag[1] is None:
            opened.append(tag)
        elif tag[2] == keyword and opened:
            opened.pop()
    return opened[-1] if opened else None


def _is_wrong(piece: str) -> bool:
    """Whether the braces are wrong by themselves, a missing partner aside."""
    try:
        lexing().parse(piece)
    except TemplateSyntaxError as error:
        message = error.message or ""
        return not (_UNCLOSED.search(message) or _QUOTED.search(message))
    return False
