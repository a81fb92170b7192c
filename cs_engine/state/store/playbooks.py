"""Playbooks: their plans and versions, standing orders, control groups, tallies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cs_engine.instants import Micros
from cs_engine.journey import enrolment, message
from cs_engine.journey.guards import Tally
from cs_engine.journey.migrate import Migration
from cs_engine.journey.mode import MODE, Reception
from cs_engine.journey.orders import PAUSE, Order, PlaybookFailure
from cs_engine.ports import JournalLine, PlaybookState
from cs_engine.state import enrolments, journal, orders, plans, tallies
from cs_engine.state.store.part import Part


class Playbooks(Part):
    """Each method is one transaction."""

    def playbooks(self) -> dict[str, PlaybookState]:
        with self.database.read() as tx:
            return plans.playbooks(tx)

    def register_plan(self, playbook: str, digest: str, bundle: str, now: Micros) -> None:
        with self.database.write() as tx:
            plans.register(tx, playbook, digest, bundle, now)

    def bundle(self, digest: str) -> str:
        with self.database.read() as tx:
            return plans.bundle(tx, digest)

    def occupied(self) -> list[tuple[str, str, int]]:
        with self.database.read() as tx:
            return enrolments.occupied(tx)

    def migrate_people(
        self, moves: Sequence[Migration], ended: Sequence[enrolment.Move], lines: Sequence[JournalLine], now: Micros
    ) -> None:
        with self.database.write() as tx:
            enrolments.migrate(tx, moves)
            enrolments.move(tx, ended, now)
            journal.append(tx, lines)

    def orders(self, at: Micros) -> list[Order]:
        with self.database.read() as tx:
            return orders.standing(tx, at)

    def order(
        self,
        put: Sequence[Order] = (),
        drop: Sequence[tuple[str, str, str]] = (),
        lines: Sequence[JournalLine] = (),
        alarms: Sequence[message.Alarm] = (),
    ) -> None:
        with self.database.write() as tx:
            orders.drop(tx, drop)
            for playbook, account, kind in drop:
                if kind == PAUSE and not account:
                    orders.forget_failures(tx, playbook)
                    orders.drop(tx, [(playbook, "", MODE)] if orders.is_partial(tx, playbook) else [])
            orders.put(tx, put)
            orders.sound(tx, alarms)
            journal.append(tx, lines)

    def receptions(self) -> list[Reception]:
        with self.database.read() as tx:
            return orders.receptions(tx)

    def tallies(self) -> list[Tally]:
        with self.database.read() as tx:
            return tallies.all_kept(tx)

    def fail(self, failures: Sequence[PlaybookFailure]) -> None:
        with self.database.write() as tx:
            orders.fail(tx, failures)

    def alarm_texts(self, ids: Collection[str]) -> Mapping[str, str]:
        with self.database.read() as tx:
            return orders.texts(tx, ids)
