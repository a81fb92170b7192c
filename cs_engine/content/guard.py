"""Jinja kept out of the way of Markdown and MJML: pieces are hidden behind plain words and put back at the end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

from jinja2 import Environment

OPENERS = frozenset({"if", "for", "with"})
BRANCHES = frozenset({"elif", "else"})


class Piece(NamedTuple):
    kind: Literal["text", "value", "statement", "comment"]
    text: str
    offset: int
    keyword: str = ""
    """Of a statement: if, endif, … ; `set` with a block is `setblock`."""


_ENDS = {"variable_begin": "variable_end", "block_begin": "block_end", "comment_begin": "comment_end", "raw_begin": "raw_end"}
_KEYWORD = re.compile(r"\{%[-+]?\s*(\w+)")


@lru_cache(maxsize=1)
def lexing() -> Environment:
    """An environment that reads templates and runs none."""
    return Environment(keep_trailing_newline=True, autoescape=True)


@lru_cache(maxsize=1024)
def pieces(source: str) -> tuple[Piece, ...]:
    """The source cut into text and Jinja, nothing left out. Raises TemplateSyntaxError."""
    return tuple(_cut(source))


def _cut(source: str) -> Iterator[Piece]:
    done = 0
    position = 0
    begin = -1
    awaited = ""
    for _, token, value in lexing().lex(source):
        found = source.find(value, position)
        position = found + len(value) if found >= 0 else position
        if not awaited and token in _ENDS:
            begin, awaited = found, _ENDS[token]
            if begin > done:
                yield Piece("text", source[done:begin], done)
        elif token == awaited:
            done = begin + len(source[begin:position].rstrip())
            yield _jinja(source[begin:done], begin, awaited)
            awaited = ""
    if done < len(source):
        yield Piece("text", source[done:], done)


def _jinja(text: str, offset: int, end: str) -> Piece:
    match end:
        case "variable_end" | "raw_end":
            return Piece("value", text, offset)
        case "comment_end":
            return Piece("comment", text, offset)
        case _:
            match = _KEYWORD.match(text)
            keyword = match.group(1) if match else ""
            if keyword == "set" and "=" not in text:
                keyword = "setblock"
            return Piece("statement", text, offset, keyword)


FilterOf = Callable[[str, str], str]


def no_filter(expression: str, after: str) -> str:  # noqa: ARG001
    return ""


def expression(piece: Piece) -> str:
    """What stands between the braces of a value; '' for a raw block."""
    return piece.text[2:-2].strip("-+").strip() if piece.text.startswith("{{") else ""


@dataclass(slots=True)
class Guard:
    """Hides Jinja in words of letters and digits, which Markdown, MJML and URLs leave alone."""

    word: str
    hidden: list[Piece] = field(default_factory=list)

    @classmethod
    def for_texts(cls, *texts: str) -> Guard:
        """A guard whose words are in none of the texts."""
        word = "jnja"
        while any(word in text for text in texts):
            word += "q"
        return cls(word)

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(rf"{self.word}(\d{{5}})z")

    def hide(self, piece: Piece) -> str:
        self.hidden.append(piece)
        return f"{self.word}{len(self.hidden) - 1:05d}z"

    def protect(self, source: str, filter_of: FilterOf = no_filter) -> str:
        """The source with its Jinja hidden and comments left out. Raises TemplateSyntaxError.

        `filter_of` sees each value's expression and the text after it, and names a filter for it, or ''.
        """
        out = []
        found = [piece for piece in pieces(source) if piece.kind != "comment"]
        for number, piece in enumerate(found):
            if piece.kind == "text":
                out.append(piece.text)
                continue
            after = found[number + 1].text if number + 1 < len(found) and found[number + 1].kind == "text" else ""
            chosen = filter_of(expression(piece), after) if piece.kind == "value" else ""
            out.append(self.filtered(piece, chosen) if chosen else self.hide(piece))
        return "".join(out)

    def ends_in_word(self, text: str) -> bool:
        """Whether the text ends in something hidden."""
        return self.pattern.fullmatch(text[-len(self.word) - 6 :]) is not None

    def split(self, text: str) -> Iterator[str | Piece]:
        """Text and hidden pieces in turn; a piece can be hidden again (`hide`)."""
        last = 0
        for match in self.pattern.finditer(text):
            if match.start() > last:
                yield text[last : match.start()]
            yield self.hidden[int(match.group(1))]
            last = match.end()
        if last < len(text):
            yield text[last:]

    def filtered(self, piece: Piece, filter_name: str) -> str:
        """Hides `{{ … }}` again, its value sent through a filter."""
        return self.hide(piece._replace(text=f"{{{{ ({expression(piece)}) | {filter_name} }}}}"))

    def restore(self, text: str) -> str:
        """Puts the Jinja back; whatever else looks like Jinja by then is text, and stays text."""
        text = re.sub(rf"<!--\s*({self.word}\d{{5}}z)\s*-->", r"\1", text)
        text = re.sub(rf"\{{(?=[{{%#]|{self.word}\d{{5}}z)", lambda _: self.hide(Piece("value", "{{ '{' }}", 0)), text)
        return self.pattern.sub(lambda match: self.hidden[int(match.group(1))].text, text)
