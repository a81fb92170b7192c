"""The events that passages begin with, at one `now`, as SQL: text only, over the view `src_<source>` of an event source (windows_sql)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cs_engine.language.expression import EVENT, Expression, Grain, Type
from cs_engine.language.scope import quoted
from cs_engine.usage.windows_sql import Moment, view

_KNOWN_BY = ("account", "contact", "event")
"""With the time, what tells events apart that have no id."""


def happened(
    source: str, event: str, where: Expression | None, columns: Mapping[str, Type], grain: Grain, since: datetime, moment: Moment
) -> str:
    """SELECT of the events of that name after `since`, none later than now or learned later: "row" of the subject, "at" in microseconds,
    "id", and "kept", a JSON object of its columns by the names that conditions use; by subject and time.

    An event without an id is known by who did what when: the same in every sync. One that `where` fails for does not count.
    """
    first = since.astimezone(moment.zone).date().isoformat()
    parts = [
        f"\"#day\" BETWEEN DATE '{first}' AND {moment.today_sql}",
        f"\"at\" > TIMESTAMPTZ '{since.astimezone(UTC).isoformat()}'",
        f'"at" <= {moment.now_sql}',
        f"event = {_text(event)}",
        *([f'coalesce("learned_at", "at") <= {moment.now_sql}'] if "learned_at" in columns else []),
        *([f"coalesce(TRY({where.sql}), false)"] if where is not None else []),
    ]
    id = "id" if "id" in columns else f"md5(concat_ws('|', {', '.join(name for name in _KNOWN_BY if name in columns)}, epoch_us(\"at\")))"
    shown = [
        f"'{EVENT}id', e.\"#known\"",
        *(f"{_text(EVENT + name)}, {_value(name, kind)}" for name, kind in columns.items() if name != "id"),
    ]
    return (
        f'SELECT f."#row" AS "row", epoch_us(e."at") AS "at", e."#known" AS "id", '
        f'CAST(json_object({", ".join(shown)}) AS VARCHAR) AS "kept" '
        f'FROM (SELECT *, {id} AS "#known" FROM {view(source)} WHERE {" AND ".join(parts)}) AS e '
        f'JOIN {grain.table} AS f ON f."#no" = e.{quoted(f"#{grain}")} ORDER BY 1, 2, 3'
    )


def _value(name: str, kind: Type) -> str:
    column = f"e.{quoted(name)}"
    return f"strftime(timezone('UTC', {column}), '%Y-%m-%dT%H:%M:%S.%fZ')" if kind is Type.INSTANT else column


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
