"""The questions of a step as they stand in a mail: `{{ questions }}`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

NAME = "questions"
"""What templates call it."""

_WORDS = {
    "en": ("Answer", "Your answer: one click opens a page, one more sends it."),
    "ja": ("回答する", "クリックすると確認ページが開きます。もう一度押すと送信されます。"),
}
_STYLE = (
    "display:inline-block;min-width:1.4em;margin:3px 4px 3px 0;padding:7px 10px;border:1px solid #3b5bdb;border-radius:6px;"
    "color:#2b46b8;text-align:center;text-decoration:none"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, in the recipient's language."""

    title: str
    choices: Sequence[tuple[str, str]]
    """(label, its one-click link); none: it is answered on the page alone."""
    ends: tuple[str, str] | None = None
    """What the first and the last of a scale mean."""


@dataclass(frozen=True, slots=True)
class Questions:
    """Prints itself into the HTML part as links, into the text part as one link. Made of our own words and escaped ones."""

    asked: Sequence[Asked]
    page: str
    """The link to all of them."""
    locale: str

    def __html__(self) -> str:
        word, hint = _words(self.locale)
        parts = [self._question(question) for question in self.asked]
        if any(not question.choices for question in self.asked):
            parts.append(f'<a href="{escape(self.page)}" style="{_STYLE}">{word}</a>')
        return "<br><br>".join([*parts, f'<span style="color:#5c6370;font-size:90%">{hint}</span>'])

    def __str__(self) -> str:
        word, _ = _words(self.locale)
        titles = [f"* {q.title}" + (f" ({' / '.join(label for label, _ in q.choices)})" if q.choices else "") for q in self.asked]
        return "\n".join([*titles, f"{word}: {self.page}"])

    @staticmethod
    def _question(question: Asked) -> str:
        title = f"<strong>{escape(question.title)}</strong>"
        if not question.choices:
            return title
        links = " ".join(
            f'<a href="{escape(url)}" style="{_STYLE}" title="{escape(question.title)} {escape(label)}">{escape(label)}</a>'
            for label, url in question.choices
        )
        ends = f'<br><span style="color:#5c6370;font-size:90%">{escape(" … ".join(question.ends))}</span>' if question.ends else ""
        return f"{title}<br>{links}{ends}"


def _words(locale: str) -> tuple[str, str]:
    return _WORDS["ja" if locale.partition("-")[0] == "ja" else "en"]
