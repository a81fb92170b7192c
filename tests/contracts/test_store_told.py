"""The store's contract: what messages read of answers and approvals, copies of CTAs, and a person's word on what is uncertain."""

from __future__ import annotations

from typing import Any

import pytest

from cs_engine.journey import message
from cs_engine.journey.approval import AWAITING, Answer, Approval
from cs_engine.journey.message import State
from cs_engine.ports import AccountRow, Candidate, Change, ContactRow, Envelope, PassageAnswer
from cs_engine.state import SqlStore
from tests.contracts.state_rows import DAY, DIGEST, NOW, PLAYBOOK, alert, claimed, entered, fired, line, mail, passage, states
from tests.contracts.test_store_answers import given, put


def test_messages_read_the_latest_answers_of_their_own_passages_by_then(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    put(
        store,
        given("3"),
        given("9", answered_at=NOW + 5),
        given("1", "enr_2"),
        given("slow", field="why"),
        given("0", "enr_2", step="later"),
    )
    read = PassageAnswer("enr_1", "survey", "score", "9")
    assert set(store.answers_in(["enr_1"], NOW + DAY)) == {read, PassageAnswer("enr_1", "survey", "why", "slow")}
    assert read._replace(value="3") in store.answers_in(["enr_1"], NOW), "what came later is not known yet"
    assert len(store.answers_in(["enr_1", "enr_2", "enr_2"], NOW + DAY)) == 4
    assert store.answers_in([], NOW) == []


def test_of_several_questions_the_latest_answer_of_each_contact_by_then_is_told_and_no_staffs(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    put(
        store,
        given("3"),
        given("9", answered_at=NOW + 5),
        given("4", "enr_2", step="later", by="con_2"),
        given("slow", field="why", answered_at=NOW + 6),
        given("0", "enr_2", by="lead@vendor.example", by_kind="staff"),
    )
    asked = [(PLAYBOOK, "survey", "score"), (PLAYBOOK, "later", "score")]
    told = store.latest_answers(asked, NOW + DAY)
    assert sorted(value for _, _, value in told) == ["4", "9"]
    assert "3" in [value for _, _, value in store.latest_answers(asked, NOW)], "what came later is not known yet"
    assert store.latest_answers([("another", "survey", "score")], NOW + DAY) == []


def asked(id: str, **other: Any) -> Approval:
    return Approval(id, PLAYBOOK, "acc_1", "acc_1", "enr_1", "welcome", "lead@vendor.example", "s", "t", "", NOW, NOW + DAY, **other)


def test_an_envelope_tells_to_whom_a_message_goes_and_what_has_become_of_it(store: SqlStore) -> None:
    store.commit(Change(enrolments=[passage()], messages=[mail()]), NOW)
    nobody_known = Envelope(DIGEST, "con_1", "contact", "", "", "planned", "", settled=False)
    assert store.envelope("msg_1") == nobody_known
    store.put_people([AccountRow("acc_1", "Example", "", "", "", None)], [ContactRow("con_1", "acc_1", "", "", "Ken", "", "", "", None)])
    assert store.envelope("msg_1") == nobody_known._replace(name="Ken", account="Example")
    claimed(store)
    store.settle([message.accepted("msg_1", "ref")], NOW)
    known = store.envelope("msg_1")
    assert known is not None
    assert (known.state, known.settled) == ("accepted", True)
    assert store.envelope("msg_none") is None


def with_copy(store: SqlStore) -> None:
    """A CTA, its alert and a copy."""
    copy = alert("msg_copy", kind="cta_copy", recipient="kim@vendor.example")
    store.commit(Change(enrolments=[passage()], messages=[alert("msg_alert"), copy], ctas=[fired(enrolment_id="enr_1")]), NOW)


def test_a_yes_to_an_alert_wakes_its_copies_too(store: SqlStore) -> None:
    with_copy(store)
    assert [c.id for c in store.unread({"welcome", "more"})] == ["msg_alert"], "nobody is asked about a copy"
    assert store.unread({"another"}) == []
    store.ask_approval([asked("msg_alert")], [], [])

    def waits(candidates: Any, _: Any) -> list[message.Move]:
        return [message.held(c.id, c.state, AWAITING, NOW + DAY) for c in candidates]

    claimed(store, verdict=waits)
    assert claimed(store).dispatching == []
    assert [a.message_id for a in store.approvals_of({"enr_1", "enr_2"})] == ["msg_alert"]
    assert store.answer_approval(asked("msg_alert", answer=Answer.APPROVED, by="lead"), line("approved"))
    assert sorted(c.id for c in claimed(store).dispatching) == ["msg_alert", "msg_copy"]


def test_a_deadline_that_moves_is_not_over_any_more(store: SqlStore) -> None:
    store.commit(Change(enrolments=[passage()], messages=[mail()]), NOW)
    assert store.unanswered({"welcome"}) == []
    store.ask_approval([asked("msg_1")], [], [])
    assert [c.id for c in store.unanswered({"welcome", "more"})] == ["msg_1"]
    store.escalate_approval(["msg_1"], NOW, [], [])
    store.move_deadlines([("msg_1", NOW + 9 * DAY)])
    assert [(a.deadline, a.escalated_at) for a in store.approvals_waiting()] == [(NOW + 9 * DAY, None)]
    assert store.answer_approval(asked("msg_1", answer=Answer.APPROVED, by="lead"), line("approved"))
    assert store.unanswered({"welcome"}) == []


def test_a_no_to_an_alert_closes_its_cta_and_the_copy_with_it(store: SqlStore) -> None:
    with_copy(store)

    def refused(candidates: list[Candidate], _: Any) -> list[message.Move | None]:
        return [
            message.skipped(c.id, c.state, "refused") if c.kind == "cta" else message.held(c.id, c.state, AWAITING, NOW) for c in candidates
        ]

    claimed(store, verdict=refused)  # type: ignore[arg-type]
    assert store.open_ctas() == []
    assert claimed(store).dispatching == []
    assert states(store) == {"msg_alert": "skipped", "msg_copy": "skipped"}


def test_a_copy_tells_of_the_opening_alone(store: SqlStore) -> None:
    with_copy(store)
    assert len(claimed(store).dispatching) == 2
    again = alert("msg_again", kind="cta_copy", recipient="kim@vendor.example", planned_at=NOW + DAY)
    store.commit(Change(messages=[again], ctas=[fired(enrolment_id="enr_1", fired_at=NOW + DAY)]), NOW + DAY)
    assert claimed(store, now=NOW + DAY).dispatching == []
    assert states(store)["msg_again"] == "skipped"


@pytest.mark.parametrize(("state", "left"), [(State.ACCEPTED, "accepted"), (State.PLANNED, "planned")])
def test_a_persons_word_counts_once_and_only_of_what_is_uncertain(store: SqlStore, state: State, left: str) -> None:
    store.commit(Change(enrolments=[passage()], messages=[mail()]), NOW)
    word, said = message.resolved("msg_1", state, "said"), line("resolved", reason="kim: she answered")
    assert not store.resolve(word, said, NOW)
    claimed(store)
    store.settle([message.lost_sight("msg_1", "timeout")], NOW)
    assert [store.resolve(word, said, NOW + 1) for _ in range(2)] == [True, False]
    assert states(store) == {"msg_1": left}
    assert [j.reason for j in store.journal("acc_1", PLAYBOOK) if j.event == "resolved"] == ["kim: she answered"]
