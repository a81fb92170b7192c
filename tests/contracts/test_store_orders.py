"""The store's contract: orders about playbooks, failures, and the alarms that tell of them."""

from __future__ import annotations

import pytest

from cs_engine.errors import LostRace
from cs_engine.journey import enrolment
from cs_engine.journey.guards import KEPT, Tally
from cs_engine.journey.message import ALARM, Alarm, State, accepted, held, rejected
from cs_engine.journey.migrate import Migration
from cs_engine.journey.mode import MODE, Reception
from cs_engine.journey.orders import FAILURES, PAUSE, Order, PlaybookFailure
from cs_engine.ports import Change, ContactRow
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, NOW, PLAYBOOK, claimed, entered, line, mail, standing


def order(account: str = "", **other: str) -> Order:
    return Order(PLAYBOOK, account, other.get("kind", PAUSE), NOW, "person", other.get("reason", "wrong"), other.get("value", ""))


def failure(n: int = 1, at: int = NOW, what: str = "step") -> PlaybookFailure:
    return PlaybookFailure(PLAYBOOK, at, "welcome", what, "KeyError", n)


def test_an_order_stands_until_it_is_taken_back_and_a_second_takes_its_place(store: SqlStore) -> None:
    store.order([order(), order("acc_1")], lines=[line("paused", "", "")])
    store.order([order(reason="wronger")])
    assert sorted(store.orders(NOW)) == [order(reason="wronger"), order("acc_1")]
    store.order(drop=[(PLAYBOOK, "", PAUSE), (PLAYBOOK, "acc_9", PAUSE)])
    assert store.orders(NOW) == [order("acc_1")]
    assert [entry.event for entry in store.journal("", PLAYBOOK)] == ["paused"]


def test_failures_of_the_last_24_hours_are_summed_up_a_step_that_raises_again_counts_once(store: SqlStore) -> None:
    store.fail([failure(), failure(3, what="message")])
    store.fail([failure(), failure(2, what="message")])
    store.fail([failure(at=NOW + DAY // 2)])
    for at, n in ((NOW, "6"), (NOW + DAY // 2, "7"), (NOW + DAY, "1")):
        (found,) = store.orders(at)
        assert (found.kind, found.playbook, found.value) == (FAILURES, PLAYBOOK, n)
    assert store.orders(NOW + 2 * DAY) == []


def test_failures_are_forgotten_when_the_playbooks_pause_is_taken_back(store: SqlStore) -> None:
    store.fail([failure()])
    store.order(drop=[(PLAYBOOK, "acc_1", PAUSE)])
    assert len(store.orders(NOW)) == 1
    store.order(drop=[(PLAYBOOK, "", PAUSE)])
    assert store.orders(NOW) == []


def test_an_alarm_belongs_to_no_passage_goes_all_the_same_and_keeps_no_plan_alive(store: SqlStore) -> None:
    told = mail(
        "msg_a", "", kind=ALARM, channel="slack", recipient="#cs", recipient_kind="channel", digest="", account_id="", subject_id=""
    )
    for _ in range(2):
        store.order(alarms=[Alarm(told, "It stands still.")])
    assert store.occupied() == []
    store.skip_left(NOW)
    assert [candidate.id for candidate in claimed(store).dispatching] == ["msg_a"]
    assert store.alarm_texts(["msg_a", "msg_b"]) == {"msg_a": "It stands still."}
    store.settle([accepted("msg_a", "C:1")], NOW)
    assert store.counts().accepted == 1


def test_what_is_lined_up_has_a_time_each_and_only_what_is_held_moves(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    store.settle([held("msg_1", State.PLANNED, "paused", NOW + DAY)], NOW)
    assert [candidate.id for candidate in store.held_for("hold", "paused")] == ["msg_1"]
    store.line_up([("msg_1", NOW + 5), ("msg_2", NOW + 5)], "resumed")
    assert [(c.id, c.reason) for c in store.held_for("resumed")] == [("msg_1", "resumed")]
    assert [c.id for c in claimed(store, now=NOW + 4).dispatching] == ["msg_2"]
    assert [c.id for c in claimed(store, now=NOW + 5).dispatching] == ["msg_1"]


def test_how_mail_was_received_counts_from_when_the_mode_began(store: SqlStore) -> None:
    people = [ContactRow(f"con_{n}", f"acc_{n}", "a@b.example", f"hash_{n}", "", "", "", "", None) for n in "1234"]
    store.put_people([], people)
    store.commit(entered("1"), NOW)
    claimed(store)
    store.settle([accepted("msg_1", "")], NOW)
    later = NOW + DAY
    store.order([Order(PLAYBOOK, "", MODE, later, "person", "", "canary"), Order("other", "", MODE, later, "person", "", "ramp")])
    store.commit(entered("2", "3", "4", now=later), later)
    claimed(store, now=later)
    store.settle([accepted("msg_2", ""), accepted("msg_3", ""), rejected("msg_4", "550")], later)
    assert store.receptions() == [Reception(PLAYBOOK, 2, 1, 0)]
    store.suppress("hash_3", "complaint", later)
    store.suppress("hash_2", "asked", later)
    assert store.receptions() == [Reception(PLAYBOOK, 2, 1, 1)]
    store.order(drop=[(PLAYBOOK, "", PAUSE)])
    assert store.receptions() == [], "a resume counts anew"


def test_people_come_into_another_version_or_end_all_or_nothing(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    one, two = standing(store, "enr_1"), standing(store, "enr_2")
    move = Migration(one.id, one.revision, "d2", "settle", False, one.since, None, 0)
    with pytest.raises(LostRace):
        store.migrate_people([move], [enrolment.finished(two._replace(revision=9), "step_removed", NOW)], [], NOW)
    assert standing(store, "enr_1") == one
    store.migrate_people([move], [enrolment.finished(two, "step_removed", NOW)], [line("migrated")], NOW)
    (moved,) = store.standing(PLAYBOOK, "d2", NOW + DAY)
    assert (moved.id, moved.step, moved.since, moved.revision) == ("enr_1", "settle", one.since, one.revision + 1)
    assert store.enrolments_of("acc_2", PLAYBOOK)[0].finished_reason == "step_removed"
    with pytest.raises(LostRace):
        store.migrate_people([move], [], [], NOW)


def test_tallies_of_a_run_add_up_and_the_oldest_are_forgotten(store: SqlStore) -> None:
    for number in range(KEPT + 5):
        store.commit(Change(tallies=[Tally(PLAYBOOK, "mails", NOW + number, 2)]), NOW)
    store.commit(Change(tallies=[Tally(PLAYBOOK, "mails", NOW + KEPT + 4, 3), Tally("", "accounts", NOW, 7)]), NOW)
    kept = [tally for tally in store.tallies() if tally.what == "mails"]
    assert (len(kept), kept[0].at, kept[-1].n) == (KEPT, NOW + 5, 5)
    assert Tally("", "accounts", NOW, 7) in store.tallies()
