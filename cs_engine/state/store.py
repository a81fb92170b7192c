"""The store: each method one transaction over the table modules. What goes in and comes out are values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any

from cs_engine.clock import Clock, SystemClock
from cs_engine.instants import Micros, to_micros
from cs_engine.journey import enrolment, message, touch
from cs_engine.journey.aftermath import Aftermath, OfMessage
from cs_engine.journey.approval import Approval
from cs_engine.journey.breaker import Breaker
from cs_engine.journey.cta import DIGEST, OWN, Mark
from cs_engine.journey.edits import Edit
from cs_engine.journey.guards import Tally
from cs_engine.journey.migrate import Migration
from cs_engine.journey.mode import MODE, Reception
from cs_engine.journey.orders import PAUSE, Order, PlaybookFailure
from cs_engine.journey.preference import ERASED, Preference
from cs_engine.journey.provider_event import Received
from cs_engine.journey.rates import Bucket
from cs_engine.journey.step_orders import StepOrder
from cs_engine.journey.workload import Fresh
from cs_engine.ports import (
    AccountRow,
    Answer,
    Applied,
    AskedMessage,
    Candidate,
    Change,
    Claim,
    ContactRow,
    Counts,
    CtaView,
    EditedStep,
    EnrolmentView,
    EnrolRequest,
    Erasure,
    GivenAnswer,
    JournalLine,
    LossCount,
    Mailed,
    MessageView,
    OpenCta,
    OrderedStep,
    PassageAnswer,
    PlaybookState,
    Returned,
    Tick,
    Touched,
    TouchView,
    ValueChange,
    Verdict,
    Whom,
)
from cs_engine.state import answers as _answers
from cs_engine.state import approvals as _approvals
from cs_engine.state import (
    breakers,
    buckets,
    changes,
    claims,
    copying,
    deliveries,
    doctor,
    edits,
    enrolments,
    experiments,
    journal,
    kept,
    messages,
    milestones,
    orders,
    passed_over,
    people,
    persons,
    plans,
    preferences,
    provider_events,
    requests,
    retention,
    spells,
    step_orders,
    suppressions,
    tallies,
    ticks,
    values,
)
from cs_engine.state import ctas as cta
from cs_engine.state import touches as ledger
from cs_engine.state.database import BUSY_SECONDS, Database, Tx
from cs_engine.state.migrations import migrate


def open_store(url: str, clock: Clock | None = None, patience: float = BUSY_SECONDS) -> SqlStore:
    """The store at `url`, its folders made, its schema as it is: call `migrate` next. Raises SettingsError for a URL that cannot be.

    `patience`: seconds that a writer waits for another one on SQLite.
    """
    store = SqlStore(url, clock, patience)
    store.make_folder()
    return store


def copy_store(url: str, target: SqlStore) -> None:
    """Fills the migrated, empty `target` with what is at `url`, where nobody then holds the tick. Nothing at `url` is changed, or made."""
    with closing(Database(url)) as source:
        copying.copy(source, target.database)


class SqlStore:
    """The `Store` of cs_engine.ports on SQLite (`sqlite:///file`, `sqlite://` in memory) or PostgreSQL (`postgresql+psycopg://`)."""

    def __init__(self, url: str, clock: Clock | None = None, patience: float = BUSY_SECONDS) -> None:
        """`clock` is real wall time, which leases run by."""
        self.database = Database(url, patience)
        """For this package alone."""
        self._clock = clock or SystemClock()
        self._holds: tuple[str, Micros] | None = None
        """The holder of the tick that this store began, and when its lease is to be renewed."""

    def make_folder(self) -> None:
        self.database.make_folder()

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> SqlStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def migrate(self) -> None:
        migrate(self.database)

    def doctor_facts(self) -> doctor.DoctorFacts:
        """What `cs-engine doctor` says of the database."""
        with self.database.read() as tx:
            return doctor.facts(tx)

    # --- ticks

    def begin_tick(self, now: Micros, holder: str) -> Tick:
        wall = self._wall()
        with self.database.write() as tx:
            tick = ticks.begin(tx, now, holder, wall)
        self._holds = (holder, wall + ticks.LEASE // 4)
        return tick

    def end_tick(self, now: Micros, holder: str, next_due: Mapping[str, Micros]) -> None:
        self._holds = None
        with self.database.write() as tx:
            ticks.end(tx, now, holder, self._wall())
            plans.set_due(tx, next_due)
            edits.drop_used(tx)

    def release_tick(self, holder: str) -> None:
        self._holds = None
        with self.database.write() as tx:
            ticks.release(tx, holder)

    def last_tick(self) -> Micros | None:
        with self.database.read() as tx:
            return ticks.last(tx)

    def ticks_before(self, now: Micros, limit: int) -> list[Micros]:
        with self.database.read() as tx:
            return ticks.before(tx, now, limit)

    # --- people, plans

    def put_people(self, accounts: Sequence[AccountRow], contacts: Sequence[ContactRow], usage_set: str = "") -> None:
        with self.database.write() as tx:
            people.replace(tx, accounts, contacts, usage_set)

    def people_from(self) -> str:
        with self.database.read() as tx:
            return people.source(tx)

    def known_contacts(self, account_id: str) -> list[str] | None:
        with self.database.read() as tx:
            return people.contacts_of(tx, account_id)

    def playbooks(self) -> dict[str, PlaybookState]:
        with self.database.read() as tx:
            return plans.playbooks(tx)

    def register_plan(self, playbook: str, digest: str, bundle: str, now: Micros) -> None:
        with self.database.write() as tx:
            plans.register(tx, playbook, digest, bundle, now)

    def bundle(self, digest: str) -> str:
        with self.database.read() as tx:
            return plans.bundle(tx, digest)

    def versions(self, playbook: str) -> list[str]:
        with self.database.read() as tx:
            return plans.versions(tx, playbook)

    # --- enrolments

    def occupied(self) -> list[tuple[str, str, int]]:
        with self.database.read() as tx:
            return enrolments.occupied(tx)

    def standing(self, playbook: str, digest: str, before: Micros) -> list[enrolment.Standing]:
        with self.database.read() as tx:
            return enrolments.standing(tx, playbook, digest, before)

    def passages(self, playbook: str) -> list[enrolment.Passage]:
        with self.database.read() as tx:
            return enrolments.passages(tx, playbook)

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

    def migrate_people(
        self, moves: Sequence[Migration], ended: Sequence[enrolment.Move], lines: Sequence[JournalLine], now: Micros
    ) -> None:
        with self.database.write() as tx:
            enrolments.migrate(tx, moves)
            enrolments.move(tx, ended, now)
            journal.append(tx, lines)

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

    def put_answers(self, answers: Sequence[Answer], lines: Sequence[JournalLine], notes: Sequence[message.Alarm] = ()) -> int:
        with self.database.write() as tx:
            kept = _answers.put(tx, answers, lines)
            if kept:
                orders.sound(tx, notes)
            return kept

    def answers(self, playbooks: Collection[str], until: Micros) -> list[GivenAnswer]:
        with self.database.read() as tx:
            return _answers.standing(tx, playbooks, until)

    def answers_in(self, enrolments: Collection[str], until: Micros) -> list[PassageAnswer]:
        with self.database.read() as tx:
            return _answers.of_passages(tx, enrolments, until)

    def asked(self, message_id: str) -> AskedMessage | None:
        with self.database.read() as tx:
            return _answers.asked(tx, message_id)

    def contacts_of(self, account_id: str) -> list[tuple[str, str]]:
        with self.database.read() as tx:
            return _answers.contacts_of(tx, account_id)

    # --- the ledger

    def log_touches(self, touches: Sequence[touch.Touch], reactions: Sequence[touch.Reaction] = ()) -> int:
        with self.database.write() as tx:
            return ledger.log(tx, touches, reactions)

    def react(self, reactions: Sequence[touch.Reaction]) -> None:
        with self.database.write() as tx:
            ledger.react(tx, reactions)

    def touched(self, since: Micros, before: Micros) -> Touched:
        with self.database.read() as tx:
            return ledger.touched(tx, since, before)

    def touches_of(self, account_id: str, since: Micros) -> list[TouchView]:
        with self.database.read() as tx:
            return ledger.of_account(tx, account_id, since)

    def last_playbooks(self, contacts: Collection[str]) -> dict[str, str]:
        with self.database.read() as tx:
            return ledger.last_playbooks(tx, contacts)

    def lost(self) -> set[str]:
        with self.database.read() as tx:
            return ledger.lost(tx)

    def put_lost(self, losses: Sequence[touch.Loss], regained: Collection[str], now: Micros, lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            ledger.put_lost(tx, losses, regained, now)
            journal.append(tx, lines)

    def loss_counts(self) -> list[LossCount]:
        with self.database.read() as tx:
            return ledger.loss_counts(tx)

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

    # --- orders

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

    # --- milestones

    def milestones(self) -> dict[str, tuple[list[str], list[Micros]]]:
        with self.database.read() as tx:
            return milestones.reached(tx)

    def known_milestones(self) -> set[str]:
        with self.database.read() as tx:
            return milestones.known(tx)

    def history(self, milestone: str) -> list[str]:
        with self.database.read() as tx:
            return milestones.history(tx, milestone)

    def latch(self, milestone: str, accounts: Sequence[str], now: Micros, history: bool, journal: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            milestones.latch(tx, milestone, accounts, now, history, journal)

    # --- delivery

    def emails_since(self, since: Micros, before: Micros) -> tuple[list[str], list[str], list[int]]:
        with self.database.read() as tx:
            return messages.emails_since(tx, since, before)

    def skip_left(self, now: Micros) -> Mapping[str, int]:
        with self.database.write() as tx:
            return messages.skip_left(tx, now)

    def claim(self, wall: Micros, delivery_now: Micros, now: Micros, limit: int, holder: str, verdict: Verdict, channel: str = "") -> Claim:
        with self.database.write() as tx:
            self._renew(tx)
            return claims.claim(tx, wall, delivery_now, now, limit, holder, verdict, channel)

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

    # --- rates and breakers of the ways out

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

    # --- mails that are read first

    def unread(self) -> list[Candidate]:
        with self.database.read() as tx:
            return claims.unread(tx)

    def ask_approval(self, asked: Sequence[Approval], alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            _approvals.ask(tx, asked, alarms, lines)

    def approvals(self, ids: Collection[str]) -> Mapping[str, Approval]:
        with self.database.read() as tx:
            return _approvals.of(tx, ids)

    def approvals_of(self, enrolments: Collection[str]) -> list[Approval]:
        with self.database.read() as tx:
            return _approvals.of_passages(tx, enrolments)

    def approvals_waiting(self) -> list[Approval]:
        with self.database.read() as tx:
            return _approvals.waiting(tx)

    def escalate_approval(self, ids: Collection[str], at: Micros, alarms: Sequence[message.Alarm], lines: Sequence[JournalLine]) -> None:
        with self.database.write() as tx:
            _approvals.escalate(tx, ids, at, alarms, lines)

    def answer_approval(self, given: Approval, line: JournalLine) -> bool:
        with self.database.write() as tx:
            return _approvals.answer(tx, given, line)

    # --- CTAs, suppressions

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

    def suppress(self, email_hash: str, reason: str, at: Micros) -> bool:
        with self.database.write() as tx:
            preferences.before_claims(tx)
            return suppressions.add(tx, email_hash, reason, at)

    def suppressed(self) -> set[str]:
        with self.database.read() as tx:
            return suppressions.all_hashes(tx)

    def suppressed_contacts(self) -> set[str]:
        with self.database.read() as tx:
            return suppressions.contacts(tx)

    def suppress_alike(self, pairs: Iterable[tuple[str, str]]) -> None:
        with self.database.write() as tx:
            known = list(pairs)
            suppressions.add_alike(tx, known)
            preferences.add_alike(tx, known)

    # --- what people want

    def set_preference(self, email_hash: str, topic: str, wanted: bool, source: str, at: Micros) -> bool:
        return self.set_preferences([Preference(email_hash, topic, wanted, source, at)]) == 1

    def set_preferences(self, given: Sequence[Preference]) -> int:
        with self.database.write() as tx:
            return preferences.put(tx, given)

    def preferences(self, hashes: Collection[str]) -> list[Preference]:
        with self.database.read() as tx:
            return preferences.of(tx, hashes)

    def consents(self, hashes: Collection[str]) -> list[Preference]:
        with self.database.read() as tx:
            return preferences.history(tx, hashes)

    def mailed(self, message_id: str) -> Mailed | None:
        with self.database.read() as tx:
            return preferences.mailed(tx, message_id)

    def unsuppress(self, hashes: Collection[str]) -> list[tuple[str, Micros]]:
        with self.database.write() as tx:
            return suppressions.drop(tx, hashes)

    # --- the rights of a person

    def contacts_known(self, id: str, hashes: Collection[str]) -> list[tuple[str, str]]:
        with self.database.read() as tx:
            return persons.contacts(tx, id, hashes)

    def held(self, whom: Whom) -> dict[str, list[dict[str, Any]]]:
        with self.database.read() as tx:
            return persons.held(tx, whom)

    def erase(self, whom: Whom, at: Micros) -> Erasure:
        with self.database.write() as tx:
            return persons.erase(tx, whom, at)

    def erased(self) -> set[str]:
        with self.database.read() as tx:
            return suppressions.all_hashes(tx, ERASED)

    def preferring(self) -> set[str]:
        with self.database.read() as tx:
            return preferences.hashes(tx)

    # --- what mail providers tell

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

    # --- what is old goes

    def forget_journal(self, before: Micros, limit: int) -> int:
        with self.database.write() as tx:
            self._renew(tx)
            return retention.journal(tx, before, limit) + retention.orders(tx, before)

    def forget_changes(self, before: Micros, needed: Mapping[str, Micros]) -> int:
        with self.database.write() as tx:
            return retention.changes(tx, before, needed) + retention.spells(tx, before)

    # --- for people who ask why

    def journal(self, account_id: str, playbook: str, limit: int = 200) -> list[JournalLine]:
        with self.database.read() as tx:
            return journal.latest(tx, account_id, playbook, limit)

    def journal_of(
        self, playbook: str, accounts: Collection[str], enrolments: Collection[str], events: Collection[str]
    ) -> list[JournalLine]:
        with self.database.read() as tx:
            return journal.of(tx, playbook, accounts, enrolments, events)

    def pauses_of(self, account_id: str, playbook: str, until: Micros) -> list[JournalLine]:
        with self.database.read() as tx:
            return journal.pauses(tx, account_id, playbook, until)

    def enrolments_of(self, account_id: str, playbook: str) -> list[EnrolmentView]:
        with self.database.read() as tx:
            return enrolments.of_account(tx, account_id, playbook)

    def messages_of(self, account_id: str, playbook: str) -> list[MessageView]:
        with self.database.read() as tx:
            return messages.of_account(tx, account_id, playbook)

    def _renew(self, tx: Tx) -> None:
        # A long tick says now and then that it lives, with what it writes anyway.
        if self._holds is None:
            return
        holder, due = self._holds
        wall = self._wall()
        if wall >= due:
            ticks.renew(tx, holder, wall)
            self._holds = (holder, wall + ticks.LEASE // 4)

    def _wall(self) -> Micros:
        return to_micros(self._clock.now())


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
