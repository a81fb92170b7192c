"""Messages: claimed, settled, held; rates and breakers of the ways out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from cs_engine.instants import Micros
from cs_engine.journey import message
from cs_engine.journey.breaker import Breaker
from cs_engine.journey.rates import Bucket
from cs_engine.ports import Candidate, Claim, Counts, JournalLine, Verdict
from cs_engine.state import breakers, buckets, claims, journal, messages, orders
from cs_engine.state.store.part import Part


class Messages(Part):
    """Each method is one transaction."""

    def skip_left(self, now: Micros) -> Mapping[str, int]:
        with self.database.write() as tx:
            return messages.skip_left(tx, now)

    def claim(
        self,
        wall: Micros,
        delivery_now: Micros,
        now: Micros,
        limit: int,
        holder: str,
        verdict: Verdict,
        channel: str = "",
        counts_at: Micros | None = None,
    ) -> Claim:
        with self.database.write() as tx:
            self._renew(tx)
            return claims.claim(tx, wall, delivery_now, now, limit, holder, verdict, channel, counts_at)

    def held_for(self, *reasons: str) -> list[Candidate]:
        with self.database.read() as tx:
            return claims.held_for(tx, reasons)

    def late_mail(self, playbooks: Collection[str], at: Micros) -> list[Candidate]:
        with self.database.read() as tx:
            return claims.late_mail(tx, playbooks, at)

    def wake(self, ids: Iterable[str], delivery_now: Micros) -> None:
        with self.database.write() as tx:
            messages.wake(tx, list(ids), delivery_now)

    def line_up(self, places: Sequence[tuple[str, Micros]], reason: str) -> None:
        with self.database.write() as tx:
            messages.line_up(tx, places, reason)

    def next_until(self, channels: Collection[str] = ()) -> Micros | None:
        with self.database.read() as tx:
            return messages.next_until(tx, channels)

    def count_held(self, reason: str) -> int:
        with self.database.read() as tx:
            return messages.count_held(tx, reason)

    def count_waiting(self, channel: str, now: Micros) -> int:
        with self.database.read() as tx:
            return messages.count_waiting(tx, channel, now)

    def expired_leases(self, wall: Micros) -> list[Candidate]:
        with self.database.read() as tx:
            return claims.expired(tx, wall)

    def renew(self, wall: Micros, taken: Sequence[tuple[str, int]]) -> set[str]:
        with self.database.write() as tx:
            self._renew(tx)
            return claims.renew(tx, taken, wall + claims.LEASE)

    def settle(self, moves: Sequence[message.Move], now: Micros) -> list[message.Move]:
        with self.database.write() as tx:
            return messages.settle(tx, moves, now)

    def buckets(self, keys: Collection[str]) -> Mapping[str, Bucket]:
        with self.database.write() as tx:
            return buckets.locked(tx, keys)

    def put_buckets(self, spent: Sequence[Bucket]) -> None:
        with self.database.write() as tx:
            buckets.put(tx, spent)

    def breakers(self) -> list[Breaker]:
        with self.database.read() as tx:
            return breakers.all_of(tx)

    def breaker(self, way: str) -> Breaker:
        with self.database.read() as tx:
            return breakers.one(tx, way)

    def move_breaker(self, to: Breaker, alarms: Sequence[message.Alarm] = ()) -> bool:
        with self.database.write() as tx:
            moved = breakers.move(tx, to)
            if moved and alarms:
                orders.sound(tx, alarms)
            return moved

    def uncertain(self) -> list[Candidate]:
        with self.database.read() as tx:
            return claims.uncertain(tx)

    def resolve(self, move: message.Move, line: JournalLine, now: Micros) -> bool:
        with self.database.write() as tx:
            resolved = bool(messages.settle(tx, [move], now))
            journal.append(tx, [line] if resolved else [])
            return resolved

    def counts(self) -> Counts:
        with self.database.read() as tx:
            return messages.counts(tx)
