"""The functions of the language: what they take, what they give, and their DuckDB SQL. What is not listed does not exist."""

from __future__ import annotations

from dataclasses import dataclass

from cs_engine.language import durations
from cs_engine.language.expression import Type

SAME = "same"
"""All arguments (and the result) of one type."""


@dataclass(frozen=True, slots=True)
class Function:
    """`sql` is a template over {0} … or {all}. No template can fail while it runs, whatever the data."""

    sql: str
    takes: tuple[Type | str, ...]
    gives: Type | str
    repeats: bool = False
    """Whether the last argument may come more than once."""
    optional: int = 0
    """How many of the last arguments may be left out."""


_TEXT, _NUMBER, _TIME, _YES = Type.TEXT, Type.NUMBER, Type.INSTANT, Type.BOOLEAN

_BUSINESS_DAYS = (
    "(" + durations.weekdays_sql("getvariable('today')") + " - " + durations.weekdays_sql("CAST({0} AS DATE)") + " - "
    "len(list_filter(coalesce(getvariable('weekdays off'), []), lambda off: off > CAST({0} AS DATE))))"
)
"""Monday to Friday after that day, to today, less those that the project's calendar takes out."""

FUNCTIONS: dict[str, Function] = {
    "now": Function("getvariable('now')", (), _TIME),
    "days_since": Function(
        "(CASE WHEN {0} <= getvariable('now') THEN date_diff('day', CAST({0} AS DATE), getvariable('today')) END)", (_TIME,), _NUMBER
    ),
    "business_days_since": Function(f"(CASE WHEN {{0}} <= getvariable('now') THEN {_BUSINESS_DAYS} END)", (_TIME,), _NUMBER),
    "days_until": Function("date_diff('day', getvariable('today'), CAST({0} AS DATE))", (_TIME,), _NUMBER),
    "coalesce": Function("coalesce({all})", (SAME,), SAME, repeats=True),
    "nullif": Function("nullif({all})", (SAME, SAME), SAME),
    "greatest": Function("greatest({all})", (SAME,), SAME, repeats=True),
    "least": Function("least({all})", (SAME,), SAME, repeats=True),
    "abs": Function("abs({0})", (_NUMBER,), _NUMBER),
    "floor": Function("floor({0})", (_NUMBER,), _NUMBER),
    "ceil": Function("ceil({0})", (_NUMBER,), _NUMBER),
    "round": Function("round({all})", (_NUMBER, "digits"), _NUMBER, optional=1),
    "lower": Function("lower({0})", (_TEXT,), _TEXT),
    "upper": Function("upper({0})", (_TEXT,), _TEXT),
    "trim": Function("trim({0})", (_TEXT,), _TEXT),
    "length": Function("length({0})", (_TEXT,), _NUMBER),
    "concat": Function("concat({all})", (_TEXT,), _TEXT, repeats=True),
    "contains": Function("contains({all})", (_TEXT, _TEXT), _YES),
    "starts_with": Function("starts_with({all})", (_TEXT, _TEXT), _YES),
    "ends_with": Function("ends_with({all})", (_TEXT, _TEXT), _YES),
    "year": Function("year({0})", (_TIME,), _NUMBER),
    "month": Function("month({0})", (_TIME,), _NUMBER),
    "day": Function("day({0})", (_TIME,), _NUMBER),
    "hour": Function("hour({0})", (_TIME,), _NUMBER),
    "isodow": Function("isodow({0})", (_TIME,), _NUMBER),
}
SUBJECTS = {"reached": "milestone", "claimed": "milestone", "doubted": "milestone", "in_segment": "segment", "in_calendar": "calendar"}
"""Functions of one name in quotes: a column of the facts (`reached:habit`, `segment:enterprise`), or a variable (`calendar jp`)."""

CONFIRMED = frozenset({"claimed", "doubted"})
"""Functions of milestones with `confirm`: what of them is so before, or instead of, the customer's yes."""

ASKED = frozenset({"answer", "done"})
"""Functions of what a step of the same playbook has asked: `answer('kickoff.date')`, `done('kickoff')`."""

AT_ENTRY = "at_entry"
"""`at_entry(expr)`: its value when the passage began."""
HAPPENED = "happened"
"""`happened('event', condition)`: whether there ever was such an event."""

HELD = "held"
"""`held(condition, '14 days')`: whether it has been true without a break for that long."""

_AGGREGATE = "define a metric in metrics.yaml and use its name"
_DAYS = "write days_since(account.signed_up_at) or days_until(account.renewal_at)"
MENDS = {
    **dict.fromkeys(("count", "sum", "avg", "min", "max", "median", "count_distinct", "mean", "any_value", "first", "last"), _AGGREGATE),
    **dict.fromkeys(("row_number", "rank", "lag", "lead"), _AGGREGATE),
    **dict.fromkeys(("date_diff", "datediff", "date_sub", "datesub", "age", "days_ago", "days_between"), _DAYS),
    **dict.fromkeys(("today", "current_date", "current_timestamp", "getdate", "getvariable"), "write now()"),
    **dict.fromkeys(("ifnull", "isnull", "nvl", "ifnone"), "write coalesce(x, 0)"),
    **dict.fromkeys(("if", "iff", "iif"), "write case when … then … else … end"),
    **dict.fromkeys(("len", "char_length"), "write length(x)"),
    **dict.fromkeys(("lcase", "tolower"), "write lower(x)"),
    **dict.fromkeys(("ucase", "toupper"), "write upper(x)"),
    **dict.fromkeys(("startswith", "starts"), "write starts_with(x, 'part')"),
    **dict.fromkeys(("endswith",), "write ends_with(x, 'part')"),
    **dict.fromkeys(("ceiling",), "write ceil(x)"),
    **dict.fromkeys(
        ("cast", "try_cast", "convert", "to_date", "strftime", "strptime", "date", "timestamp", "interval"),
        "casts are not supported; a date is text: '2026-01-31'",
    ),
    **dict.fromkeys(
        ("read_csv", "read_parquet", "read_json", "read_text", "read_csv_auto", "glob", "scan_parquet"),
        "files are read through project.yaml's sources only",
    ),
    "segment": "write in_segment('x')",
    "milestone": "write reached('x')",
    "substring": "write starts_with, contains or like",
    "substr": "write starts_with, contains or like",
}
