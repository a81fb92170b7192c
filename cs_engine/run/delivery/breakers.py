"""Whether a vendor is given a rest: asked before each claim, told what became of each batch, and of its opening the owner once."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.instants import Micros, from_micros, to_micros
from cs_engine.journey import breaker as moves
from cs_engine.journey.breaker import Breaker, State
from cs_engine.ports import Outcome
from cs_engine.run.context import TickContext
from cs_engine.run.delivery.alarms import alarm

GUARDED = frozenset({"sendgrid", "smtp", "slack"})
"""Ways out to one vendor. Webhooks go to many, of which none may stop the others; the mailbox is a folder."""
_NO_FAILURES = frozenset({"rate_limited", "paced", "slow", "lease_over", "forbidden"})
"""Limits, and what hangs on the message's sender."""
_MOST_RACES = 5


class Guard:
    """The breaker of one channel's vendor, in one tick."""

    def __init__(self, tick: TickContext, channel: str) -> None:
        self._tick, self._way = tick, tick.engine.outbox.vendor(channel)
        self._guards = self._way in GUARDED
        self.probes = False
        """Whether the next message only tries whether the vendor is back."""

    def rests(self) -> str:
        """'' when something may be claimed now; else what the report says. Of all who come when a rest is over, one probes."""
        if not self._guards:
            return ""
        store, now = self._tick.engine.store, self._now()
        breaker = store.breaker(self._way)
        self.probes = False
        if breaker.state is State.CLOSED:
            return ""
        if moves.may_be_tried(breaker, now) and store.move_breaker(moves.probing(breaker, now)):
            self.probes = True
            return ""
        return f"delivery: {self._way} is given a rest until {from_micros(breaker.until):%H:%M}Z ({breaker.reason}); its messages wait"

    def learned(self, sent: Sequence[Outcome]) -> None:
        """What became of a batch. Of a probe that did not come to be sent nobody learned anything: the next may try."""
        failures = [outcome.code for outcome in sent if _failed(outcome)]
        answered = sum(1 for outcome in sent if outcome.kind in ("accepted", "rejected") or outcome.code == "rate_limited")
        if self.probes and not (failures or answered):
            self._unused()
        if not self._guards or not (failures or answered):
            return
        store = self._tick.engine.store
        for _ in range(_MOST_RACES):
            was = store.breaker(self._way)
            now = moves.learned(was, len(failures), answered, failures[-1] if failures else "", self._now())
            if now == was:
                return
            told = (
                [alarm(self._tick, "", f"breaker {self._way}", _text(now))] if was.state is State.CLOSED and now.state is State.OPEN else []
            )
            if store.move_breaker(now, told):
                return

    def _unused(self) -> None:
        breaker = self._tick.engine.store.breaker(self._way)
        if breaker.state is State.HALF_OPEN:
            self._tick.engine.store.move_breaker(moves.untried(breaker, self._now()))

    def _now(self) -> Micros:
        return to_micros(self._tick.clock.now())


def told(breaker: Breaker) -> str:
    """An open one, for people."""
    since, until = (f"{from_micros(at):%Y-%m-%d %H:%M}Z" for at in (breaker.since, breaker.until))
    return f"{breaker.way} fails since {since} ({breaker.reason}): nothing is sent; tried again at {until}"


def _text(breaker: Breaker) -> str:
    return f":rotating_light: {told(breaker)}.\nIts messages wait, and go when it is back. `cs-engine doctor` shows how it stands."


def _failed(outcome: Outcome) -> bool:
    return outcome.kind == "uncertain" or (outcome.kind == "retry" and outcome.blameless and outcome.code not in _NO_FAILURES)
