"""The store's contract: touches, reactions, and contacts that are lost."""

from __future__ import annotations

from cs_engine.journey import message
from cs_engine.journey.touch import LOST, Loss, Reaction, Touch
from cs_engine.ports import AccountRow, Answer, ContactRow, JournalLine, LossCount, Touched
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, MINUTE, NOW, PLAYBOOK, claimed, entered

CALL = Touch("tch_1", "acc_1", "con_1", "call", "alex@vendor.example", NOW + MINUTE)
LETTER = Touch("tch_2", "acc_1", "", "mail", "alex@vendor.example", NOW + 2 * MINUTE)


def sent(store: SqlStore, topic: str = "onboarding") -> None:
    """One mail to con_1 was accepted at NOW."""
    change = entered("1")
    store.commit(change._replace(messages=[m._replace(topic=topic) for m in change.messages]), NOW)
    claimed(store)
    store.settle([message.accepted("msg_1", "sg-1")], NOW)


def test_a_touch_logged_again_is_nothing(store: SqlStore) -> None:
    assert store.log_touches([CALL, LETTER, CALL], [Reaction("acc_1", "con_1", "talked", NOW)]) == 2
    assert store.log_touches([CALL], [Reaction("acc_1", "con_1", "talked", NOW)]) == 0
    found = store.touched(NOW, NOW + DAY)
    assert (len(found.touches), len(found.reactions)) == (2, 1)


def test_touches_are_our_mails_and_what_people_logged_in_the_span(store: SqlStore) -> None:
    sent(store)
    store.log_touches([CALL, LETTER])
    store.log_touches([], [Reaction("acc_1", "con_1", "click", NOW + DAY)])
    assert sorted(store.touched(NOW, CALL.at + 1).touches) == [("acc_1", "con_1", NOW), ("acc_1", "con_1", CALL.at)]
    assert store.touched(NOW + 1, LETTER.at) == Touched([("acc_1", "con_1", CALL.at)], [])
    assert store.touched(NOW + DAY, NOW + 2 * DAY).reactions == [("acc_1", "con_1", NOW + DAY)]


def test_transactional_mail_is_no_touch(store: SqlStore) -> None:
    sent(store, "transactional")
    assert store.touched(0, NOW + DAY).touches == []


def test_what_a_customer_answered_is_a_reaction(store: SqlStore) -> None:
    sent(store)
    given = Answer("enr_1", PLAYBOOK, "acc_1", "acc_1", "welcome", "score", "9", "con_1", "contact", "msg_1", NOW + MINUTE)
    ours = given._replace(field="note", by="alex@vendor.example", by_kind="staff")
    line = JournalLine(NOW, PLAYBOOK, "acc_1", "acc_1", "enr_1", "welcome", "answered", "score", "")
    store.put_answers([given, ours], [line, line])
    assert store.touched(NOW, NOW + DAY).reactions == [("acc_1", "con_1", NOW + MINUTE)]
    assert [(t.kind, t.contact_id, t.step) for t in store.touches_of("acc_1", NOW + 1)] == [("answer", "con_1", "welcome")]


def test_mails_that_people_logged_count_as_mails(store: SqlStore) -> None:
    sent(store)
    store.log_touches([CALL, LETTER])
    accounts, contacts, counts = store.emails_since(NOW, NOW + DAY)
    assert sorted(zip(accounts, contacts, counts, strict=True)) == [("acc_1", "", 1), ("acc_1", "con_1", 1)]


def test_the_ledger_of_an_account_is_newest_first(store: SqlStore) -> None:
    sent(store)
    store.log_touches([CALL, LETTER])
    store.log_touches([], [Reaction("acc_1", "con_1", "click", NOW + DAY)])
    assert [(line.kind, line.playbook, line.by) for line in store.touches_of("acc_1", 0)] == [
        ("click", "", ""), ("mail", "", "alex@vendor.example"), ("call", "", "alex@vendor.example"), ("mail", PLAYBOOK, ""),
    ]  # fmt: skip
    assert store.touches_of("acc_2", 0) == []


def test_a_loss_is_counted_once_until_it_is_regained(store: SqlStore) -> None:
    sent(store)
    assert store.last_playbooks(["con_1", "con_2"]) == {"con_1": PLAYBOOK}
    line = JournalLine(NOW, PLAYBOOK, "acc_1", "con_1", "", "", "lost", LOST, "")
    loss = Loss("con_1", "acc_1", PLAYBOOK, "alex@vendor.example", NOW)
    store.put_lost([loss, Loss("con_2", "acc_1", "", "", NOW)], (), NOW, [line])
    store.put_lost([loss], (), NOW, [])
    assert store.lost() == {"con_1", "con_2"}
    store.put_lost([], ["con_1"], NOW + DAY, [])
    store.put_lost([loss._replace(lost_at=NOW + 2 * DAY)], ["con_2"], NOW + 2 * DAY, [])
    assert store.lost() == {"con_1"}
    assert store.loss_counts() == [LossCount(PLAYBOOK, "alex@vendor.example", 2, 1), LossCount("", "", 1, 0)]
    assert [(j.event, j.reason) for j in store.journal("acc_1", PLAYBOOK) if j.event == "lost"] == [("lost", LOST)]


def test_the_contacts_of_an_account_are_known_and_so_is_that_there_is_none(store: SqlStore) -> None:
    store.put_people([AccountRow("acc_1", "One", "", "", "", None)], [ContactRow("con_1", "acc_1", "", "", "", "", "", "", None)])
    assert (store.known_contacts("acc_1"), store.known_contacts("acc_2")) == (["con_1"], None)
