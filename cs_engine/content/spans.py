"""A piece of a template judged by itself: whether it is Jinja, says only what it may, and what it reads."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import TemplateSyntaxError, nodes

from cs_engine.content import sandbox, variables
from cs_engine.content.guard import lexing
from cs_engine.content.source import Span
from cs_engine.language.problems import Problems


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
        problems.add(span.line_place(tree.lineno), "T303", f"not a Jinja template: {tree.message}")
        return variables.NOTHING
    for line, what, mend in sandbox.forbidden(tree):
        problems.add(span.line_place(line), "T315", what, mend)
    reads = variables.reads(tree)
    if reads.whole:
        for name, place in variables.places(span):
            if name in reads.whole:
                problems.add(place, "T304", f'"{name}" alone is no value', f'write "{name}.name", or `{{{{ contact | addressee }}}}`')
    return reads
