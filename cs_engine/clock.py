"""The only place that reads the wall clock. Everything else is given `now`."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time, aware, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def steady() -> float:
    """Seconds that only go forward, whatever is done to the machine's clock, and go on while it sleeps: what a lease is measured by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class OffsetClock:
    """Starts at `start` and goes on as time does, though somebody sets the machine's clock meanwhile: delivery's clock in a run."""

    def __init__(self, start: datetime, seconds: Callable[[], float] = steady) -> None:
        self._start, self._seconds = start.astimezone(UTC), seconds
        self._began = seconds()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds() - self._began)


class FixedClock:
    """Stands still at `at`: simulations and tests."""

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at
