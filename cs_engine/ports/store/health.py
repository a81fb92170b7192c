"""How healthy accounts have been: a row for as long as it stayed so."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from cs_engine.instants import Micros

if TYPE_CHECKING:
    from cs_engine.journey.health import HealthRow


class Health(Protocol):
    """How healthy accounts have been: a row for as long as it stayed so."""

    def health(self) -> dict[str, HealthRow]:
        """Account -> its health as it was remembered last; of those that are there."""

    def health_bands(self) -> dict[str, str]:
        """Account -> its band as it was remembered last; of those that are there."""

    def put_health(self, rows: Sequence[HealthRow], gone: Collection[str], now: Micros) -> None:
        """Remembers these from `now` on, each in place of its account's last; of accounts that are gone nothing holds any more."""

    def health_at(self, at: Micros) -> dict[str, HealthRow]:
        """Account -> its health as it was then; of those of which something was known."""

    def health_of(self, account_id: str, since: Micros) -> list[HealthRow]:
        """What has been remembered of one account from then on, oldest first, with what held then."""

    def health_began(self) -> Micros | None:
        """When the oldest that is still known was remembered; None when nothing is."""
