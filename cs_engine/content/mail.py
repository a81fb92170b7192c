"""An e-mail template: Markdown and the layout become three Jinja templates, subject, HTML and text, once; then it is rendered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

import mrml
from jinja2 import Template

from cs_engine.content import layout as layouts
from cs_engine.content import markdown, names, sandbox
from cs_engine.content.as_html import HtmlWriter
from cs_engine.content.as_text import TextWriter
from cs_engine.content.failures import BrokenTemplate
from cs_engine.content.faults import Faults
from cs_engine.content.guard import FilterOf, Guard
from cs_engine.content.layout import Layout
from cs_engine.content.render import failure, rendered
from cs_engine.content.source import Source, Span
from cs_engine.content.spans import reads_of
from cs_engine.content.variables import NOTHING
from cs_engine.language.problems import Place, Problems

MOST_SUBJECT = 250
"""Characters of a rendered subject; the rest is cut."""

_BREAKS = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Marks that turn the direction of what follows, and halves of characters."""
_GAPS = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")

SIGNATURES = frozenset({"sender.signature", "csm.signature"})
_SIGNED = "\n\n{{ sender.signature or sender.name }}\n"
"""Mail comes from a person: what does not sign itself is signed."""
_SIGNS = re.compile(r"(?:sender|csm)\.signature\b")
_HONORIFIC = re.compile("様(?![々子相式態])")


class Rendered(NamedTuple):
    subject: str
    """One line, without control characters."""
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class EmailTemplate:
    """One mail in one locale."""

    name: str
    locale: str
    needs: frozenset[str]
    """The dotted names that a context must have, the layout's too."""
    wants: frozenset[str]
    """Names that are used where the project has them: parts of a person's name, time zones."""
    subject: Template
    html: Template
    text: Template

    def render(self, context: Mapping[str, Any]) -> Rendered:
        """The mail for one recipient. `context` is nested dicts of plain values.

        Blank (None) is written as nothing; a name that is missing raises RenderFailed, which says no value.
        """
        try:
            return Rendered(
                one_line(rendered(self.subject, context)),
                rendered(self.html, context),
                _GAPS.sub("\n\n", rendered(self.text, context)).strip() + "\n",
            )
        except Exception as error:  # noqa: BLE001 - a template is its author's program: whatever it raises is its own failure
            # Without the cause: what Python's errors say holds values of people.
            raise failure(error, self.name, self.needs) from None


def one_line(subject: str) -> str:
    """A subject that is one header line: no line ends, no control characters, at most MOST_SUBJECT characters."""
    line = _UNSEEN.sub("", _BREAKS.sub(" ", subject)).strip()
    return line if len(line) <= MOST_SUBJECT else line[: MOST_SUBJECT - 1] + "…"


def compiled(name: str, locale: str, source: Source, layout: Layout, problems: Problems) -> EmailTemplate:
    """Compiles a mail. Its problems go to `problems`; raises BrokenTemplate when any of them is an error."""
    blank = Span("", source.file)
    subject, preheader, body = source.fields.get("subject", blank), source.fields.get("preheader", blank), source.body
    reads = NOTHING
    for span in (subject, preheader, body):
        reads = reads.joined(reads_of(span, problems))
    if problems.errors():
        raise BrokenTemplate(name, problems.errors())
    if not reads.needs & SIGNATURES:
        body = Span(body.text.rstrip() + _SIGNED, body.file, body.line)
        reads = reads._replace(needs=reads.needs | {"sender.signature", "sender.name"})
    filter_of = _filter_of(locale)
    html = _html(subject, preheader, body, layout, filter_of, problems)
    text = _text(body, layout, filter_of, problems)
    if problems.errors():
        raise BrokenTemplate(name, problems.errors())
    plain, escaping = sandbox.text_sandbox(locale), sandbox.html_sandbox(locale)
    guard = Guard.for_texts(subject.text)
    return EmailTemplate(
        name,
        locale,
        (reads.needs | layout.reads.needs) - {"locale"},
        reads.wants | layout.reads.wants,
        sandbox.compiled(plain, guard.restore(guard.protect(subject.text, filter_of)), locale),
        sandbox.compiled(escaping, html, locale),
        sandbox.compiled(plain, text, locale),
    )


def _filter_of(locale: str) -> FilterOf:
    """Signatures keep their lines; what stands right before 様 becomes ご担当者 when it is blank."""
    japanese = names.is_japanese(locale)

    def filter_of(expression: str, after: str) -> str:
        if _SIGNS.search(expression) and "|" not in expression:
            return "lines"
        return sandbox.NAMED if japanese and _HONORIFIC.match(after) else ""

    return filter_of


def _html(subject: Span, preheader: Span, body: Span, layout: Layout, filter_of: FilterOf, problems: Problems) -> str:
    """The HTML template: Markdown into the layout's MJML, MJML to HTML with its styles inlined, Jinja put back."""
    guard = Guard.for_texts(subject.text, preheader.text, body.text, layout.mjml.text)
    faults = Faults(body, problems)
    tree = markdown.parsed(guard.protect(body.text, filter_of), guard, faults.unpaired)
    fill = {
        "body": HtmlWriter(guard, faults).components(tree.children),
        "subject": escape(guard.protect(subject.text, filter_of), quote=False),
        "preheader": escape(guard.protect(preheader.text, filter_of), quote=False),
    }
    mjml = layouts.filled(layout.mjml, guard, fill, html=True)
    try:
        html = str(mrml.to_html(mjml).content)
    except OSError as error:
        problems.add(Place(layout.mjml.file), "T322", f"the layout is no MJML: {error}")
        return ""
    return guard.restore(html)


def _text(body: Span, layout: Layout, filter_of: FilterOf, problems: Problems) -> str:
    """The text template."""
    guard = Guard.for_texts(body.text, layout.text.text)
    faults = Faults(body, problems)
    tree = markdown.parsed(guard.protect(body.text, filter_of), guard, faults.unpaired)
    fill = {"body": TextWriter(guard, faults).blocks(tree.children).rstrip("\n")}
    return guard.restore(layouts.filled(layout.text, guard, fill, html=False))
