"""Running a compiled template for one context, and what can go wrong then."""

from __future__ import annotations

from itertools import islice
from typing import Any

from jinja2 import Template
from jinja2.exceptions import UndefinedError

from cs_engine.content.failures import RenderFailed
from cs_engine.content.links import UnsafeUrl

MOST_OUTPUT = 500_000
"""Characters one rendered part may have."""
_FEW = 1_000
"""Pieces of output that are put together without counting each."""


class TooLong(Exception):
    """A part grew beyond MOST_OUTPUT."""


def rendered(template: Template, context: dict[str, Any]) -> str:
    """The template's output for a context that has all it reads, its `locale` too. Raises what the template raises, and TooLong."""
    stream = template.root_render_func(template.new_context(context, shared=True))
    pieces = list(islice(stream, _FEW))
    if len(pieces) == _FEW:  # A long loop: count as it grows, it may never end.
        length = sum(map(len, pieces))
        for piece in stream:
            length += len(piece)
            if length > MOST_OUTPUT:
                raise TooLong
            pieces.append(piece)
    text = "".join(pieces)
    if len(text) > MOST_OUTPUT:
        raise TooLong
    return text


def failure(error: Exception, template: str, needs: frozenset[str]) -> RenderFailed:
    """What was raised, without what it says: the messages of Python's errors hold values of people."""
    match error:
        case UndefinedError():
            name = error.message or ""
            dotted = [n for n in needs if n == name or n.endswith("." + name)]
            return RenderFailed("undefined_variable", template, dotted[0] if len(dotted) == 1 else name)
        case UnsafeUrl():
            return RenderFailed("unsafe_url", template)
        case TooLong():
            return RenderFailed("too_long", template)
        case _:
            return RenderFailed("template_failed", template, type(error).__name__)
