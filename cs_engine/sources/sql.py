"""Small pieces of SQL text that the sources share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from cs_engine.language.scope import quoted

__all__ = ["ZONED", "dates", "iso", "listed", "quoted", "text"]

ZONED = "TIMESTAMP WITH TIME ZONE"


def text(value: object) -> str:
    """The value as an SQL string literal: for paths and our own words, where no parameter can stand."""
    return "'" + str(value).replace("'", "''") + "'"


def iso(sql: str) -> str:
    """A time as text, in UTC."""
    return f"strftime(timezone('UTC', {sql}), '%Y-%m-%dT%H:%M:%SZ')"


def listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def dates(days: Iterable[date]) -> str:
    return listed(f"DATE '{day}'" for day in days)
