"""The store's contract: how messages end, and what their ends do."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

import pytest

from cs_engine.journey import enrolment, message
from cs_engine.journey.caps import History
from cs_engine.journey.message import State
from cs_engine.ports import Candidate, Change, Counts
from cs_engine.state import SqlStore, messages
from tests.contracts.state_rows import (
    DAY,
    HERE,
    MINUTE,
    NOW,
    PLAYBOOK,
    alert,
    claimed,
    entered,
    events,
    fired,
    mail,
    passage,
    standing,
    states,
)

LATER = NOW + DAY


@pytest.fixture
def on_its_way(store: SqlStore) -> SqlStore:
    """One passage, its mail dispatching."""
    store.commit(entered("1"), NOW)
    claimed(store)
    return store


def test_an_accepted_message_ends_its_step_at_the_ticks_now(on_its_way: SqlStore) -> None:
    assert [move.id for move in on_its_way.settle([message.accepted("msg_1", "sg-17")], LATER)] == ["msg_1"]
    (view,) = on_its_way.messages_of("acc_1", PLAYBOOK)
    assert (view.state, view.settled_at) == ("accepted", LATER)
    assert standing(on_its_way).step_ended_at == LATER
    assert events(on_its_way)[-1] == ("accepted", "")


def test_a_rejection_keeps_its_code(on_its_way: SqlStore) -> None:
    on_its_way.settle([message.rejected("msg_1", "550")], LATER)
    assert events(on_its_way)[-1] == ("rejected", "550")
    assert standing(on_its_way).step_ended_at == LATER


def test_what_a_twin_settled_is_not_settled_again(on_its_way: SqlStore, another: Callable[[], SqlStore]) -> None:
    on_its_way.settle([message.accepted("msg_1", "sg-17")], NOW)
    assert another().settle([message.lost_sight("msg_1", "timeout")], LATER) == []
    assert states(on_its_way) == {"msg_1": "accepted"}
    assert events(on_its_way) == [("entered", ""), ("accepted", "")]
    assert standing(on_its_way).step_ended_at == NOW


def test_the_others_are_settled_when_one_guard_fails(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    claimed(store, limit=1)
    moves = [message.accepted(f"msg_{n}", "x") for n in (1, 2, 3)]
    assert [move.id for move in store.settle([*moves, moves[0]], LATER)] == ["msg_1"]
    assert store.counts() == Counts(planned=2, accepted=1, skipped=0, rejected=0, uncertain=0, held=0, pending=1)


def test_a_retry_is_planned_again_for_later_and_counts_its_attempts(on_its_way: SqlStore) -> None:
    on_its_way.settle([message.retried("msg_1", "429", NOW + MINUTE)], NOW)
    assert on_its_way.next_until() == NOW + MINUTE
    assert claimed(on_its_way).dispatching == []
    (again,) = claimed(on_its_way, now=NOW + MINUTE).dispatching
    assert again.attempts == 2
    assert standing(on_its_way).step_ended_at is None
    assert events(on_its_way)[-1] == ("retried", "429")


def test_an_attempt_that_failed_by_the_channels_fault_does_not_count(on_its_way: SqlStore) -> None:
    on_its_way.settle([message.retried("msg_1", "auth", NOW + MINUTE, counts=False)], NOW)
    (again,) = claimed(on_its_way, now=NOW + MINUTE).dispatching
    assert again.attempts == 1


def test_an_uncertain_message_holds_its_step_until_it_is_resolved(on_its_way: SqlStore) -> None:
    on_its_way.settle([message.lost_sight("msg_1", "timeout")], NOW)
    assert standing(on_its_way).step_ended_at is None
    (doubtful,) = on_its_way.uncertain()
    assert (doubtful.id, doubtful.state, doubtful.moved_at, doubtful.attempts) == ("msg_1", State.UNCERTAIN, NOW, 1)
    assert on_its_way.expired_leases(NOW + DAY) == []
    on_its_way.settle([message.resolved("msg_1", State.ACCEPTED, "found", "sg-17")], LATER)
    assert standing(on_its_way).step_ended_at == LATER
    assert on_its_way.uncertain() == []


def test_an_uncertain_message_that_never_left_is_planned_again(on_its_way: SqlStore) -> None:
    on_its_way.settle([message.lost_sight("msg_1", "timeout")], NOW)
    on_its_way.settle([message.resolved("msg_1", State.PLANNED, "never_left")], LATER)
    assert [c.attempts for c in claimed(on_its_way, now=LATER).dispatching] == [2]


def test_a_step_ends_with_the_last_of_its_messages(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [mail("msg_1"), mail("msg_2", recipient="con_b")]), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "a")], NOW)
    assert standing(store).step_ended_at is None
    store.settle([message.rejected("msg_2", "550")], LATER)
    assert standing(store).step_ended_at == LATER


def test_the_message_of_a_step_that_was_left_ends_no_other_step(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    claimed(store)
    explore = mail("msg_2", step="explore")
    store.commit(Change(moves=[enrolment.parked(standing(store), "explore", NOW)], messages=[explore]), NOW)
    store.settle([message.accepted("msg_1", "a")], LATER)
    assert standing(store).step_ended_at is None


def test_a_step_without_messages_is_not_ended_by_another_ones(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    claimed(store)
    store.commit(Change(moves=[enrolment.parked(standing(store), "settle", NOW)]), NOW)
    store.settle([message.accepted("msg_1", "a")], LATER)
    assert standing(store).step_ended_at is None


def test_an_update_of_a_cta_does_not_hold_a_step(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [mail(), alert("msg_u", kind="cta_update")]), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "a")], LATER)
    assert standing(store).step_ended_at == LATER


def test_a_move_starts_the_next_step_without_an_end(on_its_way: SqlStore) -> None:
    on_its_way.settle([message.accepted("msg_1", "a")], NOW)
    on_its_way.commit(Change(moves=[enrolment.parked(standing(on_its_way), "settle", NOW)]), LATER)
    assert standing(on_its_way).step_ended_at is None


def test_two_workers_that_settle_the_last_two_messages_end_the_step(empty_postgres: str) -> None:
    """On PostgreSQL neither sees the other's message settled until it commits: the second has to wait for the first."""
    with SqlStore(empty_postgres) as first, SqlStore(empty_postgres) as second:
        first.commit(Change([passage()], (), [mail("msg_1"), mail("msg_2", recipient="con_b")]), NOW)
        claimed(first)
        worker = threading.Thread(target=second.settle, args=([message.accepted("msg_2", "b")], LATER))
        with first.database.write() as tx:
            messages.settle(tx, [message.accepted("msg_1", "a")], LATER)
            worker.start()
            worker.join(0.3)
        worker.join()
        assert standing(first).step_ended_at == LATER


