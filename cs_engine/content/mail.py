"""An e-mail template: compiled once, rendered for each recipient."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from jinja2 import Template

from cs_engine.content import sandbox
from cs_engine.content.compose import Composed, composed
from cs_engine.content.failures import BrokenTemplate
from cs_engine.content.folding import folded
from cs_engine.content.layout import Layout
from cs_engine.content.render import failure, rendered
from cs_engine.content.source import Source
from cs_engine.language.problems import Problems

MOST_SUBJECT = 250
"""Characters of a rendered subject; the rest is cut."""

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNSEEN = re.compile("[\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Marks that turn the direction of what follows, and halves of characters."""
_GAPS = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")


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
    source: Composed

    def render(self, context: Mapping[str, Any]) -> Rendered:
        """The mail for one recipient. `context` is nested dicts of plain values.

        Blank (None) is written as nothing; a name that is missing raises RenderFailed, which says no value.
        """
        values = {"locale": self.locale, **context}
        try:
            return Rendered(
                one_line(rendered(self.subject, values)),
                rendered(self.html, values),
                _GAPS.sub("\n\n", rendered(self.text, values)).strip() + "\n",
            )
        except Exception as error:  # noqa: BLE001 - a template is its author's program: whatever it raises is its own failure
            # Without the cause: what Python's errors say holds values of people.
            raise failure(error, self.name, self.needs) from None

    def folded(self, values: Mapping[str, Any]) -> EmailTemplate:
        """The same mail for contexts that all have these values: it writes the same, in less time. Costs as much as compiling it."""
        plain, escaping, known = sandbox.text_sandbox(self.locale), sandbox.html_sandbox(self.locale), {"locale": self.locale, **values}
        return replace(
            self,
            subject=folded(plain, self.source.subject, known),
            html=folded(escaping, self.source.html, known),
            text=folded(plain, self.source.text, known),
        )


def one_line(subject: str) -> str:
    """A subject that is one header line: no line ends, no control characters, at most MOST_SUBJECT characters."""
    line = _UNSEEN.sub("", _BREAKS.sub(" ", subject)).strip()
    return line if len(line) <= MOST_SUBJECT else line[: MOST_SUBJECT - 1] + "…"


def compiled(name: str, locale: str, source: Source, layout: Layout, problems: Problems) -> EmailTemplate:
    """Compiles a mail. Its problems go to `problems`; raises BrokenTemplate when any of them is an error."""
    made = composed(locale, source, layout, problems)
    if made is None:
        raise BrokenTemplate(name, problems.errors())
    plain, escaping = sandbox.text_sandbox(locale), sandbox.html_sandbox(locale)
    return EmailTemplate(
        name,
        locale,
        made.reads.needs,
        made.reads.wants,
        sandbox.compiled(plain, made.subject, locale),
        sandbox.compiled(escaping, made.html, locale),
        sandbox.compiled(plain, made.text, locale),
        made,
    )
