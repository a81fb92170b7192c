"""A piece of a template judged by itself: whether it is Jinja, says only what it may, and what it reads."""

from __future__ import annotations

from jinja2 import TemplateSyntaxError

from cs_engine.content import sandbox, variables
from cs_engine.content.guard import lexing
from cs_engine.content.source import Span
from cs_engine.language.problems import Problems


def reads_of(span: Span, problems: Problems) -> variables.Reads:
    """What a span reads. Syntax errors (T303), groups used as values (T304) and what may not be said (T315) go to `problems`."""
    try:
        tree = lexing().parse(span.text)
    except TemplateSyntaxError as error:
        problems.add(span.line_place(error.lineno), "T303", f"not a Jinja template: {error.message}")
        return variables.NOTHING
    for line, what, mend in sandbox.forbidden(tree):
        problems.add(span.line_place(line), "T315", what, mend)
    reads = variables.reads(tree)
    if reads.whole:
        for name, place in variables.places(span):
            if name in reads.whole:
                problems.add(place, "T304", f'"{name}" alone is no value', f'write "{name}.name", or `{{{{ contact | addressee }}}}`')
    return reads
