"""What a mail should not say, whatever its values: wrong forms of address, no-reply, HTML, subjects nobody reads to the end."""

from __future__ import annotations

import re

from cs_engine.content import names
from cs_engine.content.guard import pieces
from cs_engine.content.source import Source, Span
from cs_engine.language.problems import Place, Problems

LONG_SUBJECT = 150

_WORD = "(?![々子相式態方])"
"""様 that is a title, not the beginning of 様子 and its like."""
_TITLE = f"(?<![皆客神同仕多模])様{_WORD}"
_HONORIFICS = (
    (rf"様[ \u3000]*様{_WORD}", "様様", "write 様 once"),
    (
        r"(?:御中|各位)[ \u3000]*様|様[ \u3000]*(?:御中|各位)",
        "two titles for one addressee",
        "an organisation has 御中, a group 各位, a person 様",
    ),
    (
        rf"御中[ \u3000]*\n?[^\n。、]*?{_TITLE}",
        "御中 and 様 together",
        "御中 is for an organisation alone: leave it out before a person",
    ),
    (
        r"\{\{[^{}]*\|\s*addressee\b[^{}]*\}\}[ \u3000]*(?:様|さま|さん|殿|御中|各位)",
        "a second title behind `addressee`",
        "`addressee` writes 様, 御中 or 各位 itself",
    ),
    (rf"(?:(?<=[\s、。，．,「『（(>*_\-\u3000])|^)様{_WORD}", "様 without a name", "write `{{ contact | addressee }}`"),
)
_NO_REPLY = re.compile(
    r"\bno-?reply\b|\bdo not reply\b|\bdon['’]t reply\b|\bcannot be replied to\b|送信専用|返信しないで|返信なさらないで"
    r"|返信(?:いただ|頂|さ)[^\n。]{0,12}(?:できません|出来ません|致しかねます|いたしかねます)|返信(?:は|には)[^\n。]{0,12}(?:できません|出来ません|かねます)",
    re.IGNORECASE,
)
_HTML = re.compile(r"</?(?:a|b|i|u|p|br|hr|div|span|table|tr|td|ul|ol|li|img|strong|em|font|center|h[1-6])(?:\s[^<>]*)?/?>", re.IGNORECASE)


def lint(source: Source, locale: str, problems: Problems) -> None:
    """T309, T312, T313 and T318 of one mail."""
    for span in (*(source.fields[key] for key in ("subject", "preheader") if key in source.fields), source.body):
        if names.is_japanese(locale):
            _honorifics(span, problems)
        for match in _NO_REPLY.finditer(span.text):
            problems.add(
                _at(span, match),
                "T313",
                f'"{match.group()}": mail comes from a person who reads the replies',
                "leave it out, or say whom to write to",
            )
    for match in _HTML.finditer(source.body.text):
        problems.warn(
            _at(source.body, match), "T318", f"{match.group()} is shown as it stands: there is no HTML in a mail", "write Markdown"
        )
    _subject(source, problems)


def _honorifics(span: Span, problems: Problems) -> None:
    for pattern, message, mend in _HONORIFICS:
        for match in re.finditer(pattern, span.text, re.MULTILINE):
            problems.add(_at(span, match), "T312", message, mend)


def _subject(source: Source, problems: Problems) -> None:
    subject = source.fields.get("subject")
    if subject is None:
        return
    written = sum(len(piece.text) for piece in pieces(subject.text) if piece.kind == "text")
    if written > LONG_SUBJECT:
        place = subject.place(0, len(subject.text))
        problems.warn(
            place, "T309", f"the subject is {written} characters long", f"most programs show 40 to 70; keep it below {LONG_SUBJECT}"
        )


def _at(span: Span, match: re.Match[str]) -> Place:
    return span.place(match.start(), len(match.group().split("\n")[0]))
