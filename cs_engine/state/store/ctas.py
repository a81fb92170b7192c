"""Calls to action."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cs_engine.instants import Micros
from cs_engine.journey import message
from cs_engine.journey.cta import DIGEST, OWN, Mark
from cs_engine.journey.workload import Fresh
from cs_engine.ports import CtaView, JournalLine, OpenCta
from cs_engine.state import ctas as cta
from cs_engine.state import journal, messages, orders
from cs_engine.state.store.part import Part


class Ctas(Part):
    """Each method is one transaction."""

    def open_ctas(self) -> list[OpenCta]:
        with self.database.read() as tx:
            return cta.opened(tx)

    def ctas_open_before(self, now: Micros) -> Mapping[str, int]:
        with self.database.read() as tx:
            return cta.open_before(tx, now)

    def close_ctas(
        self,
        closing: Sequence[tuple[str, str]],
        now: Micros,
        telling: Sequence[message.NewMessage] = (),
        notes: Sequence[message.Alarm] = (),
    ) -> None:
        with self.database.write() as tx:
            messages.plan(tx, telling)
            cta.close(tx, closing, now)
            orders.sound(tx, notes)

    def cta_told_by(self, message_id: str) -> CtaView | None:
        with self.database.read() as tx:
            return cta.told_by(tx, message_id)

    def end_cta(self, view: CtaView, reason: str, by: str, now: Micros, telling: str, note: message.Alarm) -> bool:
        with self.database.write() as tx:
            if not cta.close(tx, [(view.id, reason)], now, by):
                return False
            cta.show_again(tx, view, telling, now)
            orders.sound(tx, [note] if view.provider_ref else [])
            return True

    def snooze_cta(self, view: CtaView, until: Micros, line: JournalLine, telling: str, note: message.Alarm) -> bool:
        with self.database.write() as tx:
            if not cta.snooze(tx, view, until):
                return False
            journal.append(tx, [line])
            cta.show_again(tx, view, telling, line.at)
            orders.sound(tx, [note] if view.provider_ref else [])
            return True

    def wake_ctas(
        self, ids: Collection[str], now: Micros, lines: Sequence[JournalLine], notes: Sequence[message.Alarm],
        telling: Sequence[message.NewMessage] = (),
    ) -> None:  # fmt: skip
        with self.database.write() as tx:
            cta.wake(tx, ids, now)
            journal.append(tx, lines)
            messages.plan(tx, telling)
            orders.sound(tx, notes)

    def escalate_ctas(self, ids: Collection[str], at: Micros, alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            cta.escalate(tx, ids, at)
            journal.append(tx, lines)
            orders.sound(tx, alarms)

    def mark_cta(self, marks: Sequence[Mark], lines: Sequence[JournalLine]) -> int:
        with self.database.write() as tx:
            fresh = {mark[:4] for mark in cta.mark(tx, marks)}
            journal.append(tx, [line for mark, line in zip(marks, lines, strict=True) if mark[:4] in fresh])
            return len(fresh)

    def fresh_ctas(self, delivery_now: Micros) -> list[Fresh]:
        with self.database.read() as tx:
            return cta.fresh(tx, delivery_now)

    def minutes_told(self, since: Micros) -> list[tuple[str, Micros, int]]:
        with self.database.read() as tx:
            return cta.minutes_told(tx, since)

    def allot_ctas(self, own: Collection[str], digest: Collection[str], moves: Sequence[message.Move], now: Micros) -> list[message.Move]:
        with self.database.write() as tx:
            cta.tell(tx, own, OWN, now)
            cta.tell(tx, digest, DIGEST, now)
            return messages.settle(tx, moves, now)

    def cta_marks(self, ids: Collection[str]) -> list[Mark]:
        with self.database.read() as tx:
            return cta.marks(tx, ids)

    def ctas(self, ids: Collection[str]) -> Mapping[str, CtaView]:
        with self.database.read() as tx:
            return cta.of(tx, ids)
