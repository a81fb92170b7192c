"""The customers' pages as HTML: no scripts, nothing fetched, nothing of a person but what the page must ask."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cs_engine.content.formats import in_locale
from cs_engine.playbook.questions import LONGEST, Question
from cs_engine.web.words import Words

_FOLDER = Path(__file__).parent / "templates"


class Entry(NamedTuple):
    """A question as the form shows it."""

    question: Question
    given: str = ""
    """What stands in it."""
    problem: str = ""


def message(words: Words, company: str, what: str, link: str = "") -> str:
    """A page that says one thing. `what`: the word that its title and text go by."""
    return render("page.html", words, company, words[f"{what}_title"], text=words[what], link=link)


def note(words: Words, company: str, title: str, text: str, kept: str = "") -> str:
    """A page that says one thing, to one of us. `kept`: what they wrote, and can copy there."""
    return render("note.html", words, company, title, text=text, kept=kept)


def form(words: Words, company: str, entries: Sequence[Entry], contacts: Sequence[tuple[str, str]], action: str, problem: str = "") -> str:
    """The questions, and the button that sends the answers to `action`."""
    shown = {"questions": [_shown(entry, words["lang"]) for entry in entries], "contacts": contacts, "longest": LONGEST}
    return render("questions.html", words, company, words["title"], action=action, problem=problem, **shown)


def home(words: Words, company: str, places: Sequence[tuple[str, str]]) -> str:
    """What there is, for whoever runs it. `places`: (path, what is there)."""
    return render("home.html", words, company, "cs-engine", places=places)


def _shown(entry: Entry, lang: str) -> Mapping[str, Any]:
    question = entry.question
    return {
        "field": question.field,
        "kind": question.kind.value,
        "title": in_locale(question.title, lang),
        "choices": [(choice.value, in_locale(choice.label, lang)) for choice in question.choices],
        "ends": [in_locale(end, lang) for end in question.ends] if question.ends else None,
        "given": entry.given,
        "problem": entry.problem,
    }


def render(template: str, words: Words, company: str, title: str, **values: Any) -> str:
    """A page of ours; all that comes from outside stands escaped."""
    # The style stands in a template of ours: nothing of it comes from outside.
    return _environment().get_template(template).render(words=words, company=company, title=title, css=_css(), **values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@lru_cache(maxsize=1)
def _css() -> str:
    return (_FOLDER / "page.css").read_text(encoding="utf-8")


_NOBODY = "frame-ancestors 'none'; base-uri 'none'"


@lru_cache(maxsize=2)
def headers(*, framing: bool = False) -> dict[str, str]:
    """What every page is sent with: it runs nothing, loads nothing, is framed by nobody, kept by nobody, and tells nobody its address.
    `framing`: one that shows another page of ours in a frame.
    """
    style = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    frames = " frame-src 'self';" if framing else ""
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{style}'; form-action 'self';{frames} {_NOBODY}",
        "X-Frame-Options": "DENY",
        **_ALWAYS,
    }


def mail_headers() -> dict[str, str]:
    """What a customer's mail is sent with, to be framed by a page of ours: it runs nothing, sends nothing, leads nowhere, and loads what
    mails do, pictures.
    """
    loads = "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:"
    return {
        "Content-Security-Policy": f"sandbox; {loads}; form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
        "X-Frame-Options": "SAMEORIGIN",
        **_ALWAYS,
    }


_ALWAYS = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
