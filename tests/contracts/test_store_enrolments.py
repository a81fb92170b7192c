"""The store's contract: changes, enrolments and their moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cs_engine.errors import LostRace
from cs_engine.journey import enrolment, message
from cs_engine.journey.enrolment import Passage, Standing, Timer
from cs_engine.ports import Change
from cs_engine.state import SqlStore
from cs_engine.state.database import RowRefused
from tests.contracts.state_rows import (
    DAY,
    DIGEST,
    HERE,
    NOW,
    PLAYBOOK,
    alert,
    claimed,
    entered,
    events,
    fired,
    line,
    mail,
    passage,
    standing,
    states,
)

LATER = NOW + DAY


def test_a_new_passage_stands_where_it_began(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    assert store.standing(PLAYBOOK, DIGEST, LATER) == [Standing("enr_1", "acc_1", "acc_1", "welcome", False, NOW, None, 0, NOW, None)]
    assert events(store) == [("entered", "")]
    assert states(store) == {"msg_1": "planned"}


def test_a_doubled_run_is_harmless(store: SqlStore, another: Callable[[], SqlStore]) -> None:
    change = entered("1", "2")._replace(ctas=[fired()])
    store.commit(change, NOW)
    another().commit(change, NOW)
    assert len(store.standing(PLAYBOOK, DIGEST, LATER)) == 2
    assert store.counts().planned == 2
    assert events(store) == [("entered", "")]


def test_what_hangs_on_a_passage_that_is_there_is_left_and_the_rest_goes_on(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    who = standing(store)
    store.commit(Change(moves=[enrolment.parked(who, "settle", LATER)], journal=[line("advanced")]), LATER)
    twin = entered("1", "2")
    finished_at_once = enrolment.Move("enr_1", 0, "finished", "welcome", False, NOW, "goal")
    store.commit(twin._replace(moves=[finished_at_once], ctas=[fired(step="x")]), LATER)
    assert standing(store).step == "settle"
    assert standing(store, "enr_2").step == "welcome"
    assert events(store) == [("entered", ""), ("advanced", "")]
    assert store.open_ctas() == []


def test_one_active_passage_a_playbook_subject_and_key(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    second = Change(
        [passage("enr_x", subject_id="acc_1", passage=2)], (), [mail("msg_x", "enr_x")], (), [line("entered", "acc_1", "enr_x")]
    )
    store.commit(second, LATER)
    assert [who.id for who in store.standing(PLAYBOOK, DIGEST, LATER + 1)] == ["enr_1"]
    assert events(store) == [("entered", "")]
    assert store.counts().planned == 1

    other_key = Change([passage("enr_y", subject_id="acc_1", key="contract-2")])
    store.commit(other_key, LATER)
    assert {who.id for who in store.standing(PLAYBOOK, DIGEST, LATER + 1)} == {"enr_1", "enr_y"}


def test_after_the_end_the_next_passage_may_begin(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    store.commit(Change(moves=[enrolment.finished(standing(store), "done", LATER)]), LATER)
    store.commit(Change([passage("enr_x", subject_id="acc_1", passage=2, entered_at=LATER)]), LATER)
    assert store.passages(PLAYBOOK) == [Passage("acc_1", "", 2, True, LATER, False)]


def test_a_move_is_guarded_by_its_revision(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    who = standing(store)
    store.commit(Change(moves=[enrolment.parked(who, "settle", LATER)]), LATER)
    with pytest.raises(LostRace):
        store.commit(Change(moves=[enrolment.parked(who, "explore", LATER)]), LATER)
    assert standing(store) == Standing("enr_1", "acc_1", "acc_1", "settle", False, LATER, None, 1, NOW, None)


def test_a_lost_race_takes_everything_back(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    before = standing(store, "enr_2")
    gone = standing(store)._replace(revision=7)
    change = Change(
        [passage("enr_3")],
        [enrolment.parked(before, "settle", LATER), enrolment.parked(gone, "settle", LATER)],
        [mail("msg_3", "enr_3")],
        [fired()],
        [line("advanced")],
    )
    with pytest.raises(LostRace):
        store.commit(change, LATER)
    assert {who.id for who in store.standing(PLAYBOOK, DIGEST, LATER)} == {"enr_1", "enr_2"}
    assert standing(store, "enr_2") == before
    assert store.counts().planned == 2
    assert store.open_ctas() == []
    assert events(store) == [("entered", "")]


def test_a_passage_may_begin_and_end_in_one_change(store: SqlStore) -> None:
    end = enrolment.Move("enr_1", 0, "finished", "welcome", False, NOW, "goal")
    store.commit(Change([passage()], [end]), NOW)
    assert store.standing(PLAYBOOK, DIGEST, LATER) == []
    (view,) = store.enrolments_of("acc_1", PLAYBOOK)
    assert (view.state, view.finished_reason, view.finished_at) == ("finished", "goal", NOW)


def test_who_moved_in_this_tick_is_not_moved_again_by_its_repeat(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    assert store.standing(PLAYBOOK, DIGEST, NOW) == []
    store.commit(Change(moves=[enrolment.parked(standing(store), "settle", NOW + 5)]), LATER)
    assert [who.id for who in store.standing(PLAYBOOK, DIGEST, LATER)] == ["enr_2"]


def test_the_pointer_keeps_whether_otherwise_is_done(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    store.commit(Change(moves=[enrolment.parked(standing(store), "first-change", LATER, otherwise_done=True)]), LATER)
    assert standing(store).otherwise_done is True
    assert store.enrolments_of("acc_1", PLAYBOOK)[0].otherwise_done is True


def test_standing_is_of_one_plan(store: SqlStore) -> None:
    store.commit(Change([passage("enr_1"), passage("enr_2", digest="d2"), passage("enr_3", playbook="other")]), NOW)
    assert [who.id for who in store.standing(PLAYBOOK, "d2", LATER)] == ["enr_2"]
    assert store.occupied() == [(PLAYBOOK, DIGEST, 1), (PLAYBOOK, "d2", 1), ("other", DIGEST, 1)]


def test_who_may_be_sent_something_is_found_in_all_but_the_playbooks_that_are_named(store: SqlStore) -> None:
    """Not who has moved in this tick, whose mail waits longer, or who has none."""
    other: dict[str, Any] = {"playbook": "other", "digest": "d2"}
    store.commit(
        Change(
            [passage("enr_1"), passage("enr_2"), passage("enr_3"), passage("enr_4"), passage("enr_5", **other)],
            (),
            [
                mail("msg_1", "enr_1"),
                mail("msg_1b", "enr_1"),
                mail("msg_2", "enr_2"),
                mail("msg_4", "enr_4"),
                mail("msg_5", "enr_5", **other),
            ],
        ),
        NOW,
    )
    store.settle([message.held("msg_2", message.State.PLANNED, "quiet_hours", NOW + DAY)], NOW)
    store.settle([message.skipped("msg_4", message.State.PLANNED, "refused")], NOW)
    assert [(digest, who.id) for digest, who in store.with_mail(["other"], NOW, NOW + 1)] == [(DIGEST, "enr_1")]
    assert [who.id for _, who in store.with_mail([], NOW + DAY, NOW + 1)] == ["enr_1", "enr_2", "enr_5"]
    assert [who.id for _, who in store.with_mail(["other"], NOW, NOW + 1, ["quiet_hours"])] == ["enr_1", "enr_2"]
    assert store.with_mail([], NOW, NOW) == []


def test_a_plan_is_needed_until_its_messages_have_ended_and_its_ctas_are_closed(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [alert()], [fired()]), NOW)
    store.commit(Change(moves=[enrolment.finished(standing(store), "goal", LATER)]), LATER)
    assert store.occupied() == [(PLAYBOOK, DIGEST, 0)]
    store.skip_left(LATER)
    assert store.occupied() == [(PLAYBOOK, DIGEST, 0)]
    store.close_ctas([("cta_1", "goal")], LATER)
    assert store.occupied() == []


def test_passages_tell_the_last_one_of_each_subject_and_key(store: SqlStore) -> None:
    store.commit(Change([passage("enr_1"), passage("enr_2", subject_id="acc_1", key="k")]), NOW)
    store.commit(Change(moves=[enrolment.finished(standing(store), "exit", LATER)]), LATER)
    assert sorted(store.passages(PLAYBOOK)) == [
        Passage("acc_1", "", 1, False, LATER, False),
        Passage("acc_1", "k", 1, True, NOW, False),
    ]


def test_ctas_and_messages_of_one_change_belong_together(store: SqlStore) -> None:
    store.commit(Change([passage()], (), [alert()], [fired()]), NOW)
    assert [(cta.id, cta.subject_id, cta.digest) for cta in store.open_ctas()] == [("cta_1", "acc_1", DIGEST)]


def test_ten_thousand_in_one_change(store: SqlStore) -> None:
    names = [f"{n:05}" for n in range(10_000)]
    store.commit(entered(*names), NOW)
    everyone = store.standing(PLAYBOOK, DIGEST, LATER)
    assert len(everyone) == 10_000
    store.commit(Change(moves=[enrolment.parked(who, "settle", LATER) for who in everyone]), LATER)
    assert {who.revision for who in store.standing(PLAYBOOK, DIGEST, LATER + 1)} == {1}


def test_an_unknown_state_is_refused_by_the_database(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    for table in ("enrolments", "messages"):
        with pytest.raises(RowRefused, match=table), store.database.write() as tx:
            tx.run(f"UPDATE {table} SET state = 'lost'")


def test_passed_over_are_added_and_dropped(store: SqlStore) -> None:
    store.put_passed_over(PLAYBOOK, [("a", ""), ("b", "k")], [])
    store.put_passed_over(PLAYBOOK, [("b", "k"), ("c", "")], [("a", ""), ("nobody", "")])
    store.put_passed_over("other", [("a", "")], [])
    assert store.passed_over(PLAYBOOK) == {("b", "k"), ("c", "")}


def test_a_passage_is_rearmed_once_its_subject_did_not_match(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    store.rearm(["enr_1"])
    assert {p.subject_id: p.rearmed for p in store.passages(PLAYBOOK)} == {"acc_1": True, "acc_2": False}


def test_timers_are_stopped_and_started_for_who_has_not_moved(store: SqlStore) -> None:
    store.commit(entered("1"), NOW)
    who = standing(store)
    store.set_timers([Timer(who.id, who.revision, NOW, None, LATER)], [line("held", reason="hold")])
    assert standing(store).held_since == LATER
    assert store.enrolments_of("acc_1", PLAYBOOK)[0].held_since == LATER
    store.set_timers([Timer(who.id, who.revision + 1, NOW + 5, NOW, None)], [])
    assert standing(store) == who._replace(held_since=LATER)
    store.set_timers([Timer(who.id, who.revision, NOW + 5, NOW, None)], [])
    assert standing(store) == who._replace(since=NOW + 5, step_ended_at=NOW)


def test_what_is_held_for_a_reason_can_be_woken(store: SqlStore) -> None:
    store.commit(entered("1", "2"), NOW)
    reasons = {"msg_1": "hold", "msg_2": "quiet_hours"}
    store.claim(NOW, NOW, NOW, 10, HERE, lambda cs, _history: [message.held(c.id, c.state, reasons[c.id], LATER) for c in cs])
    assert [c.id for c in store.held_for("hold")] == ["msg_1"]
    store.wake(["msg_1"], NOW + 1)
    assert [c.id for c in claimed(store, now=NOW + 1).dispatching] == ["msg_1"]


def test_who_went_to_another_account_is_told_from_all_others_who_have_ended(store: SqlStore) -> None:
    ids = {reason: f"enr_{reason}" for reason in ("moved", "exit", "stays")}
    store.commit(Change([passage(id, key="k") for id in ids.values()]), NOW)
    store.commit(Change(moves=[enrolment.finished(standing(store, ids[reason]), reason, LATER) for reason in ("moved", "exit")]), LATER)
    assert store.moved(PLAYBOOK) == {("acc_moved", "k", 1)}
    assert store.moved("another") == set()
