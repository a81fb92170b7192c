"""Instants as numbers: how they are stored and compared in bulk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

Micros = int
"""An instant: microseconds since 1970-01-01T00:00Z."""

NO_TIME: Micros = -(2**62)
"""Stands for `None` in a column of instants."""

NEVER: Micros = 2**62
"""Later than any instant."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> Micros:
    """The instant of an aware datetime, exactly. Raises TypeError for a naive one."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(at: Micros) -> datetime:
    """The aware UTC datetime of an instant."""
    return _EPOCH + timedelta(microseconds=at)


def moments(start: datetime, end: datetime, every: timedelta) -> list[datetime]:
    """The nows of a span, both ends included when they fall on it."""
    count = (to_micros(end) - to_micros(start)) // (every // _MICROSECOND) + 1
    return [start + every * i for i in range(max(0, count))]
