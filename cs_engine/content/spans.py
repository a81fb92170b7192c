"""A piece of a template judged by itself: whether it is Jinja, says only what it may, and what it reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from jinja2 import TemplateSyntaxError, nodes

from cs_engine.content import sandbox, spots, variables
from cs_engine.content.guard import lexing
from cs_engine.content.source import Span
from cs_engine.language.problems import Problems

_BALANCE = "values stand in {{ … }}, and every {% if %} and {% for %} has its {% endif %} or {% endfor %}"


@lru_cache(maxsize=1024)
def _tree(text: str) -> nodes.Template | TemplateSyntaxError:
    """The parsed text, which nobody changes; or why it is none."""
    try:
        return lexing().parse(text)
    except TemplateSyntaxError as error:
        return error


def reads_of(span: Span, problems: Problems) -> variables.Reads:
    """What a span reads. Syntax errors (T303), groups used as values (T304) and what may not be said (T315) go to `problems`."""
    tree = _tree(span.text)
    if isinstance(tree, TemplateSyntaxError):
        problems.add(spots.syntax_place(span, tree), "T303", f"not a Jinja template: {tree.message}", _BALANCE)
        return variables.NOTHING
    if found := list(sandbox.forbidden(tree)):
        _place(found, span, problems)
    reads = variables.reads(tree)
    if reads.whole:
        for name, place in variables.places(span):
            if name in reads.whole:
                problems.add(place, "T304", f'"{name}" alone is no value', f'write "{name}.name", or `{{{{ contact | addressee }}}}`')
    return reads


def _place(found: Sequence[sandbox.Forbidden], span: Span, problems: Problems) -> None:
    """T315 at each word that may not be said; at its braces where the word is not to be seen."""
    there = defaultdict(list)
    for spot in spots.spots(span.text):
        there[spot.kind, spot.word].append(span.place(spot.offset, spot.length))
    for wrong in found:
        places = there[wrong.kind, wrong.word] or [spots.piece_place(span, wrong.line)]
        for place in places:
            problems.add(place, "T315", wrong.what, wrong.mend)
