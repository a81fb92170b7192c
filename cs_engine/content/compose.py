"""A mail put together: Markdown and the layout become the Jinja sources of its subject, its HTML and its text."""

from __future__ import annotations

import re
from html import escape
from typing import NamedTuple

import mrml

from cs_engine.content import layout as layouts
from cs_engine.content import markdown
from cs_engine.content.as_html import HtmlWriter
from cs_engine.content.as_text import TextWriter
from cs_engine.content.faults import Faults
from cs_engine.content.guard import FilterOf, Guard
from cs_engine.content.honorific import honorific
from cs_engine.content.layout import Layout
from cs_engine.content.source import Source, Span
from cs_engine.content.spans import reads_of
from cs_engine.content.variables import NOTHING, Reads
from cs_engine.language.problems import Place, Problems

SIGNATURES = frozenset({"sender.signature", "csm.signature"})
_SIGNED = "\n\n{{ sender.signature or sender.name }}\n"
"""Mail comes from a person: what does not sign itself is signed."""
_SIGNS = re.compile(r"(?:sender|csm)\.signature\b")


class Composed(NamedTuple):
    """Jinja, ready to be compiled."""

    subject: str
    html: str
    text: str
    reads: Reads
    """The layout's too."""


def composed(locale: str, source: Source, layout: Layout, problems: Problems) -> Composed | None:
    """The mail's Jinja; None when there are errors, which go to `problems`."""
    blank = Span("", source.file)
    subject, preheader, body = source.fields.get("subject", blank), source.fields.get("preheader", blank), source.body
    reads = NOTHING
    for span in (subject, preheader, body):
        reads = reads.joined(reads_of(span, problems))
    if problems.errors():
        return None
    if not reads.needs & SIGNATURES:
        body = Span(body.text.rstrip() + _SIGNED, body.file, body.line)
        reads = reads._replace(needs=reads.needs | {"sender.signature", "sender.name"})
    filter_of = _filter_of(locale)
    guard = Guard.for_texts(subject.text, preheader.text, body.text, layout.mjml.text, layout.text.text)
    faults = Faults(body, problems)
    tree = markdown.parsed(guard.protect(body.text, filter_of), guard, faults.unpaired)
    title = guard.protect(subject.text, filter_of)
    fill = {
        "body": HtmlWriter(guard, faults).components(tree.children),
        "subject": escape(title, quote=False),
        "preheader": escape(guard.protect(preheader.text, filter_of), quote=False),
    }
    html = _html(layouts.filled(layout.mjml, guard, fill, html=True), layout, problems)
    text = layouts.filled(layout.text, guard, {"body": TextWriter(guard, faults).blocks(tree.children).rstrip("\n")}, html=False)
    if problems.errors():
        return None
    reads = reads.joined(layout.reads)
    reads = reads._replace(needs=reads.needs - {"locale"})
    return Composed(guard.restore(title), guard.restore(html), guard.restore(text), reads)


def _html(mjml: str, layout: Layout, problems: Problems) -> str:
    """MJML to HTML, its styles inlined. Fonts that are merely named are not fetched: a mail that is opened asks nobody for anything."""
    try:
        return str(mrml.to_html(mjml, None, mrml.RenderOptions(fonts={})).content)
    except OSError as error:
        problems.add(Place(layout.mjml.file), "T322", f"the layout is no MJML: {error}")
        return ""


def _filter_of(locale: str) -> FilterOf:
    """Signatures keep their lines; what stands right before 様 becomes ご担当者 when it is blank."""
    titled = honorific(locale)

    def filter_of(expression: str, after: str) -> str:
        return "lines" if _SIGNS.search(expression) and "|" not in expression else titled(expression, after)

    return filter_of
