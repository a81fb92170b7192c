"""What stands about a playbook beside its plan, until somebody takes it back: that it is paused, by whom and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import NamedTuple

from cs_engine.instants import Micros

PAUSE = "pause"
FAILURES = "failures"
"""The kind of an order that nobody gave: how often the playbook has failed lately, as `value`."""

EXISTING = "existing"
"""The kind of the order that says what becomes, at a playbook's first run, of those who match already: skip | include, its value."""

PERSON = "person"
"""Who pauses: a person, or one of the reasons for which a playbook stops itself."""
FAILING = "failures"

PAUSED = "paused"
"""Why a message waits whose playbook, or account in it, is paused."""
RESUMED = "resumed"
"""Why a message waits that was let go by a resume, and has a place in the line."""

MOST_FAILURES = 10
"""So many failures within `FAILURE_SPAN` switch a playbook off. A failure is a step that raised in a tick, or a message of it that could
not be made, whatever the vendor would have said to it.
"""
FAILURE_SPAN: Micros = timedelta(hours=24) // timedelta(microseconds=1)

LONGEST_LINE: Micros = timedelta(hours=24) // timedelta(microseconds=1)
"""Within this all that a resume let go has had its turn."""


class Order(NamedTuple):
    """One order. There is one of each kind about a playbook, or about an account in it."""

    playbook: str
    account_id: str
    """'' for the whole playbook."""
    kind: str
    at: Micros
    by: str
    reason: str
    value: str = ""


class PlaybookFailure(NamedTuple):
    """A playbook failed `n` times in one tick, at that step, for that reason."""

    playbook: str
    at: Micros
    step: str
    what: str
    """step: it raised, once however often the tick is run; message: so many could not be made."""
    reason: str
    """A slug, or the name of an exception, without data."""
    n: int


class Orders:
    """What stands as a tick begins, and what comes to it in the tick."""

    def __init__(self, given: Iterable[Order] = ()) -> None:
        self._pauses: dict[str, dict[str, Order]] = defaultdict(dict)
        self._existing: dict[str, str] = {}
        self._unshadowed: dict[str, Micros] = {}
        self._modes: dict[str, Order] = {}
        self._failures: Counter[str] = Counter()
        for order in given:
            self.add(order)

    def add(self, order: Order) -> None:
        match order.kind:
            case "pause":
                self._pauses[order.playbook][order.account_id] = order
            case "unshadowed":
                self._unshadowed[order.playbook] = order.at
            case "existing":
                self._existing[order.playbook] = order.value
            case "mode":
                self._modes[order.playbook] = order
            case "failures":
                self._failures[order.playbook] += int(order.value)

    def pause(self, playbook: str, account: str = "") -> Order | None:
        """The pause of the whole playbook, or of that account in it; None when neither is paused."""
        here = self._pauses.get(playbook)
        return None if here is None else here.get("") or here.get(account)

    def paused_accounts(self, playbook: str) -> list[str]:
        """Accounts that are paused one by one."""
        return sorted(account for account in self._pauses.get(playbook, ()) if account)

    def existing(self, playbook: str) -> str:
        """What was said of those who match a playbook already at its first run: skip | include, or '' for nothing."""
        return self._existing.get(playbook, "")

    def unshadowed(self, playbook: str) -> Micros | None:
        """Since when it is not in shadow any more; None when it never was, or is."""
        return self._unshadowed.get(playbook)

    def mode(self, playbook: str) -> Order | None:
        """Since when it is in which mode; None of what was always live."""
        return self._modes.get(playbook)

    def failed(self, failure: PlaybookFailure) -> bool:
        """Counts it; whether the playbook is to be switched off now."""
        self._failures[failure.playbook] += failure.n
        return self._failures[failure.playbook] >= MOST_FAILURES and self.pause(failure.playbook) is None

    def failures(self, playbook: str) -> int:
        """Of the last 24 hours."""
        return self._failures[playbook]


def line_up(planned_at: Sequence[Micros], now: Micros) -> list[Micros]:
    """When each of these messages goes that have waited since they were planned: evenly spaced, the first at once, over as long as the
    oldest has waited, and a day at most. In the order given.
    """
    if not planned_at:
        return []
    span = min(now - min(planned_at), LONGEST_LINE)
    return [now + span * place // len(planned_at) for place in range(len(planned_at))]
