"""A mail that one of us wrote, or changed: read from a file, kept whole where law asks for it, made into HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from cs_engine.content.mail import one_line
from cs_engine.errors import UnfitText, WrongUse

UNSUBSCRIBE, PREFERENCES, ANSWER = "[[unsubscribe]]", "[[preferences]]", "[[answer]]"
"""Marks: where a text for several has a link that is each recipient's own."""

LONGEST = 100_000
"""Characters of a text; a mail is far shorter."""

Links = Mapping[str, str]
"""Mark -> the recipient's own link."""

_SUBJECT = re.compile(r"Subject\s*[:：]", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s<>\"]+")


def as_file(subject: str, text: str) -> str:
    """A mail as a file to edit: its subject, an empty line, its text."""
    return f"Subject: {subject}\n\n{text}"


def read_edited(text: str) -> tuple[str, str]:
    """(subject, text) of a file that `as_file` made and somebody edited; the subject is '' where it does not begin with one."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    first, _, rest = text.partition("\n")
    if (said := _SUBJECT.match(first)) is None:
        return "", text
    return one_line(first[said.end() :]), rest.lstrip("\n")


def edited_in(file: Path) -> tuple[str, str]:
    """`read_edited` of a file. Raises WrongUse when it is no text in UTF-8."""
    try:
        return read_edited(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise WrongUse(f"{file} is not UTF-8", "save it as UTF-8") from None


def require_text(text: str) -> None:
    """Raises UnfitText when nobody would send that."""
    if not text.strip() or len(text) > LONGEST:
        raise UnfitText("a mail has a text, of 100,000 characters at most", "cs-engine skip sends none")


def require_kept(needed: Iterable[str], text: str) -> None:
    """Raises UnfitText when the text lacks one of these parts."""
    missing = next((part for part in needed if part not in text), None)
    if missing is None:
        return
    if missing == ANSWER:
        said = f"the text lacks {missing!r}, the link to what the mail asks"
        raise UnfitText(said, "keep it: each recipient's own link takes its place", missing)
    raise UnfitText(f"the text lacks {missing!r}, which mail law asks for", "keep the foot of the mail", missing)


def marked(text: str, links: Links) -> str:
    """The text with the recipient's own links as marks."""
    for mark, url in links.items():
        text = text.replace(url, mark) if url else text
    return text


def filled(text: str, links: Links) -> str:
    """The text with this recipient's links in the place of marks."""
    for mark, url in links.items():
        text = text.replace(mark, url)
    return text


def as_html(text: str) -> str:
    """The text as a plain HTML mail: paragraphs, lines and links."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    inner = "".join(f"<p>{_linked(part.strip())}</p>" for part in paragraphs)
    style = "font-family:Helvetica,Arial,'Hiragino Sans','Noto Sans JP',sans-serif;font-size:14px;line-height:1.6;color:#1c2430"
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body style="{style}">{inner}</body></html>'


def _linked(text: str) -> str:
    out, at = [], 0
    for found in _LINK.finditer(text):
        url = found[0].rstrip(".,;:)。、")
        out += [escape(text[at : found.start()]), f'<a href="{escape(url)}">{escape(url)}</a>']
        at = found.start() + len(url)
    return "".join([*out, escape(text[at:])]).replace("\n", "<br>")
