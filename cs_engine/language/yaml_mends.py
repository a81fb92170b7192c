"""What a line that is no YAML was meant to say. Decided by the line itself, never by the parser's words."""

from __future__ import annotations

import re
from typing import NamedTuple

_KEY = r"(?P<lead>[ \u3000]*(?:-[ \u3000]+)*)(?P<key>[A-Za-z_][\w.-]*)"
_WIDE_COLON = re.compile(_KEY + r"(?P<colon>：|:\u3000|\u3000+:)(?P<rest>.*)")
_NO_SPACE = re.compile(_KEY + r"(?P<colon>:)(?P<rest>[^\s:/].*)")
_VALUE = re.compile(r"(?P<lead>\s*(?:-\s+)*(?:[\w.-]+|'[^']*'|\"[^\"]*\"):\s+|\s*-\s+)(?P<value>\S.*?)\s*$")
_STAR = re.compile(r"^[^'\"#]*\{[^'\"#]*:\s+(?P<star>\*)\s*[,}]")
_OPENING = dict(zip("“「『‘”", '"""\'"', strict=True))
_CLOSING = "”」』’“"


class LineMend(NamedTuple):
    column: int
    length: int
    code: str
    message: str
    mend: str
    line: str | None
    """The line as it was meant, at most one character longer; None when it cannot be guessed."""
    quoted: str | None = None
    """The line with its value in quotes, where that is what it lacks."""

    @property
    def edit(self) -> str | None:
        """The line as it is right for certain; None where a comment might be part of the value, or nobody can tell."""
        if self.quoted is not None:
            return self.quoted
        return None if self.line is None else self.line.rstrip()


def mend_tabs(text: str, line: int) -> list[tuple[int, int]]:
    """(line, column), from 0, of every tab in indentation, when there is one at or around the line that failed."""
    found = [(n, m.start(1)) for n, t in enumerate(text.split("\n")) if (m := re.match(r" *(\t)\s*\S", t))]
    return found[:20] if any(abs(n - line) <= 1 for n, _ in found) else []


def mend_line(line: str) -> LineMend | None:
    """What is wrong with this line, when it is one of the mistakes that people really make."""
    return _wide_lead(line) or _wide_colon(line) or _needs_quotes(line) or _bare_star(line) or _no_space(line)


def _wide_lead(line: str) -> LineMend | None:
    lead = re.match(r"[ \u3000]*(?:-[ \u3000]*)*", line)
    if not lead or "\u3000" not in lead[0]:
        return None
    column = lead[0].index("\u3000")
    return LineMend(
        column,
        lead[0].count("\u3000"),
        "Y106",
        "a full-width space in the indentation",
        "indent with ASCII spaces",
        lead[0].replace("\u3000", " ") + line[lead.end() :],
    )


def _wide_colon(line: str) -> LineMend | None:
    found = _WIDE_COLON.match(line)
    if not found:
        return None
    what = "a full-width colon" if found["colon"] == "：" else "a full-width space beside the colon"
    rest = found["rest"].lstrip("\u3000")
    glue = "" if rest.startswith(" ") or not rest else " "
    meant = f"{found['lead']}{found['key']}:{glue}{rest}"
    mended = meant if len(line) <= len(meant) <= len(line) + 1 else meant.ljust(len(line))
    return LineMend(
        found.start("colon"), len(found["colon"]), "Y106", what, f"write `{found['key']}: {rest.strip()}`".replace(": `", ":`"), mended
    )


def _needs_quotes(line: str) -> LineMend | None:
    found = _VALUE.match(line)
    if not found:
        return None
    value, column = found["value"], found.start("value")
    first = value[0]
    if first in _OPENING and value[-1] in _CLOSING and len(value) > 1:
        quote = _OPENING[first]
        meant = line[:column] + quote + value[1:-1].replace(quote, " ") + quote
        return LineMend(column, 1, "Y106", f"{first}{value[-1]} are no quotes in YAML", f"write {quote}{value[1:-1]}{quote}", meant)
    if first in "*&!@`%":
        return LineMend(
            column,
            len(value),
            "Y115",
            f"in YAML a value cannot begin with {first}",
            f"put it in quotes: {_quoted(value)}",
            None,
            _in_quotes(line, column, value),
        )
    if first in "|>" and not re.fullmatch(r"[|>][-+\d]*(\s+#.*)?", value):
        return LineMend(
            column,
            len(value),
            "Y115",
            f"in YAML a value that begins with {first} is a block of text",
            f"put it in quotes: {_quoted(value)}",
            None,
        )
    if first in "'\"" and (end := _closing_quote(value)) and value[end + 1 :].strip() and value[end + 1 :].lstrip()[0] != "#":
        return LineMend(
            column, len(value), "Y115", "text goes on after the closing quote", f"put the whole value in quotes: {_quoted(value)}", None
        )
    if first not in "'\"|>{[" and (inner := re.search(r":(\s|$)", value)):
        return LineMend(
            column + inner.start(),
            1,
            "Y115",
            "a colon and a space inside a value",
            f"put the value in quotes: {_quoted(value)}",
            None,
            _in_quotes(line, column, value),
        )
    return None


def _bare_star(line: str) -> LineMend | None:
    """`{count: *, in: 7 days}`: a star within braces."""
    found = _STAR.search(line)
    if not found:
        return None
    column = found.start("star")
    meant = f'{line[:column]}"*"{line[column + 1 :]}'
    return LineMend(column, 1, "Y115", "in YAML a value cannot begin with *", 'put it in quotes: "*"', None, meant)


def _in_quotes(line: str, column: int, value: str) -> str | None:
    return None if " #" in value else line[:column] + _quoted(value)


def _no_space(line: str) -> LineMend | None:
    found = _NO_SPACE.match(line)
    if not found or found["rest"][0] in "　：":
        return None
    mended = f"{found['lead']}{found['key']}: {found['rest']}"
    return LineMend(found.start("colon"), 1, "Y101", "no space after the colon", f"write `{found['key']}: {found['rest'].strip()}`", mended)


def _closing_quote(value: str) -> int | None:
    pattern = r"'(?:[^']|'')*'" if value[0] == "'" else r'"(?:[^"\\]|\\.)*"'
    found = re.match(pattern, value)
    return found.end() - 1 if found else None


def _quoted(value: str) -> str:
    if '"' not in value and "\\" not in value:
        return f'"{value}"'
    return "'" + value.replace("'", "''") + "'"
