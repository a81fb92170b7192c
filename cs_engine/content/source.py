"""A template file as written: front matter with places, and the body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from cs_engine.language.problems import Edit, Place, Problems, did_you_mean

KEYS = ("subject", "preheader", "source")
_FENCE = "---"
_LINE = re.compile(r"\s*([^\s:：][^:：]*?)\s*(:|：)[ \t\u3000]*(.*?)\s*\Z")


def source_digest(text: str) -> str:
    """What a translation writes as `source:`: the first 8 hex digits of blake2b over the source file's text, LF line ends."""
    return blake2b(normalised(text).encode()).hexdigest()[:8]


def normalised(text: str) -> str:
    """Without a byte order mark, line ends as LF."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def read(path: Path) -> str:
    """The file's text, normalised. Raises OSError, UnicodeDecodeError."""
    return normalised(path.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a file: text, and where it begins."""

    text: str
    file: str
    line: int = 1
    column: int = 1

    def place(self, offset: int, length: int = 1) -> Place:
        """Where the character at `offset` of the text stands in the file."""
        before = self.text[:offset]
        lines = before.count("\n")
        column = offset - (before.rfind("\n") + 1) + (1 if lines else self.column)
        return Place(self.file, self.line + lines, column, max(1, length))

    def line_place(self, line: int) -> Place:
        """The whole of the text's line `line` (from 1)."""
        lines = self.text.split("\n")
        number = min(max(line, 1), len(lines))
        found = lines[number - 1]
        indent = len(found) - len(found.lstrip())
        return Place(self.file, self.line + number - 1, indent + (self.column if number == 1 else 1), max(1, len(found.strip())))


@dataclass(frozen=True, slots=True)
class Source:
    """One e-mail template file."""

    file: str
    """Relative to the project."""
    text: str
    fields: Mapping[str, Span]
    body: Span

    @property
    def digest(self) -> str:
        return source_digest(self.text)


def parse(file: str, text: str, problems: Problems) -> Source:
    """Front matter and body of a template; mistakes go to `problems` (T305–T308)."""
    text = normalised(text)
    lines = text.split("\n")
    if lines[0].strip() != _FENCE:
        problems.add(Place(file), "T305", "the file must begin with front matter", 'begin with "---", "subject: …", "---"')
        return Source(file, text, {}, Span(text, file))
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == _FENCE), None)
    if end is None:
        problems.add(Place(file, 1, 1, 3), "T305", "the front matter does not end", 'write "---" on a line of its own below it')
        return Source(file, text, {}, Span("", file, len(lines)))
    fields: dict[str, Span] = {}
    meant: set[str] = set()
    for number, line in enumerate(lines[1:end], 2):
        if line.strip() and not line.lstrip().startswith("#"):
            meant.add(_field(file, number, line, fields, problems))
    subject = fields.get("subject")
    # A misspelt key is not reported as missing too.
    if (subject is None and "subject" not in meant) or (subject is not None and not subject.text):
        where = Place(file, 1, 1, 3) if subject is None else Place(file, subject.line, 1, 8)
        problems.add(where, "T308", "the mail has no subject", 'write "subject: …" between the "---" lines')
    return Source(file, text, fields, Span("\n".join(lines[end + 1 :]), file, end + 2))


def _field(file: str, number: int, line: str, fields: dict[str, Span], problems: Problems) -> str:
    """Reads one line into `fields`. Gives the key that it has, or may have meant."""
    match = _LINE.match(line)
    if match is None:
        place = Place(file, number, 1, len(line))
        problems.add(place, "T305", "front matter is lines of `key: value`", 'put "---" above the text of the mail')
        return ""
    key, colon, value = match.groups()
    where = Place(file, number, match.start(1) + 1, len(key))
    if key not in KEYS:
        mend = did_you_mean(key, KEYS)
        problems.add(where, "T306", f'unknown key "{key}" in front matter', mend or f"known are {', '.join(KEYS)}")
        return next((known for known in KEYS if f'"{known}"' in mend), "")
    if colon != ":":
        problems.add(
            where.at(match.start(2) - match.start(1)),
            "T305",
            "a full-width colon",
            'write ":"',
            edit=Edit(where.at(match.start(2) - match.start(1)), colon, ":"),
        )
    elif key in fields:
        problems.add(where, "T307", f'"{key}" stands twice', f"it stands in line {fields[key].line} already")
    else:
        fields[key] = Span(value, file, number, match.start(3) + 1)
    return key
