"""Calendars as DuckDB variables, made known when a query names one: who asks for none pays for none."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

import duckdb

from cs_engine.language.durations import BUSINESS_DAYS, BUSINESS_DAYS_UP_TO, FIRST_DAY
from cs_engine.playbook.calendars import Calendars
from cs_engine.sources.sql import quoted

_CALENDAR = re.compile(r"getvariable\('(calendar (\w+))'\)")
_WEEKDAYS_OFF = "weekdays off"
_YEARS_AHEAD = 10
"""Dates further ahead know weekends alone."""


class Days:
    """What `in_calendar`, `business_days_since` and `± 2 business days` read on one day."""

    def __init__(self, calendars: Calendars, business: str | None, today: date) -> None:
        self._calendars, self._business, self._today = calendars, business, today
        self._known: dict[str, str] = {}

    def tell(self, db: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Sets the variables that this SQL reads."""
        for variable, name in set(_CALENDAR.findall(sql)):
            if variable not in self._known and name in self._calendars.specs:
                self._set(db, variable, "true" if self._calendars.has(name, self._today) else "false")
        if self._business and _WEEKDAYS_OFF not in self._known and f"'{_WEEKDAYS_OFF}'" in sql:
            self._set(db, _WEEKDAYS_OFF, _list(self._calendars.weekdays_off(self._business, FIRST_DAY, self._today)))
        if self._business and BUSINESS_DAYS not in self._known and f"'{BUSINESS_DAYS}'" in sql:
            last = date(self._today.year + _YEARS_AHEAD, 12, 31)
            off = _list(self._calendars.weekdays_off(self._business, FIRST_DAY, last))
            numbers = f"(SELECT CAST(n AS INTEGER) AS n FROM range({(last - FIRST_DAY).days}) AS r(n))"
            every = f"(SELECT n, DATE '{FIRST_DAY}' + n AS day FROM {numbers})"
            worked = f"isodow(day) <= 5 AND day NOT IN (SELECT unnest({off}))"
            self._set(db, BUSINESS_DAYS, f"(SELECT list(n ORDER BY n) FROM {every} WHERE {worked})")
            up_to = f"CAST(count(*) FILTER (WHERE {worked}) OVER (ORDER BY n) AS INTEGER)"
            self._set(db, BUSINESS_DAYS_UP_TO, f"(SELECT list(c ORDER BY n) FROM (SELECT n, {up_to} AS c FROM {every}))")

    def repeat(self, db: duckdb.DuckDBPyConnection) -> None:
        """Sets for another connection what was set for the first."""
        for statement in self._known.values():
            db.execute(statement)

    def _set(self, db: duckdb.DuckDBPyConnection, variable: str, value: str) -> None:
        self._known[variable] = f"SET VARIABLE {quoted(variable)} = {value}"
        db.execute(self._known[variable])


def _list(days: Iterable[date]) -> str:
    return "[" + ", ".join(f"DATE '{day}'" for day in days) + "]::DATE[]"
