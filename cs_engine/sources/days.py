"""Calendars as DuckDB variables, made known when a query names one: who asks for none pays for none."""

from __future__ import annotations

import re
from datetime import date

import duckdb

from cs_engine.playbook.calendars import Calendars
from cs_engine.sources.sql import quoted

_CALENDAR = re.compile(r"getvariable\('(calendar (\w+))'\)")
_WEEKDAYS_OFF = "weekdays off"
_FIRST_YEAR = 1970
"""What business days are counted from lies after it."""


class Days:
    """What `in_calendar` and `business_days_since` read of one day."""

    def __init__(self, calendars: Calendars, business: str | None, today: date) -> None:
        self._calendars, self._business, self._today = calendars, business, today
        self._known: set[str] = set()

    def tell(self, db: duckdb.DuckDBPyConnection, sql: str) -> None:
        """Sets the variables that this SQL reads."""
        for variable, name in set(_CALENDAR.findall(sql)):
            if variable not in self._known and name in self._calendars.specs:
                self._set(db, variable, "true" if self._calendars.has(name, self._today) else "false")
        if self._business and _WEEKDAYS_OFF not in self._known and f"'{_WEEKDAYS_OFF}'" in sql:
            days = self._calendars.weekdays_off(self._business, date(_FIRST_YEAR, 1, 1), self._today)
            listed = ", ".join(f"DATE '{day}'" for day in days)
            self._set(db, _WEEKDAYS_OFF, f"[{listed}]::DATE[]")

    def _set(self, db: duckdb.DuckDBPyConnection, variable: str, value: str) -> None:
        db.execute(f"SET VARIABLE {quoted(variable)} = {value}")
        self._known.add(variable)
