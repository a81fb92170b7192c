"""The store's contract: answers are kept once, the latest counts, and only those of people who still stand in the playbook are read."""

from __future__ import annotations

from typing import Any

from cs_engine.journey import enrolment
from cs_engine.ports import Answer, Change, GivenAnswer
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, DIGEST, MINUTE, NOW, PLAYBOOK, entered, events, line, passage, standing


def given(value: str = "9", enrolment: str = "enr_1", **other: Any) -> Answer:
    account = "acc_" + enrolment.removeprefix("enr_")
    values: dict[str, Any] = {
        "playbook": PLAYBOOK, "account_id": account, "subject_id": account, "step": "survey", "field": "score", "by": "con_1",
        "by_kind": "contact", "message_id": "msg_1", "answered_at": NOW,
    }  # fmt: skip
    return Answer(enrolment_id=enrolment, value=value, **values | other)


def put(store: SqlStore, *answers: Answer) -> int:
    return store.put_answers(answers, [line("answered", a.account_id, a.enrolment_id, reason=a.field) for a in answers])


def read(store: SqlStore, until: int = NOW + DAY) -> list[tuple[str, str, str]]:
    return sorted((answer.subject_id, answer.field, answer.value) for answer in store.answers([PLAYBOOK, "none"], until))


def test_an_answer_that_comes_twice_is_one_and_the_latest_counts(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    kept = [put(store, given(value, answered_at=NOW + n)) for n, value in enumerate(["9", "9", "2", "9"])]
    assert kept == [1, 0, 1, 1]
    assert read(store) == [("acc_1", "score", "9")]
    assert read(store, NOW + 2) == [("acc_1", "score", "2")], "what came later is not known yet"
    assert [event for event, _ in events(store)].count("answered") == 3


def test_fields_and_people_are_kept_apart(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    put(store, given("9"), given("slow", field="why"), given("1", "enr_2"), given("3", field="other", playbook="another"))
    assert read(store) == [("acc_1", "score", "9"), ("acc_1", "why", "slow"), ("acc_2", "score", "1")]
    assert store.answers([PLAYBOOK], NOW)[0] == GivenAnswer(PLAYBOOK, "acc_1", "survey", "score", "9")


def test_who_has_left_has_answered_nothing(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    put(store, given())
    store.commit(Change(moves=[enrolment.finished(standing(store), "done", NOW)]), NOW)
    assert read(store) == []


def test_of_two_passages_the_later_one_is_read(store: SqlStore) -> None:
    both = [passage("enr_1", key="a", subject_id="acc_1"), passage("enr_2", key="b", subject_id="acc_1", entered_at=NOW + MINUTE)]
    store.commit(Change(enrolments=both), NOW + MINUTE)
    put(store, given("9", subject_id="acc_1"))
    assert read(store) == []
    put(store, given("4", "enr_2", subject_id="acc_1"))
    assert read(store) == [("acc_1", "score", "4")]


def test_a_message_that_asks_is_found_whatever_became_of_it(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    found = store.asked("msg_1")
    assert found is not None
    assert (found.enrolment_id, found.digest, found.step, found.recipient, found.locale) == ("enr_1", DIGEST, "welcome", "con_1", "")
    assert store.asked("msg_9") is None
