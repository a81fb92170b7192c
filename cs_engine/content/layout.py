"""The layout that every mail is set in: `layout.mjml` and, for the text part, `layout.txt`; `layout.ja.mjml` for one locale."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from jinja2 import TemplateSyntaxError

from cs_engine.content import variables
from cs_engine.content.guard import Guard, expression, pieces
from cs_engine.content.sandbox import URL
from cs_engine.content.source import Span
from cs_engine.content.spans import reads_of
from cs_engine.language.problems import Place, Problems, did_you_mean

TAGS = frozenset({
    "mjml", "mj-head", "mj-body", "mj-title", "mj-preview", "mj-attributes", "mj-all", "mj-class", "mj-style", "mj-font",
    "mj-breakpoint", "mj-raw", "mj-html-attributes", "mj-selector", "mj-html-attribute", "mj-section", "mj-column", "mj-group",
    "mj-wrapper", "mj-text", "mj-button", "mj-image", "mj-divider", "mj-spacer", "mj-table", "mj-hero", "mj-social",
    "mj-social-element", "mj-navbar", "mj-navbar-link",
})  # fmt: skip
"""MJML that may be used. `mj-include` reads files and has no place here."""
HOLDS_HTML = frozenset(
    {"mj-text", "mj-button", "mj-raw", "mj-table", "mj-title", "mj-preview", "mj-style", "mj-social-element", "mj-navbar-link"}
)

FILLED = frozenset({"body", "subject", "preheader"})
"""Words of the layout that are filled when a mail is compiled."""
LAW = ("company.name", "company.postal_address", "company.contact", "unsubscribe_url")
"""What CAN-SPAM and 特定電子メール法 ask for at the foot of a mail."""
_IN_URL = re.compile(r"""(?:href|src|background-url)=["']\Z""")


@dataclass(frozen=True, slots=True)
class Layout:
    mjml: Span
    text: Span
    reads: variables.Reads


def load(mjml: Span, text: Span, problems: Problems) -> Layout | None:
    """A layout, checked (T320–T323); None when it cannot be used."""
    inside = Problems()  # of what has been said before, for another mail, `problems` takes no second word
    found = variables.NOTHING
    for span in (mjml, text):
        found = found.joined(_checked(span, inside))
    _check_tags(mjml, inside)
    problems.extend(inside)
    if inside.errors():
        return None
    return Layout(mjml, text, found._replace(needs=found.needs - FILLED))


def _checked(span: Span, problems: Problems) -> variables.Reads:
    inside = Problems()
    reads = reads_of(span, inside)
    problems.extend(inside)
    if inside.errors():
        return reads
    missing = [name for name in ("body", *LAW) if name not in reads.needs]
    if missing:
        problems.add(
            Place(span.file),
            "T323",
            f"the layout shows no {', '.join(missing)}",
            "mail law asks for company, postal address, contact and unsubscribe link",
        )
    return reads


class _Tags(HTMLParser):
    """Finds the tags that MJML does not know: mrml passes them on without a word."""

    def __init__(self, span: Span, problems: Problems) -> None:
        super().__init__()
        self.span, self.problems = span, problems
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._judge(tag)
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._judge(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def _judge(self, tag: str) -> None:
        in_html = any(name in HOLDS_HTML for name in self.open)
        if tag in TAGS and not (in_html and tag.startswith("mj")):
            return
        if in_html and not tag.startswith("mj"):
            return
        line, column = self.getpos()
        place = Place(self.span.file, self.span.line + line - 1, column + 2, len(tag))
        what = "an MJML tag inside HTML" if tag in TAGS else "no MJML tag"
        mend = did_you_mean(tag, TAGS) or "write HTML inside mj-text or mj-raw"
        self.problems.add(place, "T321", f"<{tag}> is {what}", mend)


def _check_tags(span: Span, problems: Problems) -> None:
    try:
        blanked = "".join(p.text if p.kind == "text" else re.sub(r"[^\n]", "x", p.text) for p in pieces(span.text))
    except TemplateSyntaxError:
        return  # reported above
    parser = _Tags(span, problems)
    parser.feed(blanked)
    parser.close()


def filled(span: Span, guard: Guard, fill: dict[str, str], *, html: bool) -> str:
    """The layout with its words filled and its Jinja hidden; in HTML tags become comments, which nothing moves."""
    out: list[str] = []
    in_tag = False
    for piece in pieces(span.text):
        match piece.kind:
            case "text":
                out.append(piece.text)
                last = max(piece.text.rfind("<"), piece.text.rfind(">"))
                in_tag = piece.text[last] == "<" if html and last >= 0 else in_tag
            case "value":
                word = expression(piece)
                if word in fill:
                    out.append(fill[word])
                elif _IN_URL.search(out[-1] if out else ""):
                    out.append(guard.filtered(piece, URL))
                else:
                    out.append(guard.hide(piece))
            case "statement":
                hidden = guard.hide(piece)
                out.append(f"<!--{hidden}-->" if html and not in_tag else hidden)
            case "comment":
                pass
    return "".join(out)
