"""Passages: enrolments and what belongs to one: values kept, requests, orders for steps, edits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from cs_engine.instants import Micros
from cs_engine.journey import enrolment
from cs_engine.journey.edits import Edit
from cs_engine.journey.step_orders import StepOrder
from cs_engine.ports import Change, EditedStep, EnrolRequest, JournalLine, OrderedStep, ValueChange
from cs_engine.state import (
    changes,
    edits,
    enrolments,
    experiments,
    journal,
    kept,
    messages,
    orders,
    passed_over,
    requests,
    spells,
    step_orders,
    tallies,
    values,
)
from cs_engine.state import ctas as cta
from cs_engine.state.store.part import Part


class Passages(Part):
    """Each method is one transaction."""

    def standing(self, playbook: str, digest: str, before: Micros) -> list[enrolment.Standing]:
        with self.database.read() as tx:
            return enrolments.standing(tx, playbook, digest, before)

    def with_mail(
        self, playbooks: Collection[str], until: Micros, before: Micros, waking: Collection[str] = ()
    ) -> list[tuple[str, enrolment.Standing]]:
        with self.database.read() as tx:
            return enrolments.with_mail(tx, playbooks, until, before, waking)

    def passages(self, playbook: str) -> list[enrolment.Passage]:
        with self.database.read() as tx:
            return enrolments.passages(tx, playbook)

    def moved(self, playbook: str) -> set[tuple[str, str, int]]:
        with self.database.read() as tx:
            return enrolments.moved(tx, playbook)

    def rearm(self, ids: Iterable[str]) -> None:
        with self.database.write() as tx:
            enrolments.rearm(tx, ids)

    def passed_over(self, playbook: str) -> set[tuple[str, str]]:
        with self.database.read() as tx:
            return passed_over.of(tx, playbook)

    def put_passed_over(self, playbook: str, add: Iterable[tuple[str, str]], drop: Iterable[tuple[str, str]]) -> None:
        with self.database.write() as tx:
            passed_over.put(tx, playbook, add, drop)

    def commit(self, change: Change, now: Micros) -> None:
        with self.database.write() as tx:
            self._renew(tx)
            there = enrolments.enrol(tx, change.enrolments, now)
            change = _without(change, there) if there else change
            enrolments.move(tx, change.moves, now)
            messages.plan(tx, change.messages)
            cta.fire(tx, change.ctas)
            experiments.assign(tx, change.assignments)
            values.put(tx, change.values)
            requests.put(tx, change.requests)
            tallies.add(tx, change.tallies)
            kept.put(tx, change.kept)
            if change.notes:
                orders.sound(tx, change.notes)
            journal.append(tx, change.journal)

    def kept(self, enrolments: Collection[str]) -> dict[str, str]:
        with self.database.read() as tx:
            return kept.of(tx, enrolments)

    def set_timers(self, timers: Sequence[enrolment.Timer], lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            enrolments.set_timers(tx, timers)
            journal.append(tx, lines)

    def see(self, name: str, values: Mapping[str, str], at: Micros) -> int:
        with self.database.write() as tx:
            return changes.see(tx, name, values, at)

    def changes(self, name: str, after: Micros, until: Micros) -> list[ValueChange]:
        with self.database.read() as tx:
            return changes.since(tx, name, after, until)

    def see_spells(self, holding: Mapping[str, Collection[str]], at: Micros) -> None:
        if not holding:
            with self.database.read() as tx:
                if not spells.any_open(tx):
                    return
        with self.database.write() as tx:
            spells.see(tx, holding, at)

    def spells(self, names: Collection[str], at: Micros) -> dict[str, tuple[list[str], list[Micros]]]:
        with self.database.read() as tx:
            return spells.standing(tx, names, at)

    def request(self, given: Sequence[EnrolRequest]) -> None:
        with self.database.write() as tx:
            requests.put(tx, given)

    def order_steps(self, given: Sequence[OrderedStep], now: Micros) -> list[bool]:
        with self.database.write() as tx:
            return [step_orders.give(tx, one, now) for one in given]

    def step_orders(self) -> list[StepOrder]:
        with self.database.read() as tx:
            return step_orders.of_active(tx)

    def step_orders_of(self, account_id: str, playbook: str) -> list[StepOrder]:
        with self.database.read() as tx:
            return step_orders.of_account(tx, account_id, playbook)

    def edit_step(self, given: EditedStep, now: Micros) -> bool:
        with self.database.write() as tx:
            return edits.give(tx, given, now)

    def take_back_edit(self, given: EditedStep, now: Micros) -> bool:
        with self.database.write() as tx:
            return edits.take_back(tx, given, now)

    def edits(self, enrolments: Collection[str]) -> list[Edit]:
        with self.database.read() as tx:
            return edits.of_claimed(tx, enrolments)

    def edits_of(self, account_id: str, playbook: str) -> list[Edit]:
        with self.database.read() as tx:
            return edits.of_account(tx, account_id, playbook)

    def requests(self, playbook: str) -> dict[str, str]:
        with self.database.read() as tx:
            return requests.of(tx, playbook)

    def drop_requests(self, playbook: str, subjects: Collection[str], lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            requests.drop(tx, playbook, subjects)
            journal.append(tx, lines)

    def values(self, until: Micros | None = None) -> dict[str, tuple[list[str], list[Any]]]:
        with self.database.read() as tx:
            return values.every(tx, until)

    def assigned(self, experiment: str) -> dict[str, str]:
        with self.database.read() as tx:
            return experiments.assigned(tx, experiment)

    def holdouts(self) -> dict[str, float]:
        with self.database.read() as tx:
            return experiments.holdouts(tx)

    def put_holdout(self, playbook: str, share: float) -> None:
        with self.database.write() as tx:
            experiments.put_holdout(tx, playbook, share)


def _without(change: Change, enrolments_there: set[str]) -> Change:
    """The change without what hangs on enrolments that a twin began before: its decision stands."""
    return Change(
        (),
        [m for m in change.moves if m.id not in enrolments_there],
        [m for m in change.messages if m.enrolment_id not in enrolments_there],
        [c for c in change.ctas if c.enrolment_id not in enrolments_there],
        [line for line in change.journal if line.enrolment_id not in enrolments_there],
        change.assignments,
        change.values,
        change.requests,
        change.tallies,
        kept=[k for k in change.kept if k.enrolment_id not in enrolments_there],
        notes=change.notes,
    )
