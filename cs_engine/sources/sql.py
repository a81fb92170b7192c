"""Small pieces of SQL text that the sources share."""

from __future__ import annotations

from collections.abc import Iterable


def quoted(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: object) -> str:
    """The value as an SQL string literal: for paths and our own words, where no parameter can stand."""
    return "'" + str(value).replace("'", "''") + "'"


def listed(parts: Iterable[str]) -> str:
    return ", ".join(parts)
