"""The store's contract: what is old goes, and only that."""

from __future__ import annotations

from cs_engine.journey import enrolment
from cs_engine.journey.aftermath import aftermath_of
from cs_engine.journey.enrolment import Standing
from cs_engine.journey.message import Alarm, accepted
from cs_engine.journey.provider_event import DELIVERED, event_id_of
from cs_engine.ports import Change, JournalLine
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, NOW, PLAYBOOK, claimed, mail, passage
from tests.contracts.test_store_provider_events import told


def written(store: SqlStore, at: int, *lines: tuple[str, str]) -> None:
    """Lines (passage, event) at that instant."""
    store.commit(Change(journal=[JournalLine(at, PLAYBOOK, "acc_1", "", id, "", event, "", "") for id, event in lines]), at)


def left(store: SqlStore) -> list[tuple[str, str, int]]:
    with store.database.read() as tx:
        return [(id, event, (at - NOW) // DAY) for id, event, at in tx.rows("SELECT enrolment_id, event, at FROM journal ORDER BY line")]


def ended(store: SqlStore, id: str, at: int) -> None:
    (who,) = [w for w in store.standing(PLAYBOOK, passage(id).digest, at + 1) if w.id == id]
    assert isinstance(who, Standing)
    store.commit(Change(moves=[enrolment.finished(who, "done", at)]), at)


def test_old_lines_of_passages_that_ended_go_so_many_at_a_time_and_no_others(store: SqlStore) -> None:
    store.commit(Change([passage("enr_old"), passage("enr_late"), passage("enr_on")]), NOW)
    for day in range(6):
        written(store, NOW + day * DAY, ("enr_old", "a"), ("enr_late", "b"), ("enr_on", "c"), ("", "lost"), ("", "paused"))
    ended(store, "enr_old", NOW + 2 * DAY)
    ended(store, "enr_late", NOW + 5 * DAY)
    assert store.forget_journal(NOW, 100) == 0
    before = NOW + 4 * DAY
    assert [store.forget_journal(before, 3) for _ in range(4)] == [3, 3, 2, 0]
    events = left(store)
    assert [line for line in events if line[1] == "a"] == [("enr_old", "a", 4), ("enr_old", "a", 5)]
    assert [line for line in events if line[1] == "lost"] == [("", "lost", 4), ("", "lost", 5)]
    assert {event: sum(line[1] == event for line in events) for event in ("b", "c", "paused")} == {"b": 6, "c": 6, "paused": 6}


def test_messages_are_bared_in_pieces_and_once_and_unapplied_events_stay(store: SqlStore) -> None:
    for day in range(4):
        ids = [f"msg_{day}{number}" for number in range(3)]
        alarms = [Alarm(mail(id, enrolment="", kind="alarm", planned_at=NOW + day * DAY), "words") for id in ids]
        store.commit(Change(notes=alarms), NOW + day * DAY)
        claimed(store, NOW + day * DAY)
        store.settle([accepted(id, "") for id in ids], NOW + day * DAY)
        at = NOW + day * DAY
        store.receive([told(event_id_of(id, "", DELIVERED, at, ""), DELIVERED, message_id=id, at=at) for id in ids])
        if day < 3:
            store.apply_events(10, aftermath_of, NOW + day * DAY)
    left = "SELECT (SELECT count(*) FROM alarms), (SELECT count(*) FROM deliveries), (SELECT count(*) FROM messages)"
    assert store.forget_messages(NOW, 4) == 0
    before = NOW + 3 * DAY
    assert [store.forget_messages(before, 4) for _ in range(4)] == [3, 3, 3, 0], "what was settled in one tick is not parted"
    assert [store.forget_messages(before + DAY, 2) for _ in range(2)] == [3, 0], "the others are not looked at again"
    assert counted(store, left) == (0, 0, 12)
    assert [store.forget_events(NOW + 9 * DAY, 5) for _ in range(3)] == [5, 4, 0]


def counted(store: SqlStore, sql: str) -> tuple[int, ...]:
    with store.database.read() as tx:
        row = tx.row(sql)
    assert row is not None
    return row


def test_changes_go_but_for_those_that_are_looked_at_still(store: SqlStore) -> None:
    for name in ("plan", "stage"):
        for day in range(4):
            store.see(name, {"acc_1": str(day)}, NOW + day * DAY)
    assert store.forget_changes(NOW + 3 * DAY, {"plan": NOW + 2 * DAY}) == 1 + 2
    assert [len(store.changes(name, 0, NOW + 9 * DAY)) for name in ("plan", "stage")] == [2, 1]


def test_spells_that_are_over_go(store: SqlStore) -> None:
    store.see_spells({"held_since:account/1/x": ["acc_1", "acc_2"]}, NOW)
    store.see_spells({"held_since:account/1/x": ["acc_1"]}, NOW + DAY)
    assert store.forget_changes(NOW + DAY, {}) == 0
    assert store.forget_changes(NOW + 2 * DAY, {}) == 1
    assert store.spells(["held_since:account/1/x"], NOW + 5 * DAY) == {"held_since:account/1/x": (["acc_1"], [NOW])}