def test_mails_to_customers_are_counted_by_contact(store: SqlStore) -> None:
    rows = [
        mail("msg_1"),
        mail("msg_2", kind="notice"),
        mail("msg_3", recipient="con_b"),
        mail("msg_4", recipient="csm@vendor.example", recipient_kind="staff"),
        alert("msg_5"),
        mail("msg_6", recipient="con_b"),
    ]
    store.commit(Change([passage()], (), rows), NOW)
    claimed(store)
    store.settle([message.accepted(f"msg_{n}", "x") for n in range(1, 6)], LATER)
    store.settle([message.rejected("msg_6", "550")], LATER)
    accounts, contacts, counts = store.emails_since(LATER, LATER + 1)
    assert sorted(zip(accounts, contacts, counts, strict=True)) == [("acc_1", "con_1", 2), ("acc_1", "con_b", 1)]
    assert store.emails_since(LATER + 1, LATER + DAY) == ([], [], [])
    assert store.emails_since(NOW, LATER) == ([], [], []), "none of the tick itself"


def test_every_message_is_counted_once_whatever_happens(store: SqlStore) -> None:
    """planned = accepted + skipped + rejected + uncertain + held + pending, after any history."""
    chance = random.Random(20)
    names = [f"{n:02}" for n in range(40)]
    store.commit(entered(*names), NOW)
    for turn in range(12):
        now = NOW + turn * MINUTE
        _one_turn(store, now, chance)
        n = store.counts()
        assert n.planned == len(names)
        assert n.planned == n.accepted + n.skipped + n.rejected + n.uncertain + n.held + n.pending
    n = store.counts()
    assert min(n.accepted, n.skipped, n.rejected, n.uncertain) > 0


