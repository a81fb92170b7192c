"""What mail providers tell."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from cs_engine.instants import Micros
from cs_engine.journey import message
from cs_engine.journey.aftermath import Aftermath, OfMessage
from cs_engine.journey.provider_event import Received
from cs_engine.ports import Applied, Returned
from cs_engine.state import deliveries, enrolments, messages, orders, provider_events
from cs_engine.state.store.part import Part


class ProviderEvents(Part):
    """Each method is one transaction."""

    def receive(self, events: Sequence[Received]) -> int:
        with self.database.write() as tx:
            return provider_events.receive(tx, events, self._wall())

    def apply_events(self, limit: int, decide: Callable[[Iterable[OfMessage]], Aftermath], now: Micros) -> Applied:
        with self.database.read() as tx:
            if not provider_events.any_waiting(tx):
                return Applied(0, 0)
        with self.database.write() as tx:
            self._renew(tx)
            return provider_events.apply(tx, limit, decide, now)

    def returned(self) -> list[Returned]:
        with self.database.read() as tx:
            return deliveries.returned(tx)

    def see_to_returned(
        self, ids: Collection[str], instead: Sequence[message.NewMessage], alarms: Sequence[message.Alarm], now: Micros
    ) -> None:
        with self.database.write() as tx:
            messages.plan(tx, instead)
            enrolments.reopen_steps(tx, [new.enrolment_id for new in instead])
            orders.sound(tx, alarms)
            deliveries.see_to(tx, ids, now)

    def last_event(self) -> Micros | None:
        with self.database.read() as tx:
            return provider_events.last(tx)
