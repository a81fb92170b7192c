"""The store's contract: orders for single steps, guarded by where the passage stands and by what has left."""

from __future__ import annotations

import pytest

from cs_engine.errors import LostRace, OnItsWay
from cs_engine.journey.enrolment import Move
from cs_engine.journey.step_orders import StepOrder
from cs_engine.ports import Change, OrderedStep
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, NOW, PLAYBOOK, claimed, entered

SKIP = StepOrder("enr_1", "welcome", "skip", 0, NOW, "csm@vendor.example", "spoke to them")
LATER = SKIP._replace(kind="postpone", until=NOW + DAY)


def at(order: StepOrder, step: str = "welcome", since: int = NOW) -> OrderedStep:
    return OrderedStep(order, PLAYBOOK, "acc_1", "acc_1", step, since)


def states(store: SqlStore) -> list[tuple[str, str, int | None]]:
    return [(m.state, m.reason, m.until) for m in store.messages_of("acc_1", PLAYBOOK)]


def test_a_skip_takes_back_what_is_planned_and_ends_the_step(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    assert store.order_steps([at(SKIP)], NOW) == [True]
    assert states(store) == [("skipped", "by_hand", None)]
    assert [who.step_ended_at for who in store.standing(PLAYBOOK, "d1", NOW + DAY)] == [NOW]
    assert store.step_orders() == store.step_orders_of("acc_1", PLAYBOOK) == [SKIP]
    assert [(j.event, j.reason) for j in store.journal("acc_1", PLAYBOOK)][-2:] == [
        ("skip_ordered", "csm@vendor.example: spoke to them"),
        ("skipped", "by_hand"),
    ]


def test_a_time_holds_what_is_planned_and_the_last_one_holds(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    earlier = LATER._replace(until=NOW + DAY // 2)
    assert [store.order_steps([at(order)], NOW) for order in (LATER, LATER, earlier)] == [[True], [False], [True]]
    assert states(store) == [("held", "postponed", NOW + DAY // 2)]
    assert store.step_orders() == [earlier]


def test_a_message_on_its_way_is_refused_and_nothing_is_changed(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    claimed(store)
    with pytest.raises(OnItsWay):
        store.order_steps([at(SKIP)], NOW)
    assert store.step_orders() == []
    assert [state for state, _, _ in states(store)] == ["dispatching"]


def test_a_passage_that_stands_elsewhere_loses_the_race(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    for elsewhere in (at(SKIP, step="settle"), at(SKIP, since=NOW - 1)):
        with pytest.raises(LostRace):
            store.order_steps([elsewhere], NOW)
    assert store.step_orders() == []


def test_a_tick_that_decided_before_the_order_loses_its_race(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    (who,) = store.standing(PLAYBOOK, "d1", NOW + 1)
    store.order_steps([at(SKIP)], NOW)
    with pytest.raises(LostRace):
        store.commit(Change(moves=[Move(who.id, who.revision, "active", "settle", False, NOW, "")]), NOW + 1)


def test_orders_of_passages_that_have_ended_are_not_told_to_ticks(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    store.order_steps([at(SKIP)], NOW)
    (who,) = store.standing(PLAYBOOK, "d1", NOW + 1)
    store.commit(Change(moves=[Move(who.id, who.revision, "finished", "welcome", False, NOW, "goal")]), NOW + 1)
    assert store.step_orders() == []
    assert store.step_orders_of("acc_1", PLAYBOOK) == [SKIP]
