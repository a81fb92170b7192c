"""A compiled piece of an expression, and the words for two pieces that do not go together."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal, NamedTuple

from cs_engine.language.expression import Duration, Type

_WORDS = {
    Type.BOOLEAN: "yes/no",
    Type.NUMBER: "a number",
    Type.TEXT: "text",
    Type.INSTANT: "a time",
    Type.DURATION: "a length of time",
    Type.UNKNOWN: "of a type unknown",
    None: "blank",
}
_DATE = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(Z|[+-]\d\d:?\d\d)?)?")
DAY = re.compile(r"\d{4}-\d\d?-\d\d?")
"""A date without its quotes, which is a subtraction."""
_YES = {"true", "yes", "on", "1", "y"}
_NO = {"false", "no", "off", "0", "n"}


@dataclass(frozen=True, slots=True)
class Value:
    """SQL of a type, and the words it stands for: `start` to `end` in the author's text."""

    sql: str
    type: Type | None
    """None: the blank literal."""
    start: int
    end: int
    words: str = ""
    literal: str | int | float | bool | Duration | None = None
    """The value of a literal."""
    is_double: bool = False
    """Whether the SQL is a DOUBLE already."""
    broken: bool = False
    """A problem of it has been reported: it goes with everything."""

    @property
    def said(self) -> str:
        return _WORDS[self.type]

    @property
    def moves(self) -> bool:
        return self.literal is None


def double(value: Value) -> str:
    """The number as a DOUBLE: sums and products of those do not overflow into errors."""
    if isinstance(value.literal, int | float):
        return double_literal(float(value.literal))
    return value.sql if value.is_double else f"CAST({value.sql} AS DOUBLE)"


def double_literal(number: float) -> str:
    said = repr(number)
    return said if "e" in said else f"{said}e0"


def as_type(value: Value, wanted: Type) -> Value | None:
    """The value as another type where that cannot surprise: a date in quotes is a time, a column of no known type is tried."""
    if value.type is wanted or value.type is None or value.broken:
        return value
    if value.type is Type.UNKNOWN:
        sql = {
            Type.NUMBER: f"TRY_CAST({value.sql} AS DOUBLE)",
            Type.TEXT: f"CAST({value.sql} AS VARCHAR)",
            Type.BOOLEAN: f"TRY_CAST({value.sql} AS BOOLEAN)",
            Type.INSTANT: f"TRY_CAST(CAST({value.sql} AS VARCHAR) AS TIMESTAMPTZ)",
        }.get(wanted)
        return None if sql is None else replace(value, sql=sql, type=wanted)
    if wanted is Type.INSTANT and isinstance(value.literal, str) and value.type is Type.TEXT:
        instant = instant_literal(value.literal)
        return None if instant is None else replace(value, sql=instant, type=wanted, literal=None)
    return None


def instant_literal(text: str) -> str | None:
    """DuckDB SQL of `2026-01-31` (midnight in the session's zone), `2026-01-31 09:00` or one with an offset; else None."""
    found = _DATE.fullmatch(text.strip())
    if not found:
        return None
    try:
        date.fromisoformat(found[1])
        datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}{found[3] or ''}")
    except ValueError:
        return None
    if int(found[1][:4]) < 1000:
        return None
    zone = (found[3] or "").replace("Z", "+00:00")
    return f"TIMESTAMPTZ '{found[1]} {found[2] or '00:00'}{zone}'"


class Instead(NamedTuple):
    """What to write instead of comparing two values whose types differ."""

    part: Literal["value", "compared", "all"]
    """What the words stand for: the literal, the literal and the operator before it, or the whole comparison."""
    words: str


def instead(subject: Value, literal: Value) -> Instead | None:
    """How `subject` can be compared with what `literal` seems to mean; None when nobody knows. The words of `all` are a number of days."""
    value = literal.literal
    match subject.type, literal.type:
        case Type.NUMBER, Type.DURATION if isinstance(value, Duration):
            return Instead("compared", f"{_number_of(value)}")
        case Type.INSTANT, Type.DURATION if isinstance(value, Duration):
            return Instead("all", f"{_number_of(value)}")
        case Type.INSTANT, Type.NUMBER if re.fullmatch(DAY, literal.words):
            return Instead("value", f"'{literal.words}'")
        case Type.INSTANT, Type.NUMBER:
            return Instead("all", literal.words)
        case Type.INSTANT, Type.TEXT if value is not None:
            return Instead("value", "a date that exists, as '2026-01-31'")
        case Type.NUMBER, Type.TEXT if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?%?", value):
            number = float(value[:-1]) / 100 if value.endswith("%") else float(value)
            return Instead("compared", f"{number:g}")
        case Type.TEXT, Type.NUMBER | Type.BOOLEAN if value is not None:
            return Instead("value", f"'{literal.words}'")
        case Type.BOOLEAN, Type.TEXT | Type.NUMBER if str(value).lower() in _YES | _NO:
            return Instead("value", "true" if str(value).lower() in _YES else "false")
        case _:
            return None


FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
"""The operator of a comparison whose sides change places, where it is another one."""


def _number_of(duration: Duration) -> int:
    return duration.amount * (7 if duration.unit == "weeks" else 1)


def truth_mend(value: Value) -> str:
    """How to make a condition of a value that is none."""
    words = value.words if len(value.words) <= 40 else "…"
    match value.type:
        case Type.NUMBER if value.moves:
            return f"write {words} > 0"
        case Type.TEXT | Type.INSTANT if value.moves:
            return f"write {words} is not null"
        case _:
            return "write a comparison, such as changes_7d > 0"


def yes_or_no(word: str) -> bool | None:
    """What a bare `yes` or `off` beside a yes/no was meant to say."""
    lower = word.lower()
    return True if lower in _YES else False if lower in _NO else None