def _one_turn(store: SqlStore, now: int, chance: random.Random) -> None:
    def verdict(candidates: Sequence[Candidate], sent: History) -> list[message.Move | None]:
        return [message.held(c.id, c.state, "caps", now + 1) if chance.random() < 0.3 else None for c in candidates]

    moves = []
    for candidate in store.claim(now, now, now, 10, HERE, verdict).dispatching:
        ends = [
            message.accepted(candidate.id, "sg"),
            message.rejected(candidate.id, "550"),
            message.lost_sight(candidate.id, "timeout"),
            message.retried(candidate.id, "429", now + 1),
        ]
        moves += chance.choices([*ends, None], k=1)
    store.settle([move for move in moves if move is not None], now)
    leaver = chance.choice(store.standing(PLAYBOOK, "d1", NOW + DAY))
    store.commit(Change(moves=[enrolment.finished(leaver, "exit", now)]), now)
    store.skip_left(now)


def test_a_delivered_cta_knows_where_its_message_stands(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [alert()], [fired()]), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "C1/17.2")], NOW)
    store.commit(Change([passage("enr_2")], (), [alert("msg_2", "enr_2")], [fired(fired_at=LATER)]), LATER)
    (update,) = claimed(store, now=LATER).dispatching
    assert update.provider_ref == "C1/17.2"
    assert [cta.fired_at for cta in store.open_ctas()] == [LATER]


def test_a_closed_cta_that_fires_opens_anew(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [alert()], [fired()]), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "C1/17.2")], NOW)
    store.close_ctas([("cta_1", "goal")], LATER)
    assert store.open_ctas() == []
    assert {id: cta.closed_reason for id, cta in store.ctas(["cta_1", "cta_unknown"]).items()} == {"cta_1": "goal"}
    store.commit(Change([passage("enr_2")], (), [alert("msg_2", "enr_2")], [fired(enrolment_id="enr_2", fired_at=LATER)]), LATER)
    assert [(cta.id, cta.enrolment_id) for cta in store.open_ctas()] == [("cta_1", "enr_2")]
    assert store.ctas(["cta_1"])["cta_1"].closed_reason == ""
    # A new message in Slack: the old one says that it is closed.
    assert claimed(store, now=LATER).dispatching[0].provider_ref == ""


def test_ctas_that_were_open_when_a_tick_began_are_counted_whatever_it_did(store: SqlStore) -> None:
    store.commit(Change([passage()], ctas=[fired(), fired("cta_2"), fired("cta_3", account_id="acc_3")]), NOW)
    assert store.ctas_open_before(NOW) == {}
    store.close_ctas([("cta_1", "goal")], LATER)
    assert store.ctas_open_before(LATER) == {"acc_1": 2, "acc_3": 1}
    assert store.ctas_open_before(LATER + 1) == {"acc_1": 1, "acc_3": 1}


def test_closing_a_cta_is_journalled_once(store: SqlStore) -> None:
    store.commit(Change([passage()], ctas=[fired()]), NOW)
    store.close_ctas([("cta_1", "goal"), ("cta_unknown", "goal")], LATER)
    store.close_ctas([("cta_1", "exit")], LATER)
    assert events(store) == [("cta_closed", "goal")]


def test_a_snoozed_cta_counts_as_open_and_stays_snoozed(store: SqlStore) -> None:
    store.commit(Change([passage()], ctas=[fired()]), NOW)
    with store.database.write() as tx:
        tx.run("UPDATE ctas SET state = 'snoozed'")
    store.commit(Change(ctas=[fired(fired_at=LATER)]), LATER)
    assert [cta.fired_at for cta in store.open_ctas()] == [LATER]
    with store.database.read() as tx:
        assert tx.rows("SELECT state FROM ctas") == [("snoozed",)]
