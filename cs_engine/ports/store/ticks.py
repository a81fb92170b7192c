"""Whose turn it is, and what time was last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from cs_engine.instants import Micros


class Tick(NamedTuple):
    now: Micros
    repeat: bool
    """A tick at this very now has been completed before."""


class Ticks(Protocol):
    """Whose turn it is, and what time was last."""

    def migrate(self) -> None:
        """Makes or upgrades the schema."""

    def begin_tick(self, now: Micros, holder: str) -> Tick:
        """Takes the tick. Raises TickTooEarly before the last tick, TickBusy while another living holder has it."""

    def end_tick(self, now: Micros, holder: str, next_due: Mapping[str, Micros]) -> None:
        """The tick is complete: writes the playbooks' next due times and gives it back."""

    def release_tick(self, holder: str) -> None:
        """Gives the tick back without completing it (something was raised)."""

    def last_tick(self) -> Micros | None: ...

    def ticks_before(self, now: Micros, limit: int) -> list[Micros]:
        """The nows of the ticks completed before that one, the latest first."""

    def close(self) -> None: ...
