"""Words of an expression with their places, and the mends of what people write out of habit.

Every mistake with an evident meaning is reported and then read as it was meant, so that one pass finds the others too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from cs_engine.language import durations
from cs_engine.language.expression import Duration
from cs_engine.language.scope import Column, Reporter, Scope

MAX_TEXT = 5_000
MAX_TOKENS = 1_000


class Kind(Enum):
    NUMBER = auto()
    TEXT = auto()
    DURATION = auto()
    CONSTANT = auto()
    """null, true, false"""
    NAME = auto()
    FUNCTION = auto()
    KEYWORD = auto()
    OPERATOR = auto()
    OPEN = auto()
    CLOSE = auto()
    COMMA = auto()


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    text: str
    """Its plain form: keywords in lower case, operators as SQL has them, names without quotes."""
    start: int
    end: int
    value: str | int | float | bool | Duration | None = None
    """Of a literal; None where a problem of it has been reported, and for null."""

    def is_(self, *texts: str) -> bool:
        return self.text in texts and self.kind in (Kind.KEYWORD, Kind.OPERATOR)


KEYWORDS = frozenset(
    {"and", "or", "not", "in", "is", "between", "like", "ilike", "case", "when", "then", "else", "end", "distinct", "from"}
)
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_STATEMENTS = frozenset(
    {"select", "insert", "update", "delete", "drop", "create", "alter", "attach", "copy", "pragma"}
    | {"union", "exists", "install", "load", "call", "set", "with"}
)
_DATE_WORDS = frozenset({"date", "timestamp", "timestamptz"})

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"[^"]*"|`[^`]*`)
    |(?P<unclosed>['"])
    |(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[^\W\d]\w*(?:\.(?:[^\W\d]\w*|"(?:[^"]|"")+"))*)
    |(?P<operator>===|!==|==|=>|=<|<=|>=|<>|!=|&&|\|\||::|\*\*|->|=~|--|/\*|[=<>+\-*/%!≥≤≧≦≠])
    |(?P<bracket>[()\[\]])
    |(?P<comma>,)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_SQL_OPERATORS = frozenset(["=", "<", ">", "<=", ">=", "<>", "!=", "+", "-", "*", "/", "%"])
_MEANT = {"===": "=", "==": "=", "!==": "<>", "=>": ">=", "=<": "<=", "&&": "and", "||": "or", "!": "not"} | {
    "≥": ">=", "≤": "<=", "≧": ">=", "≦": "<=", "≠": "<>"
}  # fmt: skip
_REFUSED = {
    "::": ("casts are not supported", "leave the `::type` out"),
    "->": ("`->` has no meaning here", ""),
    "**": ("powers are not supported", ""),
    "=~": ("regular expressions are not supported", "write x like '%part%'"),
    **dict.fromkeys("\u2212\u2013\u2014", ("a dash is no minus", "write -")),
    "--": ("no comments inside an expression; a minus before a minus needs a space", ""),
    "/*": ("no comments inside an expression", ""),
    ";": ("one expression only, nothing after a `;`", "delete the rest"),
}

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, ord("、"): ord(","), ord("。"): ord(".")}
# Keyboards write the closing quote on both sides too.
_WIDE_TEXT = re.compile("[‘“「『＇＂’”](?P<inside>[^’”」』＇＂']*)[’”」』＇＂]")
_PERCENT = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s*%(?=\s*(?:$|\)|(?:and|or)\b))", re.IGNORECASE)
_OUTSIDE = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|" + _WIDE_TEXT.pattern.replace("?P<inside>", "") + r"|[\u3000、。！-～]+")
_BRACES = re.compile(r"(\s*(?:\{\{-?|\{%-?|\$\{|\{))(.*?)((?:-?\}\}|-?%\}|\})\s*)", re.DOTALL)
_LEAD = re.compile(r"\s*(=(?!=)|(?:where|if|when)\b(?!\s*\())", re.IGNORECASE)


def tokens_of(text: str, scope: Scope, report: Reporter) -> list[Token] | None:
    """The words of `text`, or None when there is no sense in reading on. Places are offsets in `text`."""
    if len(text) > MAX_TEXT:
        report.add(0, 1, "X202", f"longer than {MAX_TEXT:,} characters", "split it: segments.yaml and metrics.yaml take parts of it")
        return None
    plain = _without_lead(_without_braces(_without_wide(text, report), report), report)
    lexer = _Lexer(plain, scope, report)
    if not lexer.run():
        return None
    tokens = lexer.tokens
    if not tokens and not report.failed:
        report.add(0, len(text), "X201", "the expression is empty", "write a condition, such as changes_7d > 0")
    if len(tokens) > MAX_TOKENS:
        report.add(0, 1, "X202", f"more than {MAX_TOKENS:,} words", "split it: segments.yaml and metrics.yaml take parts of it")
        return None
    return tokens or None


def _without_wide(text: str, report: Reporter) -> str:
    """Full-width characters outside of text in quotes as their ASCII ones, length kept. One problem for all of them."""
    first: re.Match[str] | None = None
    last = 0

    def narrow(match: re.Match[str]) -> str:
        nonlocal first, last
        if match[0][0] in "'\"":
            return match[0]
        first, last = first or match, match.end()
        if quoted := _WIDE_TEXT.fullmatch(match[0]):
            return f"'{quoted['inside']}'"
        return match[0].translate(_WIDE)

    plain = _OUTSIDE.sub(narrow, text)
    if first is not None:
        what = "space" if first[0].strip("\u3000") == "" else f"`{first[0]}`" if len(first[0]) < 20 else "quotes"
        meant = _PERCENT.sub(lambda found: f"{float(found[1]) / 100:.10g}", plain)
        mend = f"write {meant}" if len(meant) <= 100 else "write it in ASCII"
        report.add(first.start(), first.end(), "X205", f"full-width {what}", mend, (first.start(), last, plain[first.start() : last]))
    return plain


def _without_braces(text: str, report: Reporter) -> str:
    found = _BRACES.fullmatch(text)
    if not found:
        return text
    report.add(found.start(1), found.end(1), "X206", "braces around an expression", f"write {found[2].strip()[:100]}")
    return " " * len(found[1]) + found[2] + " " * len(found[3])


def _without_lead(text: str, report: Reporter) -> str:
    found = _LEAD.match(text)
    if not found:
        return text
    report.add(found.start(1), found.end(1), "X206", f"`{found[1]}` before an expression", "leave it out")
    return " " * found.end() + text[found.end() :]


class _Lexer:
    def __init__(self, text: str, scope: Scope, report: Reporter) -> None:
        self.text, self.scope, self.report = text, scope, report
        self.tokens: list[Token] = []
        self.at = 0

    def run(self) -> bool:
        take: dict[str, Callable[[re.Match[str]], bool]] = {
            "text": self._text,
            "quoted": self._quoted,
            "unclosed": self._unclosed,
            "number": self._number,
            "name": self._name,
            "operator": self._operator,
            "bracket": self._bracket,
            "comma": lambda match: self._put(Kind.COMMA, ",", match.start(), match.end()),
            "other": self._other,
        }
        while self.at < len(self.text):
            match = _TOKEN.match(self.text, self.at)
            assert match is not None, "`other` takes any character"
            self.at = match.end()
            kind = match.lastgroup or "space"
            if kind != "space" and not take[kind](match):
                return False
        return True

    def _put(self, kind: Kind, text: str, start: int, end: int, value: str | float | bool | Duration | None = None) -> bool:
        self.tokens.append(Token(kind, text, start, end, value))
        return True

    def _text(self, match: re.Match[str]) -> bool:
        value = match[0][1:-1].replace("''", "'")
        if "\x00" in value:
            self.report.add(match.start(), match.end(), "X204", "a NUL character", "delete it")
            return False
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.kind is Kind.NAME and last.text.lower() in _DATE_WORDS:
            self.tokens.pop()
        elif last is not None and last.kind is Kind.NAME and last.text.lower() == "interval":
            return self._duration(match.start(), match.end(), value)
        return self._put(Kind.TEXT, match[0], match.start(), match.end(), value)

    def _quoted(self, match: re.Match[str]) -> bool:
        inside = match[0][1:-1]
        if not re.fullmatch(r"\w*", inside) and isinstance(self.scope.resolve(inside), Column):
            return self._put(Kind.NAME, inside, match.start(), match.end())
        text = "'" + inside.replace("'", "''") + "'"
        self.report.add(match.start(), match.end(), "X207", "text goes in single quotes", f"write {text}", text)
        return self._put(Kind.TEXT, text, match.start(), match.end(), inside)

    def _unclosed(self, match: re.Match[str]) -> bool:
        mend = "a quote inside text is written twice: 'it''s'"
        if match[0] == '"':
            mend = 'text goes in single quotes; a name with " in it is written account."the ""new"" plan"'
        self.report.add(match.start(), len(self.text), "X203", f"this {match[0]} is never closed", mend)
        return False

    def _number(self, match: re.Match[str]) -> bool:
        start, end = match.span()
        if found := re.compile(r"[^\W_]\w*|_\d[\d_]*").match(self.text, end):
            return self._glued(start, found)
        if found := re.compile(r"\s+(business\s+\w+|[^\W\d]\w*)").match(self.text, end):
            written = self.text[start : found.end()]
            if durations.parse(written) or (durations.is_like(written) and self.scope.resolve(found[1]) is None):
                self.at = found.end()
                return self._duration(start, found.end(), written)
        value = float(match[0]) if re.search(r"[.eE]", match[0]) else int(match[0][:20])
        if abs(value) > 1e15:
            self.report.add(start, end, "X204", "this number is too large")
        if percent := re.compile(r"\s*%(?!\s*[\w(.'\"])|\s*%(?=\s*(?:and|or|then|else|end|when)\b)", re.IGNORECASE).match(self.text, end):
            self.at = percent.end()
            value = float(f"{float(value) / 100:.10g}")
            self.report.add(start, self.at, "X208", "a percentage", f"write {value:g}")
        return self._put(Kind.NUMBER, match[0], start, end, value)

    def _glued(self, start: int, found: re.Match[str]) -> bool:
        self.at = found.end()
        written = self.text[start : found.end()]
        if digits := re.fullmatch(r"\d+(?:_\d+)+", written):
            plain = digits[0].replace("_", "")[:15]
            self.report.add(start, found.end(), "X204", f"{written} is no number", f"write {plain}", plain)
            return self._put(Kind.NUMBER, plain, start, found.end(), int(plain))
        if durations.is_like(written):
            return self._duration(start, found.end(), written)
        self.report.add(start, found.end(), "X204", f"{written[:40]} is neither a number nor a name", "text goes in single quotes")
        return self._put(Kind.NUMBER, "0", start, found.end(), None)

    def _duration(self, start: int, end: int, written: str) -> bool:
        duration = durations.parse(written)
        if self.tokens and self.tokens[-1].kind is Kind.NAME and self.tokens[-1].text.lower() == "interval":
            start = self.tokens.pop().start
            self.report.add(
                start, end, "X209", "`interval` is not of this language", f"write {written}" if duration else durations.mend(written)
            )
        elif duration is None:
            self.report.add(start, end, "X290", f"{written!r} is no length of time", durations.mend(written))
        return self._put(Kind.DURATION, written, start, end, duration)

    def _name(self, match: re.Match[str]) -> bool:
        text, start, end = match[0], match.start(), match.end()
        lower = text.lower()
        if lower in KEYWORDS:
            return self._put(Kind.KEYWORD, lower, start, end)
        if lower in CONSTANTS:
            return self._put(Kind.CONSTANT, lower, start, end, CONSTANTS[lower])
        if lower in _STATEMENTS and self.scope.resolve(text) is None:
            self.report.add(
                start,
                end,
                "X203",
                f"`{text}` begins a statement; only one expression stands here",
                "write a condition over one account or contact",
            )
            return False
        is_call = re.compile(r"\s*\(").match(self.text, end) is not None
        return self._put(Kind.FUNCTION if is_call else Kind.NAME, _QUOTED.sub(_plain, text), start, end)

    def _operator(self, match: re.Match[str]) -> bool:
        text, start, end = match[0], match.start(), match.end()
        if text in _REFUSED:
            return self._refuse(text, start, end)
        joins_text = (self.tokens[-1:] and self.tokens[-1].kind is Kind.TEXT) or re.compile(r"\s*'").match(self.text, end)
        if text == "||" and joins_text:
            self.report.add(start, end, "X209", "`||` is not of this language", "texts are joined by concat(a, b)")
            return False
        if meant := _MEANT.get(text):
            self.report.add(start, end, "X209", f"`{text}` is not of this language", f"write {meant}", meant)
            text = meant
        kind = Kind.OPERATOR if text in _SQL_OPERATORS else Kind.KEYWORD
        return self._put(kind, "<>" if text == "!=" else text, start, end)

    def _bracket(self, match: re.Match[str]) -> bool:
        text, start, end = match[0], match.start(), match.end()
        if text == "[":
            self.report.add(start, end, "X209", "lists go in parentheses", "write in ('a', 'b')")
        return self._put(Kind.OPEN if text in "([" else Kind.CLOSE, "(" if text in "([" else ")", start, end)

    def _other(self, match: re.Match[str]) -> bool:
        return self._refuse(match[0], match.start(), match.end())

    def _refuse(self, text: str, start: int, end: int) -> bool:
        message, mend = _REFUSED.get(text, (f"`{text}` has no meaning here" if text.isprintable() else "an invisible character", ""))
        self.report.add(start, end, "X203" if text == ";" else "X204", message, mend)
        return False


def _plain(quoted: re.Match[str]) -> str:
    """The name that stands in double quotes."""
    return quoted[1].replace('""', '"')
